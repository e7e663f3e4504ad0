package pgtest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// folders are where the usual packages of PostgreSQL put their programs, a version in each.
var folders = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/local/pgsql/bin",
	"/usr/local/bin",
	"/usr/bin",
}

// Find returns the folder that holds both initdb and postgres: that of PG_BIN if it is set, else the one PATH leads to,
// else the newest version in the usual folders. Its error says where it looked.
func Find() (string, error) {
	if dir := os.Getenv("PG_BIN"); dir != "" {
		if !isBin(dir) {
			return "", fmt.Errorf("find PostgreSQL: PG_BIN is %s, which does not hold initdb and postgres", dir)
		}
		return dir, nil
	}
	if dir, ok := onPath(); ok {
		return dir, nil
	}
	for _, pattern := range folders {
		dirs, _ := filepath.Glob(pattern)
		slices.SortFunc(dirs, newestFirst)
		if i := slices.IndexFunc(dirs, isBin); i >= 0 {
			return dirs[i], nil
		}
	}
	return "", fmt.Errorf("find PostgreSQL: initdb and postgres are in none of PG_BIN (unset), PATH, %s", strings.Join(folders, ", "))
}

// onPath follows initdb, which may be a link, and asks pg_config, which knows where the programs of its version are.
func onPath() (string, bool) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && isBin(filepath.Dir(path)) {
			return filepath.Dir(path), true
		}
	}
	out, err := exec.CommandContext(context.Background(), "pg_config", "--bindir").Output()
	dir := strings.TrimSpace(string(out))
	return dir, err == nil && isBin(dir)
}

func isBin(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

var version = regexp.MustCompile(`\d+`)

// newestFirst orders folders by the first number in their names: 16 before 9.6.
func newestFirst(a, b string) int {
	number := func(path string) int {
		n, _ := strconv.Atoi(version.FindString(path))
		return n
	}
	return cmp.Or(cmp.Compare(number(b), number(a)), cmp.Compare(a, b))
}
