package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"scored/cmd/sandbox/world"
	"scored/sinks/salesforce/fakeorg"
)

// secrets are what must never be shown, by what each of them is.
type secrets struct {
	mu    sync.Mutex
	known map[string]string
}

func (s *secrets) add(secret, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if secret != "" {
		s.known[secret] = what
	}
}

// count returns how many there are of a kind.
func (s *secrets) count(what string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range s.known {
		if kind == what {
			n++
		}
	}
	return n
}

// shown fails the test if a secret, or half of one, stands in a text.
func (s *secrets) shown(t *testing.T, where, text string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for secret, what := range s.known {
		for _, part := range []string{secret[:len(secret)/2], secret[len(secret)/2:]} {
			if strings.Contains(text, part) {
				t.Errorf("%s shows the %s: %q", where, what, part)
			}
		}
	}
}

// secret is the form of what the tests' worlds keep secret.
var secret = regexp.MustCompile(`c4n4ry|BEGIN [A-Z ]*PRIVATE KEY|eyJhbGciOi|00D[0-9A-Za-z]{12}![0-9A-Za-z._]`)

// unleaked looks at all that a verb printed, in every test.
func unleaked(t *testing.T, args []string, text string) {
	t.Helper()
	if found := secret.FindString(text); found != "" {
		t.Errorf("scored %q shows a secret: %q", args, found)
	}
}

