package fakeorg

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
)

// The results of a job: GET /jobs/ingest/{job}/successfulResults, failedResults and unprocessedrecords.
func (c *call) successfulResults() *answer {
	return c.results(`"sf__Id"`, `"sf__Created"`, succeeded, created)
}

func (c *call) failedResults() *answer { return c.results(`"sf__Id"`, `"sf__Error"`, failed, failed) }

func (c *call) unprocessedRecords() *answer { return c.results("", "", unprocessed, unprocessed) }

// results answers the rows of a job that came out one way or the other, in an order of their own.
func (c *call) results(first, second string, one, other outcome) *answer {
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	j, refused := c.job()
	if refused != nil {
		return refused
	}
	if !j.ended() {
		return refuse(http.StatusBadRequest, "INVALIDJOBSTATE", "The results of a job that is %s can't be read", j.state)
	}
	if j.file == nil { // it failed or was aborted before its first batch
		j.file, _ = openFile(j)
	}
	out := &bulkResults{delimiter: delimiter(j.delimiter), end: "\n", file: j.file}
	if j.lineEnding == "CRLF" {
		out.end = "\r\n"
	}
	if first != "" {
		out.head = []string{first, second}
	}
	if out.file != nil {
		for i, r := range out.file.results {
			if r.outcome == one || r.outcome == other {
				out.order = append(out.order, uint32(i))
			}
		}
	}
	shuffle(out.order, uint64(j.number))
	c.entry.Rows = len(out.order)
	return &answer{status: http.StatusOK, write: func(w http.ResponseWriter) { out.send(w, c.r) }}
}

// shuffle brings rows into another order than that in which they were uploaded, the same one every time.
func shuffle(order []uint32, seed uint64) {
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	if len(order) > 1 && slices.IsSorted(order) {
		slices.Reverse(order)
	}
}

// bulkResults writes the rows of a result. The file doesn't change any more.
type bulkResults struct {
	file      *bulkFile // nil if the job has none that could be read
	order     []uint32
	head      []string // the columns that come first; none for unprocessed rows
	delimiter byte
	end       string // of a line
}

// send writes the result as CSV, compressed if the client wants that.
func (b *bulkResults) send(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/csv; charset=UTF-8")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		out := bufio.NewWriterSize(w, 1<<16)
		b.write(out)
		_ = out.Flush() // whether the reader is still there is the reader's concern
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is a valid one
	out := bufio.NewWriterSize(z, 1<<16)
	b.write(out)
	_ = out.Flush()
	_ = z.Close()
}

func (b *bulkResults) write(out *bufio.Writer) {
	columns := slices.Clone(b.head)
	if b.file != nil {
		columns = append(columns, b.file.names...)
	}
	_, _ = out.WriteString(strings.Join(columns, string(rune(b.delimiter))))
	_, _ = out.WriteString(b.end)
	if b.file == nil {
		return
	}
	reader := b.file.newReader()
	for _, i := range b.order {
		if b.head != nil {
			b.outcome(out, &b.file.results[i])
		}
		b.echo(out, reader, int(i))
		_, _ = out.WriteString(b.end)
	}
}

// outcome writes the columns that come first.
func (b *bulkResults) outcome(out *bufio.Writer, r *rowResult) {
	id := ""
	if r.record != nil {
		id = r.record.id
	}
	_ = out.WriteByte('"')
	_, _ = out.WriteString(id)
	_ = out.WriteByte('"')
	_ = out.WriteByte(b.delimiter)
	switch r.outcome {
	case created:
		_, _ = out.WriteString(`"true"`)
	case succeeded:
		_, _ = out.WriteString(`"false"`)
	default:
		quote(out, []byte(r.err.String()))
	}
	_ = out.WriteByte(b.delimiter)
}

// echo writes a row's fields as they were uploaded; the text of one that can't be read stands in its first field.
func (b *bulkResults) echo(out *bufio.Writer, reader *csvReader, i int) {
	fields, err := b.file.fields(reader, i)
	if err != nil && fields == nil {
		fields = [][]byte{bytes.TrimRight(b.file.row(i), "\r\n")}
	}
	for at := range b.file.names {
		if at > 0 {
			_ = out.WriteByte(b.delimiter)
		}
		if at < len(fields) {
			quote(out, fields[at])
		} else {
			quote(out, nil)
		}
	}
}

// quote writes a field in quotes.
func quote(out *bufio.Writer, field []byte) {
	_ = out.WriteByte('"')
	for {
		at := bytes.IndexByte(field, '"')
		if at < 0 {
			break
		}
		_, _ = out.Write(field[:at+1])
		_ = out.WriteByte('"')
		field = field[at+1:]
	}
	_, _ = out.Write(field)
	_ = out.WriteByte('"')
}
