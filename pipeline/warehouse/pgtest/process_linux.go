package pgtest

import "syscall"

// attributes start a process as owner, out of the terminal's process group (Ctrl-C must reach the sandbox, which stops
// the server in its turn), and end it with its parent.
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
}
