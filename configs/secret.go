package configs

import (
	"fmt"
	"io"
	"os"
	"strings"

	"scored/pipeline"
)

// maxSecret is far more than a key in PEM needs.
const maxSecret = 64 << 10

// ReadSecret reads the file that holds a secret, without one line end at its end; no path means no secret. It refuses a
// file that others may read or change, or that its group may change: then it isn't a secret, and a warning would be
// read by nobody. The group may read it, which is how a service's account gets at a file of root's. The problem names
// the path only.
func ReadSecret(path string) (pipeline.Secret, error) {
	if path == "" {
		return "", nil
	}
	text, err := readSecret(path)
	if err != nil {
		return "", err
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if text == "" {
		return "", secretProblem(fmt.Errorf("secret file %s is empty", path),
			"write the secret into it, or leave the key out of the config")
	}
	return pipeline.Secret(text), nil
}

func readSecret(path string) (string, error) {
	// Before it is opened: opening a named pipe would wait for whoever writes to it.
	info, err := os.Stat(path)
	if err != nil {
		return "", secretProblem(fmt.Errorf("read secret: %w", err), "create the file, or correct the path in the config")
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return "", secretProblem(fmt.Errorf("secret file %s is not a regular file", path),
			"name the file that holds the secret")
	case mode.Perm()&0o027 != 0:
		return "", secretProblem(
			fmt.Errorf("secret file %s has permissions %04o: others can read or change it", path, mode.Perm()),
			"chmod 0400 "+path+" (0440 if the service gets at it through its group)")
	}
	file, err := os.Open(path)
	if err != nil {
		return "", secretProblem(fmt.Errorf("read secret: %w", err), "let the user that runs scored read it")
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err == nil && len(text) > maxSecret {
		err = fmt.Errorf("it has more than %d bytes", maxSecret)
	}
	if err != nil {
		return "", secretProblem(fmt.Errorf("read secret %s: %w", path, err), "name the file that holds the secret")
	}
	return string(text), nil
}

func secretProblem(err error, hint string) error {
	return &pipeline.Problem{Class: pipeline.Configuration, Err: err, Hint: hint}
}
