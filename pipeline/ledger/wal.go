package ledger

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"scored/pipeline"
)

// SQLite's log of what was committed and is not in the file yet: a header, then frames, each a page with a header of its own
// (https://sqlite.org/walformat.html). Each frame's checksum goes on from that of the frame before it. Where one does not fit,
// SQLite takes the log for ended, as it is after a crash in the midst of a commit, and forgets the rest in silence. If that rest
// was committed, the ledger would go back in time: it would take scores for delivered that were replaced since.
const (
	logHeader   = 32
	frameHeader = 24
	pageSize    = 4096 // of every ledger
	bigEndian   = 0x377f0683
)

// cached is how many pages a transaction may write that never leaves SQLite's cache before it is committed. What a larger one
// writes early may be without its checksum until the commit is through, and a crash may leave it so.
const cached = 256

// errLog says that the log's end is not where the last commit was.
var errLog = errors.New("what was committed last can't be read any more: the log (-wal) is damaged")

// frame is one of a log, without its page.
type frame struct {
	commits bool // it is the last of a transaction
	salt    uint64
	sum     checksum // as it is written
	own     checksum // as it is by the frame before, as that is written
	chained checksum // as it is by the frame before, as that should be
}

// checkLog looks whether the ledger's log can be read to its end. A process that has it open may be writing: what is found must
// be there twice.
func checkLog(path string) error {
	before, err := brokenLog(path)
	if err != nil || before < 0 {
		return err
	}
	time.Sleep(4 * lookAgain)
	again, err := brokenLog(path)
	if err != nil || again != before {
		return err
	}
	return &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("ledger %s: %w", path, errLog), Hint: damagedHint}
}

// brokenLog returns the first frame that does not fit and that committed ones come after, counted from 0; or -1.
func brokenLog(path string) (int, error) {
	file, err := os.Open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return -1, unusable(path, err)
	}
	defer file.Close() // no lock of SQLite's is on this file
	r := newLogReader(file)
	bad, last, commits := -1, -1, 0
	for n := 0; ; n++ {
		f, err := r.next()
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return -1, unusable(path, err)
		case err != nil && (commits > 1 || commits == 1 && r.broken):
			return max(bad, 0), nil
		case err != nil:
			return -1, nil
		case bad < 0 && (r.broken || f.salt != r.salt || f.sum != f.chained):
			bad = n
		case bad < 0 && f.commits:
			last = n
		case bad >= 0 && f.commits && f.salt == r.salt && (f.sum == f.own || f.sum == f.chained):
			if commits++; n-last < cached {
				return bad, nil
			}
		}
	}
}

// logReader reads a log frame by frame.
type logReader struct {
	in     *bufio.Reader
	order  binary.ByteOrder // of the words that are summed
	salt   uint64           // that the frames of this log have
	broken bool             // the header is
	block  []byte           // what was read last
	sum    checksum         // of the frame before, as it is written; of the header before the first
	chain  checksum         // the same, as it should be
	first  bool             // no frame was read yet
}

func newLogReader(file io.Reader) *logReader {
	r := &logReader{in: bufio.NewReaderSize(file, 1<<20), order: binary.LittleEndian, first: true,
		block: make([]byte, frameHeader+pageSize)}
	header := r.block[:logHeader]
	if _, err := io.ReadFull(r.in, header); err != nil {
		return r // and there are no frames
	}
	if binary.BigEndian.Uint32(header) == bigEndian {
		r.order = binary.BigEndian
	}
	r.salt = binary.BigEndian.Uint64(header[16:])
	r.sum = sumIn(header[24:])
	r.chain = checksum{}.over(header[:24], r.order)
	r.broken = r.sum != r.chain
	return r
}

// next reads a frame. The error is io.EOF after the last whole one.
func (r *logReader) next() (f frame, err error) {
	if _, err := io.ReadFull(r.in, r.block); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		return f, err
	}
	head, page := r.block[:8], r.block[frameHeader:]
	f = frame{
		commits: binary.BigEndian.Uint32(head[4:]) != 0, salt: binary.BigEndian.Uint64(r.block[8:]), sum: sumIn(r.block[16:]),
		own: r.sum.over(head, r.order).over(page, r.order), chained: r.chain.over(head, r.order).over(page, r.order),
	}
	if r.first && r.broken {
		r.salt = f.salt
	}
	r.sum, r.chain, r.first = f.sum, f.chained, false
	return f, nil
}

// checksum is SQLite's, over pairs of 32-bit words.
type checksum [2]uint32

func sumIn(b []byte) checksum {
	return checksum{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
}

// over goes on with more bytes, a multiple of 8.
func (c checksum) over(b []byte, order binary.ByteOrder) checksum {
	for ; len(b) >= 8; b = b[8:] {
		c[0] += order.Uint32(b) + c[1]
		c[1] += order.Uint32(b[4:]) + c[0]
	}
	return c
}
