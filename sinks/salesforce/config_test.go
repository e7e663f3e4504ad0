package salesforce_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/sinks/salesforce"
)

// valid is a config that New takes.
func valid(t *testing.T) salesforce.Config {
	return salesforce.Config{
		Name: "org", LoginURL: "https://login.salesforce.com", Flow: salesforce.JWTBearer,
		ClientID: clientID, Username: username, PrivateKey: keyPEM(t, "PKCS1"),
		Object: "Lead", Operation: salesforce.Upsert, ExternalID: "Lead_Key__c", Fields: mapping(),
	}
}

func TestNewListsEveryFaultByItsKey(t *testing.T) {
	_, err := salesforce.New(salesforce.Config{Name: "org", LoginURL: "http://example.com/x", APIVersion: "v66",
		Operation: salesforce.Upsert,
		Fields:    []salesforce.Field{{Field: "A B"}, {Field: "Lead_Grade__c", Value: salesforce.Grade}}})
	if pipeline.ClassOf(err) != pipeline.Configuration || pipeline.HintOf(err) == "" {
		t.Fatalf("not a configuration problem with a hint: %v", err)
	}
	for _, want := range []string{`target "org"`, "login_url", "api_version", "client_id", "flow", "object", "external_id",
		`fields[0]: "A B"`, "score"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %s: %v", want, err)
		}
	}
}

func TestNew(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*salesforce.Config)
		want string // part of the error, "" for none
	}{
		{"as it should be", func(*salesforce.Config) {}, ""},
		{"PKCS #8", func(c *salesforce.Config) { c.PrivateKey = keyPEM(t, "PKCS8") }, ""},
		{"http on this machine", func(c *salesforce.Config) { c.LoginURL = "http://127.0.0.1:8080/" }, ""},
		{"http on localhost", func(c *salesforce.Config) { c.LoginURL = "http://localhost:8080" }, ""},
		{"http elsewhere", func(c *salesforce.Config) { c.LoginURL = "http://salesforce.example" }, "login_url: must be https"},
		{"http on a host that looks local", func(c *salesforce.Config) { c.LoginURL = "http://localhost.example" },
			"login_url: must be https"},
		{"no scheme", func(c *salesforce.Config) { c.LoginURL = "login.salesforce.com" }, "login_url: not an address"},
		{"a path", func(c *salesforce.Config) { c.LoginURL += "/services" }, "login_url: must be scheme and host alone"},
		{"credentials in the address", func(c *salesforce.Config) { c.LoginURL = "https://u:hunter2@salesforce.example" },
			"scheme and host alone"},
		{"no name", func(c *salesforce.Config) { c.Name = "" }, "name is missing"},
		{"an old API", func(c *salesforce.Config) { c.APIVersion = "45.0" }, "api_version"},
		{"no username", func(c *salesforce.Config) { c.Username = "" }, "username is missing"},
		{"no key", func(c *salesforce.Config) { c.PrivateKey = "" }, "private_key_file: missing"},
		{"not a key", func(c *salesforce.Config) { c.PrivateKey = "hunter2" }, "private_key_file: not an RSA private key"},
		{"a short key", func(c *salesforce.Config) { c.PrivateKey = shortKey(t) }, "RSA key of 1024 bits"},
		{"no secret", func(c *salesforce.Config) {
			c.Flow, c.LoginURL = salesforce.ClientCredentials, "https://acme.my.salesforce.com"
		}, "client_secret_file"},
		{"client credentials at the shared address", func(c *salesforce.Config) {
			c.Flow, c.ClientSecret = salesforce.ClientCredentials, "s"
		}, "login_url: client credentials need the org's own address"},
		{"negative timeout", func(c *salesforce.Config) { c.Timeout = -1 }, "timeout"},
		{"no external id", func(c *salesforce.Config) { c.ExternalID = "" }, "external_id"},
		{"an external id that leaves the path", func(c *salesforce.Config) { c.ExternalID = "../x" }, "external_id"},
		{"an external id without use", func(c *salesforce.Config) { c.Operation = salesforce.Update }, "external_id is set"},
		{"no operation", func(c *salesforce.Config) { c.Operation = 0 }, "operation is missing"},
		{"a field twice", func(c *salesforce.Config) {
			c.Fields = append(c.Fields, salesforce.Field{Field: "lead_SCORE__c", Value: salesforce.Version})
		}, "fields[7]: lead_SCORE__c is taken"},
		{"the key as a field", func(c *salesforce.Config) {
			c.Fields = append(c.Fields, salesforce.Field{Field: "Lead_Key__c", Value: salesforce.Model})
		}, "fields[7]: Lead_Key__c is taken"},
		{"a field without a value", func(c *salesforce.Config) { c.Fields[1].Value = 0 }, "fields[1]: Lead_Grade__c has no value"},
		{"no score", func(c *salesforce.Config) { c.Fields = c.Fields[1:] }, "none of them has the value score"},
		{"no fields", func(c *salesforce.Config) { c.Fields = nil }, "none of them has the value score"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := valid(t)
			c.edit(&config)
			_, err := salesforce.New(config)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error is %v, want %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestWords(t *testing.T) {
	for word, want := range map[string]salesforce.Value{"score": salesforce.Score, "grade": salesforce.Grade,
		"probability": salesforce.Probability, "model": salesforce.Model, "version": salesforce.Version,
		"scored_at": salesforce.ScoredAt, "reasons": salesforce.Reasons} {
		if got, err := salesforce.ParseValue(word); got != want || err != nil || got.String() != word {
			t.Errorf("%s: %v, %v", word, got, err)
		}
	}
	if _, err := salesforce.ParseValue("Score"); err == nil ||
		err.Error() != `value "Score" is none of score, grade, probability, model, version, scored_at, reasons` {
		t.Errorf("error is %v", err)
	}
	if f, err := salesforce.ParseFlow("client_credentials"); f != salesforce.ClientCredentials || err != nil {
		t.Error(f, err)
	}
	if _, err := salesforce.ParseFlow("password"); err == nil ||
		err.Error() != `flow "password" is none of jwt_bearer, client_credentials` {
		t.Errorf("error is %v", err)
	}
	if o, err := salesforce.ParseOperation("update"); o != salesforce.Update || err != nil {
		t.Error(o, err)
	}
	if _, err := salesforce.ParseOperation("insert"); err == nil ||
		err.Error() != `operation "insert" is none of update, upsert` {
		t.Errorf("error is %v", err)
	}
	if got := salesforce.Value(99).String(); got != "invalid(99)" {
		t.Error(got)
	}
}

func shortKey(t *testing.T) pipeline.Secret {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Secret(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}
