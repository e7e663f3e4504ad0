package pgtest

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgproto3"
)

// session is one client's connection with the server's beside it.
type session struct {
	proxy     *Proxy
	raw       net.Conn // the client's, below TLS
	client    *wire
	server    *wire
	askedUTF8 bool

	verdict  atomic.Pointer[pgproto3.ErrorResponse] // goes out before the next ReadyForQuery
	midway   atomic.Pointer[injection]              // strikes after its Rows
	endOnce  sync.Once
	finished chan struct{}
}

// serve takes a connection from the start-up message to its end.
func (p *Proxy) serve(raw net.Conn) {
	s := &session{proxy: p, raw: raw, client: newWire(raw), finished: make(chan struct{})}
	startup, err := s.greet()
	if err != nil {
		return
	}
	upstream, err := (&net.Dialer{}).DialContext(context.Background(), "unix", p.socket)
	if err != nil {
		_ = s.client.send(errorResponse("57P03", "the cluster is not available"))
		return
	}
	defer p.drop(upstream)
	if !p.keep(upstream) {
		return
	}
	s.server = newWire(upstream)
	if cancel, ok := startup.(*pgproto3.CancelRequest); ok {
		if s.server.send(cancel) == nil {
			_, _ = s.server.in.WriteTo(io.Discard)
		}
		return
	}
	message, ok := startup.(*pgproto3.StartupMessage)
	if !ok || !s.login(message) {
		return
	}
	var relays sync.WaitGroup
	relays.Go(func() { defer s.end(); _ = s.fromClient() })
	relays.Go(func() { defer s.end(); _ = s.fromServer() })
	relays.Wait()
}

func (s *session) end() {
	s.endOnce.Do(func() {
		close(s.finished)
		_ = s.raw.Close()
		_ = s.server.conn.Close()
	})
}

// greet answers requests for encryption and returns the first message that is something else.
func (s *session) greet() (pgproto3.FrontendMessage, error) {
	for {
		message, err := pgproto3.NewBackend(s.client.in, s.client.conn).ReceiveStartupMessage()
		if err != nil {
			return nil, err
		}
		_, wantsTLS := message.(*pgproto3.SSLRequest)
		_, wantsGSS := message.(*pgproto3.GSSEncRequest)
		switch {
		case wantsTLS && s.proxy.tls != nil:
			if _, err := s.raw.Write([]byte{'S'}); err != nil {
				return nil, err
			}
			s.client = newWire(tls.Server(s.raw, s.proxy.tls))
		case wantsTLS || wantsGSS:
			if _, err := s.raw.Write([]byte{'N'}); err != nil {
				return nil, err
			}
		default:
			return message, nil
		}
	}
}

func (s *session) login(message *pgproto3.StartupMessage) bool {
	if in := s.proxy.strike(true, ""); in != nil {
		s.proxy.struck(in)
		switch {
		case in.Reset:
			s.reset()
			return false
		case in.Stall != nil:
			if !s.stall(in) {
				return false
			}
		default:
			_ = s.client.send(errorResponse(in.Code, in.Message))
			return false
		}
	}
	_, s.askedUTF8 = message.Parameters["client_encoding"]
	asRedshift(message.Parameters)
	return s.server.send(message) == nil
}

// fromClient hands on what the client sends. A query that must fail never reaches the server: a Sync goes in its place,
// and the error goes out ahead of what the server says to that.
func (s *session) fromClient() error {
	skipping := false // until the client's Sync
	for {
		kind, frame, err := s.client.next()
		if err != nil {
			return err
		}
		if kind == 'Q' || kind == 'P' && !skipping {
			var verdict *pgproto3.ErrorResponse
			if frame, verdict, err = s.query(kind, frame); err != nil {
				return err
			}
			if verdict != nil {
				s.verdict.Store(verdict)
				skipping = kind == 'P'
				if kind == 'Q' {
					if err := s.server.send(&pgproto3.Sync{}); err != nil {
						return err
					}
				}
				continue
			}
		}
		if skipping && kind != 'S' && kind != 'X' {
			continue
		}
		skipping = false
		if err := s.server.write(frame); err != nil {
			return err
		}
		if err := s.server.flushIfIdle(s.client); err != nil {
			return err
		}
	}
}

