package fakeorg

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
)

// The bytes of a file that one upload may hold: 150 MB once it is in base64.
const maxUpload = 150 << 20 / 4 * 3

// maxInline is how long the file in a multipart request may be.
const maxInline = 100_000

// upload is PUT /jobs/ingest/{job}/batches.
func (c *call) upload() *answer {
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	j, refused := c.ownJob()
	switch {
	case refused != nil:
		return refused
	case j.state != stateOpen:
		return refuse(http.StatusBadRequest, "INVALIDJOBSTATE", "Uploading to already %s Job not allowed", j.stateName())
	case c.org.now().Sub(j.created) >= openLife:
		return tooOld()
	case j.uploaded:
		return invalidJob("Found multiple contents for job: <%s>, please 'Close' / 'Abort' / 'Delete' the current Job then "+
			"create a new Job and make sure you only do 'PUT' once on a given Job.", j.id)
	}
	j.meet(c.fault)
	j.data, j.uploaded = c.body, true
	j.modified = c.org.clock()
	return &answer{status: http.StatusCreated}
}

// jobParts splits the request that creates a job into its settings and, from a multipart request, its file.
func (c *call) jobParts() (settings, file []byte, refused *answer) {
	kind, params, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		return c.body, nil, nil
	}
	parts := multipart.NewReader(bytes.NewReader(c.body), params["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, invalidJob("Unable to parse Job")
		}
		body, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, invalidJob("Unable to parse Job")
		}
		switch part.FormName() {
		case "job":
			settings = body
		case "content":
			file = body
		}
	}
	switch {
	case settings == nil || file == nil:
		return nil, nil, invalidJob("A multipart request needs the parts job and content")
	case len(file) > maxInline:
		return nil, nil, refuse(http.StatusBadRequest, "CLIENTINPUTERROR",
			"The content of a multipart request is limited to %d characters", maxInline)
	}
	return settings, file, nil
}

func tooOld() *answer {
	return refuse(http.StatusBadRequest, "INVALIDJOBSTATE", "The job is more than 24 hours old")
}

// uploads tells whether a path takes the file of a Bulk job.
func uploads(path string) bool {
	return strings.Contains(path, "/jobs/ingest/") && strings.HasSuffix(path, "/batches")
}

// readAll reads a body of up to limit bytes and one more. It holds the body at most twice, in pieces and as a whole.
func readAll(body io.Reader, size, limit int64) ([]byte, error) {
	body = io.LimitReader(body, limit+1)
	if size >= 0 {
		whole := make([]byte, min(size, limit+1))
		n, err := io.ReadFull(body, whole)
		return whole[:n], err
	}
	var pieces [][]byte
	for {
		piece := make([]byte, 1<<20)
		n, err := fill(body, piece)
		pieces = append(pieces, piece[:n])
		if errors.Is(err, io.EOF) {
			return bytes.Join(pieces, nil), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// fill reads until the buffer is full. Unlike io.ReadFull it tells a body that ended from one that broke off.
func fill(body io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var m int
		m, err = body.Read(buffer[n:])
		n += m
	}
	return n, err
}
