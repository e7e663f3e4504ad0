package pgtest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgproto3"
)

// wire reads and writes protocol messages, buffered.
type wire struct {
	conn  net.Conn
	in    *bufio.Reader
	out   *bufio.Writer
	frame []byte
}

func newWire(conn net.Conn) *wire {
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 64<<10), out: bufio.NewWriterSize(conn, 64<<10)}
}

// next returns a message's type and the whole message, valid until the next call.
func (w *wire) next() (byte, []byte, error) {
	w.frame = append(w.frame[:0], 0, 0, 0, 0, 0)
	if _, err := io.ReadFull(w.in, w.frame); err != nil {
		return 0, nil, err
	}
	length := int(binary.BigEndian.Uint32(w.frame[1:]))
	if length < 4 || length > 1<<30 {
		return 0, nil, fmt.Errorf("message of %d bytes", length)
	}
	if total := length + 1; cap(w.frame) < total {
		w.frame = append(make([]byte, 0, 2*total), w.frame...)
	}
	w.frame = w.frame[:length+1]
	_, err := io.ReadFull(w.in, w.frame[5:])
	return w.frame[0], w.frame, err
}

func (w *wire) write(frame []byte) error {
	_, err := w.out.Write(frame)
	return err
}

// queue encodes messages for the next flush.
func (w *wire) queue(messages ...pgproto3.BackendMessage) error {
	for _, m := range messages {
		frame, err := m.Encode(nil)
		if err != nil {
			return err
		}
		if err := w.write(frame); err != nil {
			return err
		}
	}
	return nil
}

// send encodes a message and flushes.
func (w *wire) send(message interface{ Encode([]byte) ([]byte, error) }) error {
	frame, err := message.Encode(nil)
	if err != nil {
		return err
	}
	if err := w.write(frame); err != nil {
		return err
	}
	return w.out.Flush()
}

// flushIfIdle flushes when nothing more has arrived from the other side.
func (w *wire) flushIfIdle(from *wire) error {
	if from.in.Buffered() > 0 {
		return nil
	}
	return w.out.Flush()
}
