package warehouse

import (
	"net"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

// Without sslmode in the URL the driver asks a local server for encryption first, and goes on without.
func TestWhatTheServerSaidOutweighsThatItHasNoTLS(t *testing.T) {
	const hint = "Check user, database and parameters in warehouse.url, and the file in warehouse.password_file."
	db := pgtest.NewWith(t, pgtest.Options{Password: "right"})
	base := strings.Replace(db.URL(), "?sslmode=disable", "", 1)
	for _, tt := range []struct {
		name, url string
		password  pipeline.Secret
		code      string
	}{
		{"password", base, "wrong", "28P01"},
		{"user", strings.Replace(base, pgtest.User+"@", "nobody@", 1), "right", "28P01"},
		{"database", strings.Replace(base, "/"+pgtest.Database, "/nowhere", 1), "right", "3D000"},
		{"parameter", base + "?nonsense=1", "right", "42704"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newTestSource(t, Config{URL: tt.url, Password: tt.password}, "SELECT 1 AS lead_key")
			err := s.Read(t.Context(), testRun(t), &table{})
			wantProblem(t, err, pipeline.Configuration, tt.code)
			if got := pipeline.HintOf(err); got != hint {
				t.Errorf("hint %q", got)
			}
			if text := err.Error(); strings.Count(text, "SQLSTATE") != 1 || strings.Contains(text, "TLS") {
				t.Errorf("not only what the server said, once: %s", text)
			}
		})
	}
	t.Run("nothing", func(t *testing.T) {
		s := newTestSource(t, Config{URL: base, ConnectPatience: time.Nanosecond}, "SELECT 1 AS lead_key")
		db.Inject(pgtest.Fault{Login: true, Reset: true})
		err := s.Read(t.Context(), testRun(t), &table{})
		wantProblem(t, err, pipeline.TryAgain, "connect to the warehouse")
		if strings.Contains(err.Error(), "TLS") {
			t.Errorf("the lost connection is not the reason: %v", err)
		}
	})
}

func TestAReasonIsGivenOnce(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for _, hosts := range []string{"127.0.0.1", "localhost", "127.0.0.1,::1"} {
		s := newTestSource(t, Config{URL: "postgres://u@/dev?host=" + hosts + "&port=" + port, ConnectPatience: time.Nanosecond}, "SELECT 1 AS lead_key")
		err := s.Read(t.Context(), testRun(t), &table{})
		wantProblem(t, err, pipeline.TryAgain, "connection refused")
		if got := strings.Count(err.Error(), "connection refused"); got != 1 {
			t.Errorf("%s: the reason is given %d times: %v", hosts, got, err)
		}
	}
}
