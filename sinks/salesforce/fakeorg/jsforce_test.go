package fakeorg_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"scored/sinks/salesforce/fakeorg"
)

// TestJsforce lets jsforce, unchanged, log in, query, describe, update, upsert and be refused, row by row and in bulk.
func TestJsforce(t *testing.T) {
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join("jsforce", "node_modules", "jsforce", "package.json"))
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("node or jsforce is missing: run make node: %v", err)
		}
		t.Skip("SKIP-jsforce: run make node")
	}
	c := config()
	c.Users[1].ViewSetup = true
	s := start(t, c)
	for i := range 2345 {
		s.lead(fmt.Sprintf("P%06d", i+1), "Company", "Paged", "FirstName", "Pat", "LastName", "Page", "OwnerId", s.UserID(rep))
	}
	for i := range 9 {
		s.lead(fmt.Sprintf("W%06d", i+1), "Company", "Written")
		s.lead(fmt.Sprintf("B%06d", i+1), "Company", "Bulk")
	}
	deleted := s.lead("D000001")
	if err := s.Delete("Lead", deleted); err != nil {
		t.Fatal(err)
	}
	locked := s.lead("L000001")
	refused := map[string]fakeorg.RowError{locked: fakeorg.Locked(locked)}
	s.Inject(fakeorg.Fault{Path: "/composite/sobjects", Times: -1, Rows: refused}, fakeorg.Fault{Path: ingest, Times: -1, Rows: refused})

	cmd := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=spec")
	cmd.Dir = "jsforce"
	cmd.Env = append(os.Environ(),
		"FAKEORG_URL="+s.url, "FAKEORG_CLIENT_ID=scored", "FAKEORG_CLIENT_SECRET=s3cret", "FAKEORG_USERNAME="+scorer,
		"FAKEORG_KEY="+string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key())})),
		"FAKEORG_DELETED="+deleted, "FAKEORG_LOCKED="+locked,
		"FAKEORG_CONVERTED="+s.lead("C000001", "IsConverted", true),
	)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("jsforce: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}
