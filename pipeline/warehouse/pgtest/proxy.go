package pgtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
)

// Proxy stands between clients and PostgreSQL, looks like Redshift and fails as told.
type Proxy struct {
	listener net.Listener
	socket   string
	tls      *tls.Config
	closed   chan struct{}
	running  sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	faults  []*injection
	logins  int
	queries []string
}

func newProxy(ctx context.Context, socket string, config *tls.Config) (*Proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the proxy: %w", err)
	}
	p := &Proxy{
		listener: listener,
		socket:   socket,
		tls:      config,
		closed:   make(chan struct{}),
		conns:    make(map[net.Conn]struct{}),
	}
	p.running.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() {
			defer p.drop(conn)
			if p.keep(conn) {
				p.serve(conn)
			}
		})
	}
}

// keep registers a connection that close must end; it refuses once close has been called.
func (p *Proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closed:
		return false
	default:
		p.conns[conn] = struct{}{}
		return true
	}
}

func (p *Proxy) drop(conn net.Conn) {
	p.mu.Lock()
	delete(p.conns, conn)
	p.mu.Unlock()
	_ = conn.Close()
}

// close ends every connection, releases what stalls and waits for the proxy's goroutines.
func (p *Proxy) close() {
	p.mu.Lock()
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	for conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	_ = p.listener.Close()
	p.running.Wait()
}
