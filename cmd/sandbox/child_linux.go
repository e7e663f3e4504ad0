package main

import "syscall"

// ownGroup keeps Ctrl-C from a child: it would take that and our SIGTERM for two signals, and end at once. It ends when we
// do, however that comes.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
