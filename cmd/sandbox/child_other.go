//go:build !linux

package main

import "syscall"

// ownGroup keeps Ctrl-C from a child: it would take that and our SIGTERM for two signals, and end at once.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
