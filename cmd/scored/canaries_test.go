package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestASecretThatATestPrintsIsFound(t *testing.T) {
	for output, shown := range map[string]bool{
		`{"level":"INFO","msg":"connected","url":"postgres://u:c4n4ry-s3cret@h/d"}`:     true,
		`{"grant":"client_credentials","client_secret":"canary-consumer-secret"}`:       true,
		`Authorization: Bearer 00D000000000062!AQkAQH0dMHZfz972Szmpkb58urFRkgeBGsxL_QJ`: true,
		"-----BEGIN RSA PRIVATE KEY-----":                                               true,
		"assertion=eyJhbGciOiJSUzI1NiIsInR5cCI6":                                        true,
		"=== RUN   TestX/postgres://u:c4n4ry-s3cret":                                    false, // the name of a subtest
		"    --- PASS: TestX/c4n4ry-s3cret (0.00s)":                                     false,
		`{"msg":"run ended","org":"00D000000000062"}`:                                   false,
		"PASS": false,
	} {
		line, err := json.Marshal(struct{ Action, Package, Test, Output string }{"output", "scored/sinks/salesforce", "TestX", output + "\n"})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "test.json")
		if err := os.WriteFile(path, append(line, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := exec.CommandContext(t.Context(), "../../.ci/canaries", path).CombinedOutput()
		if (err != nil) != shown {
			t.Errorf("%s: %v\n%s", output, err, text)
		}
	}
	if err := exec.CommandContext(t.Context(), "../../.ci/canaries", filepath.Join(t.TempDir(), "none")).Run(); err == nil {
		t.Error("without a file nothing was found wrong")
	}
}
