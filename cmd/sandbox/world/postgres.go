package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"scored/pipeline/warehouse/pgtest"
)

// packager is a way to install PostgreSQL's server.
type packager struct {
	tool     string
	commands []string // each one shell-free: words separated by blanks
	asRoot   bool
}

func packagers() []packager {
	return []packager{
		{"apt-get", []string{"apt-get update -qq", "apt-get install -y -qq --no-install-recommends postgresql"}, true},
		{"dnf", []string{"dnf install -y -q postgresql-server"}, true},
		{"zypper", []string{"zypper -q install -y postgresql-server"}, true},
		{"pacman", []string{"pacman -S --noconfirm postgresql"}, true},
		{"apk", []string{"apk add -q postgresql"}, true},
		{"brew", []string{"brew install -q postgresql@17"}, false},
	}
}

// findPostgres returns the folder of PostgreSQL's binaries. If there is none it installs them where it may (as root, or
// in CI), and elsewhere names the one command that does.
func findPostgres(ctx context.Context, out io.Writer) (string, error) {
	bin, missing := pgtest.Find()
	if missing == nil {
		return bin, nil
	}
	if os.Getenv("PG_BIN") != "" {
		return "", missing // whoever names a folder does not want another
	}
	for _, p := range packagers() {
		if _, err := exec.LookPath(p.tool); err != nil {
			continue
		}
		if err := install(ctx, out, p); err != nil {
			return "", err
		}
		return pgtest.Find()
	}
	return "", fmt.Errorf("%w; install PostgreSQL's server with this system's package manager, or set PG_BIN", missing)
}

func install(ctx context.Context, out io.Writer, p packager) error {
	var prefix []string
	if p.asRoot && os.Geteuid() != 0 {
		prefix = []string{"sudo"}
	}
	if allowed := os.Geteuid() == 0 || os.Getenv("CI") == "true"; !allowed {
		var lines []string
		for _, c := range p.commands {
			lines = append(lines, strings.Join(slices.Concat(prefix, []string{c}), " "))
		}
		return errors.New("PostgreSQL is not installed; this command does it: " + strings.Join(lines, " && "))
	}
	for _, c := range p.commands {
		words := slices.Concat(prefix, strings.Fields(c))
		fmt.Fprintf(out, "installing PostgreSQL: %s\n", strings.Join(words, " "))
		cmd := exec.CommandContext(ctx, words[0], words[1:]...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("install PostgreSQL: %s: %w\n%s", strings.Join(words, " "), err, text)
		}
	}
	return nil
}
