package warehouse

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

// authority signs certificates of servers.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string // vouches for it
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t), file: filepath.Join(t.TempDir(), "authority.pem")}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err == nil {
		a.certificate, err = x509.ParseCertificate(der)
	}
	if err == nil {
		err = os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// server returns the settings of a server at 127.0.0.1; edit may change what the certificate says.
func (a *authority) server(t *testing.T, edit func(*x509.Certificate)) *tls.Config {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	edit(template)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestEveryFaultOfTLSIsNamedAndNobodyLogsIn(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	good := ours.server(t, func(*x509.Certificate) {})
	old := good.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	var now atomic.Pointer[tls.Config]
	db := pgtest.NewWith(t, pgtest.Options{TLS: &tls.Config{ //nolint:gosec // versions are what is tried
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return now.Load(), nil }}})
	url := strings.Replace(db.URL(), "sslmode=require", "sslmode=verify-full&sslrootcert="+ours.file, 1)
	source := func() *Source { return newTestSource(t, Config{URL: url}, "SELECT 1 AS lead_key") }
	now.Store(good)
	read(t, source())

	for name, tt := range map[string]struct {
		server *tls.Config
		want   string
	}{
		"expired":           {ours.server(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "expired"},
		"not valid yet":     {ours.server(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "not yet valid"},
		"another host":      {ours.server(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }), "not 127.0.0.1"},
		"unknown authority": {theirs.server(t, func(*x509.Certificate) {}), "unknown authority"},
		"TLS 1.1":           {old, "protocol version"},
	} {
		t.Run(name, func(t *testing.T) {
			now.Store(tt.server)
			before := db.Logins()
			wantProblem(t, source().Read(t.Context(), testRun(t), &table{}), pipeline.Configuration, tt.want)
			if db.Logins() != before {
				t.Error("a login followed")
			}
			lax := source()                                                                                      // so it is the check that refused, and nothing else
			lax.connector.driver.TLSConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10} //nolint:gosec // that is the point
			read(t, lax)
		})
	}
}

func TestEveryWayToConnectAsksForAModernTLS(t *testing.T) {
	for _, url := range []string{"postgres://u@a.example.com,b.example.com/dev", "postgres://u@localhost/dev?sslmode=prefer"} {
		d, err := Config{URL: url}.withDefaults().driver()
		if err != nil {
			t.Fatal(err)
		}
		configs := []*tls.Config{d.TLSConfig}
		for _, f := range d.Fallbacks {
			configs = append(configs, f.TLSConfig)
		}
		encrypted := 0
		for _, c := range configs {
			if c == nil {
				continue
			}
			if encrypted++; c.MinVersion != tls.VersionTLS12 {
				t.Errorf("%s: at least %s", url, tls.VersionName(c.MinVersion))
			}
		}
		if encrypted == 0 {
			t.Errorf("%s: no way is encrypted", url)
		}
	}
}
