package salesforce

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"scored/pipeline"
)

// authority signs certificates of servers.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	var der []byte
	var err error
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err == nil {
		der, err = x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	}
	if err == nil {
		a.certificate, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// server returns the settings of a server at 127.0.0.1; edit may change what the certificate says.
func (a *authority) server(t *testing.T, edit func(*x509.Certificate)) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	edit(template)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}} //nolint:gosec // versions are what is tried
}

// endpoint is a server whose settings of TLS can be changed; nil is one without. It counts the requests that reach it.
type endpoint struct {
	*httptest.Server
	now      atomic.Pointer[tls.Config]
	requests atomic.Int32
}

func newEndpoint(t *testing.T, encrypted bool, answer func(http.ResponseWriter)) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		e.requests.Add(1)
		answer(w)
	}))
	e.Config.ErrorLog = log.New(io.Discard, "", 0)
	if encrypted {
		e.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return e.now.Load(), nil }} //nolint:gosec // as above
		e.StartTLS()
	} else {
		e.Start()
		e.URL = strings.Replace(e.URL, "http:", "https:", 1)
	}
	t.Cleanup(e.Close)
	return e
}

func TestEveryFaultOfTLSIsNamedAndNothingIsSent(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	good := ours.server(t, func(*x509.Certificate) {})
	old := good.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	known := x509.NewCertPool()
	known.AddCert(ours.certificate)

	for name, tt := range map[string]struct {
		server *tls.Config // nil: none
		class  pipeline.Class
		want   string
	}{
		"expired":           {ours.server(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), pipeline.Configuration, "expired"},
		"not valid yet":     {ours.server(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), pipeline.Configuration, "not yet valid"},
		"another host":      {ours.server(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }), pipeline.Configuration, "not 127.0.0.1"},
		"unknown authority": {theirs.server(t, func(*x509.Certificate) {}), pipeline.Configuration, "unknown authority"},
		"TLS 1.1":           {old, pipeline.Configuration, "protocol version"},
		"no TLS":            {nil, pipeline.TryAgain, "does not look like a TLS handshake"},
	} {
		for _, where := range []string{"token endpoint", "API"} {
			t.Run(name+" at the "+where, func(t *testing.T) {
				api := newEndpoint(t, tt.server != nil || where != "API", func(w http.ResponseWriter) { fmt.Fprint(w, `{"fields":[]}`) })
				login := newEndpoint(t, tt.server != nil || where == "API", func(w http.ResponseWriter) {
					fmt.Fprintf(w, `{"access_token":"t","instance_url":"%s","id":"https://x/id/00D000000000062EAA/005000000000001AAA"}`, api.URL)
				})
				login.now.Store(good)
				api.now.Store(good)
				faulty := map[string]*endpoint{"token endpoint": login, "API": api}[where]
				faulty.now.Store(tt.server)

				check := func(trust func(*tls.Config)) (int32, error) {
					sink, err := New(Config{Name: "org", LoginURL: login.URL, Flow: ClientCredentials, ClientID: "c", ClientSecret: "s", Object: "Lead",
						Operation: Update, Fields: []Field{{"Lead_Score__c", Score}}})
					if err != nil {
						t.Fatal(err)
					}
					defer sink.Close()
					trust(sink.wire.transport.TLSClientConfig)
					_, err = sink.Preflight(t.Context())
					return faulty.requests.Load(), err
				}
				requests, err := check(func(c *tls.Config) { c.RootCAs = known })
				if pipeline.ClassOf(err) != tt.class || !strings.Contains(fmt.Sprint(err), tt.want) || pipeline.HintOf(err) == "" {
					t.Errorf("class %s, %v (hint %q)", pipeline.ClassOf(err), err, pipeline.HintOf(err))
				}
				if requests != 0 {
					t.Errorf("%d requests reached a server that is not the org", requests)
				}
				if tt.server == nil {
					return
				}
				// So it is the check that refused, and nothing else.
				requests, _ = check(func(c *tls.Config) { c.InsecureSkipVerify, c.MinVersion = true, tls.VersionTLS10 })
				if requests == 0 {
					t.Error("a client that checks nothing did not reach the server either")
				}
			})
		}
	}
}
