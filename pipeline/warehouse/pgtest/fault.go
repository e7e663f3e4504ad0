package pgtest

import "strings"

// Fault is something that goes wrong at the proxy: exactly one of Code, Reset and Stall says what, the rest where.
type Fault struct {
	Login bool   // befalls a login, and not a query
	Match string // befalls queries that hold this text; "" is any query
	Skip  int    // so many such logins or queries pass before it
	Times int    // it befalls so many after those; 0 counts as 1
	Rows  int    // strikes once so many rows of the answer have gone through; 0 is before the server hears of the query

	Code, Message string          // the server's error, as SQLSTATE and text
	Reset         bool            // the connection is reset
	Stall         <-chan struct{} // nothing goes on until this is closed
}

// SerializableConflict is how Redshift reports that another transaction got in the way.
func SerializableConflict() Fault { return Fault{Code: "XX000", Message: "1023"} }

// injection is a fault with what is left of it.
type injection struct {
	Fault
	fired chan struct{} // closed when it strikes first
}

// Inject adds a fault to those that wait for their query, and returns a channel that is closed once it strikes.
func (p *Proxy) Inject(f Fault) <-chan struct{} {
	f.Times = max(f.Times, 1)
	in := &injection{Fault: f, fired: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, in)
	return in.fired
}

// Calm forgets the faults that have not struck yet.
func (p *Proxy) Calm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// strike counts a login or a query and returns the fault that befalls it, if any.
func (p *Proxy) strike(login bool, query string) *injection {
	p.mu.Lock()
	defer p.mu.Unlock()
	if login {
		p.logins++
	} else {
		p.queries = append(p.queries, query)
	}
	for _, in := range p.faults {
		if in.Login != login || in.Times == 0 || !strings.Contains(query, in.Match) {
			continue
		}
		if in.Skip > 0 {
			in.Skip--
			continue
		}
		in.Times--
		return in
	}
	return nil
}

// struck tells whoever waits for the fault.
func (p *Proxy) struck(in *injection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-in.fired:
	default:
		close(in.fired)
	}
}

// Logins returns how many clients have asked to log in.
func (p *Proxy) Logins() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logins
}

// Queries returns the text of every query that came, in order of arrival.
func (p *Proxy) Queries() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.queries...)
}
