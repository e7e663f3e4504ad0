package salesforce

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"scored/pipeline"
)

// Flow is the OAuth 2.0 flow of the login.
type Flow uint8

// The flows for which no person has to be present.
const (
	JWTBearer         Flow = iota + 1 // signed with a private key, in the name of a user
	ClientCredentials                 // a client secret, at the org's My Domain address; runs as the app's own user
)

var flowWords = words[Flow]{JWTBearer: "jwt_bearer", ClientCredentials: "client_credentials"}

// ParseFlow returns the flow that a config's word means: jwt_bearer or client_credentials.
func ParseFlow(word string) (Flow, error) { return flowWords.parse("flow", word) }

// String returns the config's word.
func (f Flow) String() string { return flowWords.of(f) }

// Operation says how records are found.
type Operation uint8

// The operations on records.
const (
	Update Operation = iota + 1 // a change's key is the record's Id; never inserts
	Upsert                      // a change's key is the value of an external id; inserts what it does not find
)

var operationWords = words[Operation]{Update: "update", Upsert: "upsert"}

// ParseOperation returns the operation that a config's word means: update or upsert.
func ParseOperation(word string) (Operation, error) { return operationWords.parse("operation", word) }

// String returns the config's word.
func (o Operation) String() string { return operationWords.of(o) }

// What a [Config] means where it is silent.
const (
	DefaultAPIVersion    = "66.0"
	DefaultTimeout       = 30 * time.Second
	DefaultBulkThreshold = 2000
	DefaultUploadLimit   = 100_000_000 // of 150 MB, of which Salesforce's own coding takes a third
	DefaultFirstPoll     = time.Second
)

// Config describes a target. The words in its errors are those of the config file.
type Config struct {
	Name string

	LoginURL     string // login.salesforce.com, test.salesforce.com or My Domain; https unless the host is loopback
	Audience     string // JWTBearer: the assertion's audience; LoginURL if empty
	Flow         Flow
	ClientID     string
	Username     string          // JWTBearer
	PrivateKey   pipeline.Secret // JWTBearer: RSA, at least 2048 bits, PEM of PKCS #1 or PKCS #8
	ClientSecret pipeline.Secret // ClientCredentials
	APIVersion   string          // DefaultAPIVersion if empty
	// Timeout is that of a request, the reading of its answer included; of an upload and of a result file it is the time in
	// which no byte moves. DefaultTimeout if zero.
	Timeout time.Duration

	Object     string // API name, such as Lead
	Operation  Operation
	ExternalID string  // Upsert: API name of the field that holds the key
	Fields     []Field // what to write, in this order

	BulkThreshold int           // more changes than that go through the Bulk API; DefaultBulkThreshold if zero
	UploadLimit   int           // bytes of a Bulk upload; DefaultUploadLimit if zero
	FirstPoll     time.Duration // the wait before a Bulk job is first asked about; DefaultFirstPoll if zero
	Journal       Journal       // of Bulk jobs; without one more changes than BulkThreshold are an error

	Log *slog.Logger
}

// Field maps a value to a field of the object.
type Field struct {
	Field string // API name
	Value Value
}

// minKeyBits is what Salesforce asks of a certificate's RSA key.
const minKeyBits = 2048

