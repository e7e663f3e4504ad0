package warehouse

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

const canary = "c4n4ry-s3cret"

func TestOnlyVerifiedConnectionsLeaveTheMachine(t *testing.T) {
	for _, tt := range []struct {
		url  string
		want string // part of the error; "" is accepted
	}{
		{"postgres://u@cluster.example.com:5439/dev", ""},
		{"postgresql://u@cluster.example.com/dev", ""},
		{"postgres://u@cluster.example.com/dev?sslmode=verify-full", ""},
		{"postgres://u@cluster.example.com/dev?sslmode=disable", "sslmode=disable does not verify"},
		{"postgres://u@cluster.example.com/dev?sslmode=allow", "sslmode=allow does not verify"},
		{"postgres://u@cluster.example.com/dev?sslmode=prefer", "sslmode=prefer does not verify"},
		{"postgres://u@cluster.example.com/dev?sslmode=require", "sslmode=require does not verify"},
		{"postgres://u@cluster.example.com/dev?sslmode=verify-ca", "sslmode=verify-ca does not verify"},
		{"postgres://u@localhost,cluster.example.com/dev?sslmode=disable", "does not verify"},
		{"postgres://u@localhost/dev?host=10.0.0.1&sslmode=disable", "does not verify"},
		{"postgres://u@10.0.0.1/dev?sslmode=disable", "does not verify"},
		{"postgres://u@localhost.example.com/dev?sslmode=disable", "does not verify"},
		{"postgres://u@localhost/dev?sslmode=disable", ""},
		{"postgres://u@127.0.0.1/dev?sslmode=disable", ""},
		{"postgres://u@127.8.8.8/dev?sslmode=disable", ""},
		{"postgres://u@[::1]/dev?sslmode=disable", ""},
		{"postgres://u@/dev?host=/var/run/postgresql&sslmode=disable", ""},
		{"postgres://u:" + canary + "@localhost/dev", ""},
		{"postgres://u:" + canary + "@cluster.example.com/dev", "holds a password"},
		{"postgres://u@cluster.example.com/dev?password=" + canary, "holds a password"},
		{"postgres://u:" + canary + "@cluster.example.com:port/dev", "not a URL"},
		{"postgres://u:" + canary + "%zz@cluster.example.com/dev", "not a URL"},
		{"postgres://u:" + canary + "@localhost/dev?sslmode=" + "nonsense", "sslmode is invalid"},
		{"postgres://u:" + canary + "@localhost/dev?sslmode=verify-full&sslrootcert=/nowhere.pem", "/nowhere.pem"},
		{"postgres://u@localhost/dev?sslmode=nonsense;password=" + canary, "warehouse.url"},
		{"postgres://u@cluster.example.com/dev?x=%zz&password=" + canary, "holds a password"},
		{"host=cluster.example.com password=" + canary, "not a URL"},
		{"https://u:" + canary + "@cluster.example.com/dev", "not a URL"},
		{"", "not a URL"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			d, err := Config{URL: tt.url}.withDefaults().driver()
			if tt.want != "" {
				wantProblem(t, err, pipeline.Configuration, tt.want)
				if !strings.Contains(err.Error(), "warehouse.url") {
					t.Errorf("the error does not name the key: %v", err)
				}
				if text := fmt.Sprintf("%v %+v %#v %s", err, err, err, pipeline.HintOf(err)); strings.Contains(text, canary) {
					t.Errorf("the error holds the password: %s", text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(tt.url, "example.com") {
				if !verifies(d) || d.TLSConfig.ServerName != "cluster.example.com" || d.TLSConfig.RootCAs == nil {
					t.Errorf("TLS is %+v, fallbacks %v", d.TLSConfig, d.Fallbacks)
				}
				if d.Port != 5439 {
					t.Errorf("port %d", d.Port)
				}
			}
		})
	}
	t.Run("the environment weakens nothing", func(t *testing.T) {
		t.Setenv("PGSSLMODE", "disable")
		d, err := Config{URL: "postgres://u@cluster.example.com/dev"}.withDefaults().driver()
		if err != nil || !verifies(d) {
			t.Errorf("%v, %+v", err, d)
		}
	})
}

func TestNoPlaintextFollowsARefusalOfTLS(t *testing.T) {
	db := postgres(t)
	s := newTestSource(t, Config{URL: strings.Replace(db.URL(), "sslmode=disable", "sslmode=verify-full", 1)}, "SELECT 1 AS lead_key")
	before := db.Logins()
	err := s.Read(t.Context(), testRun(t), &table{})
	wantProblem(t, err, pipeline.Configuration, "server refused TLS connection")
	if db.Logins() != before {
		t.Error("the client logged in without encryption")
	}
}

func TestTheServersCertificateIsVerified(t *testing.T) {
	certificate, file := selfSigned(t)
	db := pgtest.NewWith(t, pgtest.Options{TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}})
	base := strings.Replace(db.URL(), "sslmode=require", "sslmode=verify-full", 1)

	read(t, newTestSource(t, Config{URL: base + "&sslrootcert=" + file}, "SELECT 1 AS lead_key"))

	before := db.Logins()
	for name, url := range map[string]string{
		"unknown authority": base + "&sslrootcert=system",
		"another name":      strings.Replace(base, "127.0.0.1", "localhost", 1) + "&sslrootcert=" + file,
	} {
		t.Run(name, func(t *testing.T) {
			err := newTestSource(t, Config{URL: url}, "SELECT 1 AS lead_key").Read(t.Context(), testRun(t), &table{})
			wantProblem(t, err, pipeline.Configuration, "certificate")
		})
	}
	if db.Logins() != before {
		t.Error("a login followed a certificate that does not verify")
	}
}

// selfSigned returns a certificate for 127.0.0.1 and the file that vouches for it.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestThePasswordIsNeverShown(t *testing.T) {
	db := pgtest.NewWith(t, pgtest.Options{Password: "another"})
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	db.Inject(pgtest.Fault{Login: true, Reset: true})
	withPassword := strings.Replace(db.URL(), pgtest.User+"@", pgtest.User+":"+canary+"@", 1)
	for _, cfg := range []Config{
		{URL: db.URL(), Password: canary, Log: logger},
		{URL: withPassword, Log: logger},
	} {
		s := newTestSource(t, cfg, "SELECT 1 AS lead_key")
		err := s.Read(t.Context(), testRun(t), &table{})
		wantProblem(t, err, pipeline.Configuration, "28P01")
		if text := fmt.Sprintf("%v %+v %#v %s %s %+v", err, err, err, pipeline.HintOf(err), log.String(), cfg.Password); strings.Contains(text, canary) {
			t.Errorf("the password is shown: %s", text)
		}
	}
	if !strings.Contains(log.String(), "does not answer") {
		t.Error("the log says nothing of the attempts")
	}
	read(t, newTestSource(t, Config{URL: withPassword, Password: "another"}, "SELECT 1 AS lead_key"))
}