// file writes a secret into a file of its own, and remembers it.
func (s *secrets) file(t *testing.T, secret, what string) string {
	t.Helper()
	s.add(secret, what)
	return secretFile(t, secret)
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// overhear serves the org, and remembers what is secret in what it is sent and in what it answers.
func (s *secrets) overhear(t *testing.T, org http.Handler) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // a client that was told to stop
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.add(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "access token")
		if !strings.HasSuffix(r.URL.Path, "/oauth2/token") {
			org.ServeHTTP(w, r)
			return
		}
		if form, err := url.ParseQuery(string(body)); err == nil {
			s.add(form.Get("assertion"), "assertion")
			s.add(form.Get("client_secret"), "client secret")
		}
		answer := httptest.NewRecorder()
		org.ServeHTTP(answer, r)
		var session struct {
			Token string `json:"access_token"`
		}
		if json.Unmarshal(answer.Body.Bytes(), &session) == nil {
			s.add(session.Token, "access token")
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// newSecrets puts secrets of a known form wherever the config takes one.
func newSecrets(t *testing.T, w *world.World) *secrets {
	t.Helper()
	s := &secrets{known: map[string]string{}}
	key := read(t, os.Getenv("SCORED_SALESFORCE_PRIVATE_KEY_FILE"))
	for _, line := range strings.Split(strings.TrimSpace(key), "\n")[1:] {
		if !strings.HasPrefix(line, "--") && len(line) > 20 {
			s.add(line, "private key")
		}
	}
	t.Setenv("SCORED_WAREHOUSE_PASSWORD_FILE", s.file(t, "c4n4ry-of-the-warehouse", "password"))
	t.Setenv("SCORED_SALESFORCE_LOGIN_URL", s.overhear(t, w.Org))
	return s
}

func TestNoSecretIsEverShown(t *testing.T) {
	w := newWorld(t)
	s := newSecrets(t, w)
	const heartbeat = "c4n4ry-of-the-heartbeat"
	s.add(heartbeat, "heartbeat's address")
	c := config(t, `cron: "*/15 * * * *"`, often, `heartbeat_url_file: ""`, "heartbeat_url_file: "+secretFile(t, "http://127.0.0.1:9/"+heartbeat))
	called := map[string]bool{"help": true, "daemon": true} // the daemon comes last
	call := func(args ...string) result {
		t.Helper()
		called[args[0]] = true
		r := scored(t, append(args, "-c", c)...)
		s.shown(t, "scored "+strings.Join(args, " "), r.out+r.log)
		return r
	}
	files := t.TempDir()
	refused, lead := twoKeys(t, c)
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Times: 1, Rows: map[string]fakeorg.RowError{refused: {Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION"}}})
	call("check")
	call("run", leads).want(t, exitPartial)
	for _, verb := range []string{
		"run " + leads + " --dry-run", "run " + leads + " --full", "runs", "runs --json", "runs show last --json", "slots " + leads, "budget",
		"quarantine list --json", "quarantine export " + leads + " --out " + files + "/q.csv", "quarantine retry " + leads + " --all",
		"model show " + leads, "explain " + leads + " " + lead + " --json", "replay last", "undo last --dry-run", "pause " + leads, "resume " + leads,
		"ledger rebuild " + leads, "release last", "discard last", "forget --key " + refused, "model verify " + leads + " --rows " + files + "/q.csv",
		"backfill " + leads + " --from " + w.Loaded.AddDate(0, 0, -2).Format("2006-01-02") + " --to " + w.Loaded.AddDate(0, 0, -1).Format("2006-01-02") + " --step 1d",
		"dataset " + leads + " --from " + w.Loaded.AddDate(0, 0, -2).Format("2006-01-02") + " --to " + w.Loaded.AddDate(0, 0, -1).Format("2006-01-02") +
			" --step 1d --out " + files + "/d.csv",
	} {
		call(strings.Fields(verb)...)
	}
	for _, verb := range regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`).FindAllStringSubmatch(scored(t, "--help").out, -1) {
		if !called[verb[1]] {
			t.Errorf("nobody looked at what `scored %s` shows", verb[1])
		}
	}
	whatGoesWrong(t, w, s, call)
	theDaemon(t, s, c)

	for what, least := range map[string]int{"access token": 2, "assertion": 2, "client secret": 1, "private key": 20, "password": 1} {
		if n := s.count(what); n < least {
			t.Errorf("of what is secret, %d are a %s: too few to look for", n, what)
		}
	}
	s.everywhere(t, w, files)
}

// whatGoesWrong calls verbs that fail where a secret is at hand.
func whatGoesWrong(t *testing.T, w *world.World, s *secrets, call func(args ...string) result) {
	t.Helper()
	failing := func(variables ...string) {
		t.Run(variables[0], func(t *testing.T) {
			for i := 0; i < len(variables); i += 2 {
				t.Setenv(variables[i], variables[i+1])
			}
			for _, verb := range []string{"check", "run " + leads} {
				if r := call(strings.Fields(verb)...); r.code == exitOK {
					t.Errorf("%s succeeds", verb)
				}
			}
		})
	}
	failing("SCORED_WAREHOUSE_URL", strings.Replace(w.Cluster.URL(), "/"+dbname(t, w), "/nowhere", 1))
	inURL := "c4n4ry-in-the-url"
	s.add(inURL, "password")
	failing("SCORED_WAREHOUSE_URL", "postgres://u:"+inURL+"@cluster.example.com/dev")
	failing("SCORED_WAREHOUSE_URL", "postgres://u:"+inURL+"@127.0.0.1:1/dev?sslmode=nonsense")
	failing("SCORED_SALESFORCE_FLOW", "client_credentials", "SCORED_SALESFORCE_CLIENT_SECRET_FILE", s.file(t, "c4n4ry-of-the-client", "client secret"))
	failing("SCORED_SALESFORCE_PRIVATE_KEY_FILE", s.file(t, "-----BEGIN PRIVATE KEY-----\nc4n4ry", "private key"))
	for _, fault := range []fakeorg.Fault{
		{Path: "/oauth2/token", Status: http.StatusBadRequest, Body: `{"error":"invalid_grant","error_description":"c4n4ry-echo"}`},
		{Path: "/sobjects", Status: http.StatusUnauthorized, Body: fakeorg.Errors("INVALID_SESSION_ID", "c4n4ry-echo")},
		{Path: "/sobjects", Status: http.StatusInternalServerError, Body: "c4n4ry-echo"},
		{Path: "/sobjects", Reset: true},
	} {
		s.add("c4n4ry-echo", "echo of a secret")
		fault.Times = -1
		w.Org.Inject(fault)
		call("run", leads, "--full")
		w.Org.ClearFaults()
	}
	call("run", leads).want(t, exitOK)
}

func dbname(t *testing.T, w *world.World) string {
	t.Helper()
	u, err := url.Parse(w.Cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// theDaemon runs a slot, and looks at its log and its pages.
func theDaemon(t *testing.T, s *secrets, c string) {
	t.Helper()
	address := freeAddress(t)
	t.Setenv("SCORED_STATUS_LISTEN", address)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	log := &watched{want: "heartbeat", seen: make(chan struct{})}
	ended := make(chan int)
	go func() { ended <- execute(ctx, []string{"daemon", "-c", c}, io.Discard, log) }()
	select {
	case <-log.seen:
	case code := <-ended:
		t.Fatalf("the daemon ended with %d:\n%s", code, &log.text)
	}
	for _, page := range []string{"/", "/metrics", "/healthz", "/readyz"} {
		resp, err := http.Get("http://" + address + page)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || len(body) == 0 {
			t.Errorf("%s: %v", page, err)
		}
		s.shown(t, page, fmt.Sprint(resp.Header)+string(body))
	}
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("the daemon ended with %d", code)
	}
	s.shown(t, "the daemon's log", log.text.String())
}

// everywhere looks at the ledger, at what was exported, and at what the warehouse was told.
func (s *secrets) everywhere(t *testing.T, w *world.World, files string) {
	t.Helper()
	looked := 0
	for _, dir := range []string{w.Dir, files} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path == os.Getenv("SCORED_SALESFORCE_PRIVATE_KEY_FILE") {
				return err
			}
			looked++
			s.shown(t, path, read(t, path))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 4 {
		t.Errorf("only %d files were looked at", looked)
	}
	for _, table := range []string{"runs", "scores"} {
		rows, err := w.Cluster.Query(t.Context(), "SELECT * FROM scored."+table)
		if err != nil || len(rows) == 0 {
			t.Errorf("%d rows, %v", len(rows), err)
		}
		s.shown(t, "scored."+table, fmt.Sprint(rows))
	}
}