// query counts a query, lets the fault strike that befalls it, and returns the frame for the server or the error for
// the client.
func (s *session) query(kind byte, frame []byte) ([]byte, *pgproto3.ErrorResponse, error) {
	text, frame, err := rewrite(kind, frame)
	if err != nil {
		return nil, nil, err
	}
	in := s.proxy.strike(false, text)
	switch {
	case in == nil:
		return frame, refused(text), nil
	case in.Rows > 0:
		s.midway.Store(in)
		return frame, nil, nil
	}
	s.proxy.struck(in)
	switch {
	case in.Reset:
		s.reset()
		return nil, nil, io.EOF
	case in.Stall != nil:
		if !s.stall(in) {
			return nil, nil, io.EOF
		}
		return frame, nil, nil
	default:
		return nil, errorResponse(in.Code, in.Message), nil
	}
}

// rewrite returns a query's text and the frame that PostgreSQL gets for it.
func rewrite(kind byte, frame []byte) (string, []byte, error) {
	var message pgproto3.FrontendMessage
	var text *string
	if kind == 'Q' {
		q := &pgproto3.Query{}
		message, text = q, &q.String
	} else {
		p := &pgproto3.Parse{}
		message, text = p, &p.Query
	}
	if err := message.Decode(frame[5:]); err != nil {
		return "", nil, err
	}
	asked := *text
	if *text = translate(asked); *text == asked {
		return asked, frame, nil
	}
	frame, err := message.Encode(nil)
	return asked, frame, err
}

// fromServer hands on what the server says, as Redshift would say it.
func (s *session) fromServer() error {
	rows, swallowing := 0, false
	for {
		kind, frame, err := s.server.next()
		if err != nil {
			return err
		}
		if swallowing && kind != 'Z' {
			continue
		}
		swallowing = false
		switch kind {
		case 'S':
			var ps pgproto3.ParameterStatus
			if err := ps.Decode(frame[5:]); err != nil {
				return err
			}
			err = s.client.queue(status(ps, s.askedUTF8)...)
		case 'Z':
			rows = 0
			s.midway.Store(nil)
			err = s.conclude(frame)
		case 'D':
			rows++
			if err = s.client.write(frame); err == nil {
				swallowing, err = s.interrupt(rows)
			}
		default:
			err = s.client.write(frame)
		}
		if err != nil {
			return err
		}
		if err := s.client.flushIfIdle(s.server); err != nil {
			return err
		}
	}
}

// conclude hands on that the server is ready, behind the error that stands for its answer if a fault wants one. Like a
// server's, a fatal error ends the connection.
func (s *session) conclude(ready []byte) error {
	verdict := s.verdict.Swap(nil)
	if verdict == nil {
		return s.client.write(ready)
	}
	if verdict.Severity == "FATAL" {
		_ = s.client.send(verdict)
		return io.EOF
	}
	if err := s.client.queue(verdict); err != nil {
		return err
	}
	return s.client.write(ready)
}

// interrupt lets a fault strike in the middle of an answer. It reports whether the rest of the answer is lost.
func (s *session) interrupt(rows int) (bool, error) {
	in := s.midway.Load()
	if in == nil || rows < in.Rows {
		return false, nil
	}
	s.midway.Store(nil)
	if err := s.client.out.Flush(); err != nil {
		return false, err
	}
	s.proxy.struck(in)
	switch {
	case in.Reset:
		s.reset()
		return false, io.EOF
	case in.Stall != nil:
		if !s.stall(in) {
			return false, io.EOF
		}
		return false, nil
	default:
		s.verdict.Store(errorResponse(in.Code, in.Message))
		return true, nil
	}
}

// reset ends the client's connection as a crash does: without a goodbye, and what was on its way is lost.
func (s *session) reset() {
	if tcp, ok := s.raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.raw.Close()
}

// stall waits until the fault is released; it returns false if the session ended meanwhile.
func (s *session) stall(in *injection) bool {
	select {
	case <-in.Stall:
		return true
	case <-s.finished:
	case <-s.proxy.closed:
	}
	return false
}
