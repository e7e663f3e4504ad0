//go:build unix && !linux

package pgtest

import "syscall"

// attributes start a process as owner and out of the terminal's process group (Ctrl-C must reach the sandbox, which
// stops the server in its turn).
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner, Setpgid: true}
}