var (
	apiName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}$`)
	apiVersion = regexp.MustCompile(`^(4[6-9]|[5-9][0-9]|1[0-9][0-9])\.0$`) // 46.0 is the first to upsert collections
)

// settle fills in the defaults and returns the private key, or every fault of the config as one problem.
func (c *Config) settle() (*rsa.PrivateKey, error) {
	c.LoginURL = strings.TrimSuffix(c.LoginURL, "/")
	if c.Audience == "" {
		c.Audience = c.LoginURL
	}
	if c.APIVersion == "" {
		c.APIVersion = DefaultAPIVersion
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.BulkThreshold == 0 {
		c.BulkThreshold = DefaultBulkThreshold
	}
	if c.UploadLimit == 0 {
		c.UploadLimit = DefaultUploadLimit
	}
	if c.FirstPoll == 0 {
		c.FirstPoll = DefaultFirstPoll
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	key, faults := c.checkLogin()
	faults = append(faults, c.checkMapping()...)
	if len(faults) == 0 {
		return key, nil
	}
	return nil, &pipeline.Problem{Class: pipeline.Configuration,
		Err:  fmt.Errorf("target %q: %w", c.Name, errors.Join(faults...)),
		Hint: "correct the target's section of the config file"}
}

func (c *Config) checkLogin() (key *rsa.PrivateKey, faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Name == "" {
		fault("name is missing")
	}
	if err := checkOrigin(c.LoginURL); err != nil {
		fault("login_url: %w", err)
	}
	if !apiVersion.MatchString(c.APIVersion) {
		fault("api_version %q is not a version from 46.0 on, such as %s", c.APIVersion, DefaultAPIVersion)
	}
	if c.Timeout < 0 {
		fault("timeout %s is negative", c.Timeout)
	}
	if c.BulkThreshold < 0 {
		fault("bulk_threshold %d is negative", c.BulkThreshold)
	}
	if c.UploadLimit < 0 || c.FirstPoll < 0 {
		fault("the limit of an upload (%d bytes) or the wait before the first poll (%s) is negative", c.UploadLimit, c.FirstPoll)
	}
	if c.ClientID == "" {
		fault("client_id is missing")
	}
	switch c.Flow {
	case JWTBearer:
		if c.Username == "" {
			fault("username is missing")
		}
		var err error
		if key, err = parseKey(c.PrivateKey); err != nil {
			fault("private_key_file: %w", err)
		}
	case ClientCredentials:
		if c.ClientSecret == "" {
			fault("client_secret_file is missing or empty")
		}
		if u, err := url.Parse(c.LoginURL); err == nil && sharedLogin(u.Hostname()) {
			fault("login_url: client credentials need the org's own address (https://NAME.my.salesforce.com), not %s", u.Host)
		}
	default:
		fault("flow is missing: jwt_bearer or client_credentials")
	}
	return key, faults
}

func (c *Config) checkMapping() (faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !apiName.MatchString(c.Object) {
		fault("object %q is not the API name of an object", c.Object)
	}
	listed := map[string]bool{"id": true}
	switch c.Operation {
	case Upsert:
		if !apiName.MatchString(c.ExternalID) {
			fault("external_id %q is not the API name of a field", c.ExternalID)
		}
		listed[strings.ToLower(c.ExternalID)] = true
	case Update:
		if c.ExternalID != "" {
			fault("external_id is set, but update finds records by their Id: remove it, or use upsert")
		}
	default:
		fault("operation is missing: update or upsert")
	}
	score := false
	for i, f := range c.Fields {
		name := strings.ToLower(f.Field)
		switch {
		case !apiName.MatchString(f.Field):
			fault("fields[%d]: %q is not the API name of a field", i, f.Field)
		case listed[name]:
			fault("fields[%d]: %s is taken: it is the key, or listed before", i, f.Field)
		}
		if _, ok := valueWords[f.Value]; !ok {
			fault("fields[%d]: %s has no value", i, f.Field)
		}
		listed[name] = true
		score = score || f.Value == Score
	}
	if !score {
		fault("fields: none of them has the value score")
	}
	return faults
}

func parseKey(pem pipeline.Secret) (*rsa.PrivateKey, error) {
	if pem == "" {
		return nil, errors.New("missing or empty")
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(pem))
	if err != nil {
		return nil, errors.New("not an RSA private key in PEM form (PKCS #1 or PKCS #8, not encrypted)")
	}
	if bits := key.N.BitLen(); bits < minKeyBits {
		return nil, fmt.Errorf("an RSA key of %d bits; Salesforce asks for %d", bits, minKeyBits)
	}
	return key, nil
}

// checkOrigin tells whether raw is scheme and host, encrypted unless it stays on this machine.
func checkOrigin(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "":
		return errors.New("not an address such as https://login.salesforce.com")
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return errors.New("must be scheme and host alone")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	default:
		return errors.New("must be https")
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func sharedLogin(host string) bool {
	return strings.EqualFold(host, "login.salesforce.com") || strings.EqualFold(host, "test.salesforce.com")
}