func TestConnectingTakesPatience(t *testing.T) {
	t.Run("the cluster comes back", func(t *testing.T) {
		var log bytes.Buffer
		s := viaProxy(t, "SELECT 1 AS lead_key")
		s.connector.config.Log = slog.New(slog.NewTextHandler(&log, nil))
		cluster.Inject(pgtest.Fault{Login: true, Reset: true})
		cluster.Inject(pgtest.Fault{Login: true, Code: "57P03", Message: "the database system is starting up"})
		cluster.Inject(pgtest.Fault{Login: true, Code: "53300", Message: "too many connections"})
		read(t, s)
		if got := strings.Count(log.String(), "trying again"); got != 3 {
			t.Errorf("%d lines of log, want 3:\n%s", got, &log)
		}
	})
	t.Run("it does not", func(t *testing.T) {
		s := viaProxy(t, "SELECT 1 AS lead_key")
		start := time.Now()
		calls := 0
		s.connector.now = func() time.Time { calls++; return start.Add(time.Duration(calls) * 10 * time.Second) }
		cluster.Inject(pgtest.Fault{Login: true, Reset: true, Times: 1000})
		before := cluster.Logins()
		err := s.Read(t.Context(), testRun(t), &table{})
		wantProblem(t, err, pipeline.TryAgain, "connect to the warehouse")
		if got := cluster.Logins() - before; got != 3 {
			t.Errorf("%d attempts in 30 seconds of 10 seconds each", got)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		s := newTestSource(t, Config{URL: "postgres://u@" + address + "/dev?sslmode=disable", ConnectPatience: time.Nanosecond}, "SELECT 1 AS lead_key")
		wantProblem(t, s.Read(t.Context(), testRun(t), &table{}), pipeline.TryAgain, "connection refused")
	})
	t.Run("canceled while waiting", func(t *testing.T) {
		s := viaProxy(t, "SELECT 1 AS lead_key")
		ctx, cancel := context.WithCancel(t.Context())
		s.connector.backoff = func(int) time.Duration { cancel(); return time.Minute }
		cluster.Inject(pgtest.Fault{Login: true, Reset: true})
		if err := s.Read(ctx, testRun(t), &table{}); err == nil || pipeline.ClassOf(err) != 0 || !strings.Contains(err.Error(), "canceled") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a silent server", func(t *testing.T) {
		s := newTestSource(t, Config{URL: postgres(t).URL(), ConnectTimeout: 20 * time.Millisecond}, "SELECT 1 AS lead_key")
		s.connector.config.ConnectTimeout = time.Minute // the setup's, which need not be quick
		release := make(chan struct{})
		cluster.Inject(pgtest.Fault{Login: true, Stall: release})
		read(t, s)
		close(release)
	})
	t.Run("what does not pass is not tried again", func(t *testing.T) {
		for _, code := range []string{"28000", "28P01", "3D000", "42704"} {
			s := viaProxy(t, "SELECT 1 AS lead_key")
			before := cluster.Logins()
			cluster.Inject(pgtest.Fault{Login: true, Code: code, Message: "no"})
			wantProblem(t, s.Read(t.Context(), testRun(t), &table{}), pipeline.Configuration, code)
			if got := cluster.Logins() - before; got != 1 {
				t.Errorf("%s: %d attempts", code, got)
			}
		}
	})
}

func TestTheDefaultsAreTheConfigFiles(t *testing.T) {
	c := Config{}.withDefaults()
	if c.ConnectTimeout != 15*time.Second || c.ConnectPatience != 30*time.Second || c.StatementTimeout != 10*time.Minute {
		t.Errorf("timeout %s, patience %s, statement %s; the config file's are 15s, 30s, 10m", c.ConnectTimeout, c.ConnectPatience, c.StatementTimeout)
	}
}

func TestQueryGroupsThatCouldBreakOut(t *testing.T) {
	for _, group := range []string{"a'b", `a\b`, "a\nb"} {
		_, err := Config{URL: "postgres://u@localhost/dev", QueryGroup: group}.withDefaults().driver()
		wantProblem(t, err, pipeline.Configuration, "warehouse.query_group")
	}
}

func TestWaitsGrowToALimit(t *testing.T) {
	for attempt, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 5: 15 * time.Second, 100: 15 * time.Second} {
		if got := exponential(attempt); got != want {
			t.Errorf("attempt %d waits %s, want %s", attempt, got, want)
		}
	}
}
