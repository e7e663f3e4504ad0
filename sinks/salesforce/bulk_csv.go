package salesforce

import (
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"scored/pipeline"
)

// nullText empties a field in a Bulk upload; a blank would leave it as it is.
const nullText = "#N/A"

// csvFormat is how Bulk uploads write values. Text is always in quotes, which need no look at every character.
var csvFormat = format{null: nullText, text: appendQuoted}

// appendQuoted appends text in quotes, those within doubled; bytes that are no UTF-8 become U+FFFD.
func appendQuoted(dst []byte, text string) []byte {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	dst = append(dst, '"')
	for {
		at := strings.IndexByte(text, '"')
		if at < 0 {
			return append(append(dst, text...), '"')
		}
		dst = append(append(dst, text[:at+1]...), '"')
		text = text[at+1:]
	}
}

// keyColumn is the column by which a job's rows are told apart.
func (c *Config) keyColumn() string {
	if c.Operation == Update {
		return "Id"
	}
	return c.ExternalID
}

// appendHeader appends the header of an upload.
func (c *Config) appendHeader(dst []byte) []byte {
	dst = append(dst, c.keyColumn()...)
	for _, f := range c.Fields {
		dst = append(dst, ',')
		dst = append(dst, f.Field...)
	}
	return append(dst, '\n')
}

// appendRow appends a change. Its key goes out as it was given, for the results repeat it.
func (c *Config) appendRow(dst []byte, r row) []byte {
	dst = appendQuoted(dst, r.change.Key)
	for _, f := range c.Fields {
		dst = append(dst, ',')
		dst = f.Value.append(dst, r, csvFormat)
	}
	return append(dst, '\n')
}

// unfit returns the refusal of a change that no upload can carry, with Status 0 if there is nothing against it. In an
// upload every text of a row must be told from nullText, and its key must come back as it went out.
func (c *Config) unfit(change *pipeline.Change) pipeline.Outcome {
	if _, why := c.unsendable(change); why.Status != 0 {
		return why
	}
	refusal := func(message string) pipeline.Outcome {
		return pipeline.Outcome{Key: change.Key, Status: pipeline.Refused, Class: pipeline.Rejected, Code: "INVALID_TEXT",
			Message: "not sent: " + message}
	}
	if change.Key == "" || change.Key == nullText || !utf8.ValidString(change.Key) {
		return refusal("the key is empty, " + nullText + " or no UTF-8")
	}
	if change.Clear {
		return pipeline.Outcome{}
	}
	for _, f := range c.Fields {
		switch {
		case f.Value == Grade && change.Grade == nullText, f.Value == Reasons && change.Reasons == nullText:
			return refusal(f.Value.String() + " is " + nullText + ", which would empty the field")
		}
	}
	return pipeline.Outcome{}
}

// chunk is about how many bytes of an upload are rendered at a time.
const chunk = 32 << 10

// upload renders changes while they are read, as many as fit into limit bytes but at least one. It is made anew for each
// request. It may be looked at once it was closed, which the transport does when it is through with it.
type upload struct {
	cfg     *Config
	shared  *shared
	changes []pipeline.Change
	done    bitset // changes that stay at home
	limit   int

	at     int  // the first change that is not in the upload yet
	rows   int  // how many are
	ended  bool // no more of them fit, or there are none
	bytes  int
	size   int    // what bytes will be at the end
	text   []byte // rendered and not read yet; its memory is pending's
	memory []byte
	closed chan struct{}
	once   sync.Once
}

// newUpload begins with changes[from]. It renders them once beforehand, to know its size: not everything between here and the
// org takes a body that does not tell its length.
func (d *bulk) newUpload(from int) *upload {
	measure := d.rewind(from, make([]byte, 0, 2*chunk))
	for !measure.ended {
		measure.render()
	}
	u := d.rewind(from, measure.memory)
	u.size = measure.bytes
	return u
}

func (d *bulk) rewind(from int, memory []byte) *upload {
	u := &upload{cfg: &d.cfg, shared: d.shared, changes: d.changes, done: d.done, limit: d.cfg.UploadLimit, at: from,
		memory: memory, closed: make(chan struct{})}
	u.text = u.cfg.appendHeader(u.memory)
	u.bytes = len(u.text)
	return u
}

// Read gives the next bytes. It never waits.
func (u *upload) Read(p []byte) (int, error) {
	if len(u.text) == 0 {
		u.render()
	}
	if len(u.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p, u.text)
	u.text = u.text[n:]
	return n, nil
}

// render fills text with rows, unless the upload is complete.
func (u *upload) render() {
	u.text = u.memory[:0]
	for ; !u.ended && len(u.text) < chunk; u.at++ {
		if u.at == len(u.changes) {
			u.ended = true
			break
		}
		if u.done.has(u.at) || u.cfg.unfit(&u.changes[u.at]).Status != 0 {
			continue
		}
		before := len(u.text)
		u.text = u.cfg.appendRow(u.text, row{shared: u.shared, change: &u.changes[u.at]})
		size := len(u.text) - before
		if u.bytes+size > u.limit && u.rows > 0 {
			u.text, u.ended = u.text[:before], true
			break
		}
		u.bytes += size
		u.rows++
	}
	if cap(u.text) > cap(u.memory) {
		u.memory = u.text
	}
}

// Close says that nobody reads any more.
func (u *upload) Close() error {
	u.once.Do(func() { close(u.closed) })
	return nil
}

// complete tells whether all of the upload was read.
func (u *upload) complete() bool { return u.ended && len(u.text) == 0 }

// bitset is a set of indices.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) add(i int) { b[i/64] |= 1 << (i % 64) }

func (b bitset) remove(i int) { b[i/64] &^= 1 << (i % 64) }
