package status

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"scored/pipeline"
)

// Listen opens addr, which must be [Valid].
func Listen(addr string) (net.Listener, error) {
	host, port, err := split(addr)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(host, port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &pipeline.Problem{Class: pipeline.TryAgain, Err: fmt.Errorf("status.listen: %s is in use", addr),
			Hint: "another process listens there, maybe another daemon: `ss -ltnp` names it"}
	case err != nil:
		return nil, &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("status.listen: listen on %s: %w", addr, err),
			Hint: "choose another port (above 1023) or address"}
	}
	return listener, nil
}

// Valid says what is wrong with addr, without opening it. It must be a port at a loopback address: nothing of the daemon
// listens beyond this machine.
func Valid(addr string) error {
	_, _, err := split(addr)
	return err
}

func split(addr string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || !loopback(host) {
		return "", "", &pipeline.Problem{
			Class: pipeline.Configuration,
			Err:   fmt.Errorf("status.listen: %q is not a port at a loopback address", addr),
			Hint:  "write 127.0.0.1:9848 or [::1]:9848; from another machine, come through an SSH tunnel or a proxy that asks for a password",
		}
	}
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1" // whatever a resolver says
	}
	return host, port, nil
}

// loopback says whether the host, without its port, can only be this machine.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
