package main

import (
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"scored/sinks/salesforce/fakeorg"
)

const object = "Loan_Application__c"

// loanApplication is the bank's object with the fields that the config maps: what an administrator has to set up.
func loanApplication() fakeorg.Object {
	field := func(name, typ string) fakeorg.Field {
		return fakeorg.Field{Name: name, Type: typ, Nillable: true, Createable: true, Updateable: true}
	}
	number := func(name string, precision, scale int) fakeorg.Field {
		f := field(name, "double")
		f.Precision, f.Scale = precision, scale
		return f
	}
	key := field("Application_Key__c", "string")
	key.Length, key.ExternalID, key.Unique = 40, true, true
	return fakeorg.Object{
		Name: object, Label: "Loan Application", KeyPrefix: "a01", Owned: true,
		Fields: []fakeorg.Field{
			key,
			number("Amount__c", 18, 0),
			number("Score__c", 3, 0),
			field("Grade__c", "string"),
			number("Probability__c", 7, 6),
			field("Model__c", "string"),
			number("Version__c", 18, 0),
			field("Scored_At__c", "datetime"),
		},
	}
}

// org is an org that answers like Salesforce.
type org struct {
	*fakeorg.Org
	url    string
	server *http.Server
}

// startOrg starts the org on loopback, with every application that the bank has, and writes its app's secret.
func (e *example) startOrg(ctx context.Context) error {
	const user = "scoring@bank.example"
	secret := rand.Text()
	if err := os.WriteFile(filepath.Join(e.dir, "salesforce.secret"), []byte(secret), 0o600); err != nil {
		return err
	}
	fake, err := fakeorg.New(fakeorg.Config{
		Apps:    []fakeorg.App{{ClientID: "consumer-key-of-the-external-client-app", ClientSecret: secret, RunAs: user}},
		Users:   []fakeorg.User{{Username: user, Name: "Scoring"}},
		Objects: []fakeorg.Object{loanApplication()},
	})
	if err != nil {
		return err
	}
	applications, err := e.warehouse.Query(ctx, "SELECT application_key, amount FROM bank.applications ORDER BY submitted_at, application_key")
	if err != nil {
		return err
	}
	for _, a := range applications {
		amount, err := strconv.ParseFloat(a[1], 64)
		if err == nil {
			_, err = fake.Insert(object, map[string]any{"Application_Key__c": a[0], "Amount__c": amount})
		}
		if err != nil {
			return err
		}
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.org = &org{Org: fake, url: "http://" + listener.Addr().String(), server: &http.Server{Handler: fake, ReadHeaderTimeout: 10 * time.Second}}
	go func() { _ = e.org.server.Serve(listener) }() // ends with close
	return nil
}

func (o *org) close() error { return o.server.Close() }

// sightings is a CSV of what the org held, as of each morning.
type sightings struct {
	file *os.File
	csv  *csv.Writer
}

func newSightings(path string) (*sightings, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	s := &sightings{file: f, csv: csv.NewWriter(f)}
	return s, s.csv.Write([]string{"as_of", "application_key", "score", "grade", "probability", "written"})
}

// note adds what the org holds as of a morning. written is the as-of of the run that wrote it, which is in its version.
func (s *sightings) note(asOf time.Time, o *org) {
	for _, r := range o.Records(object) {
		version, scored := r.Fields["Version__c"].(float64)
		if !scored {
			continue
		}
		number := func(field string) string {
			v, _ := r.Fields[field].(float64)
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
		key, _ := r.Fields["Application_Key__c"].(string)
		grade, _ := r.Fields["Grade__c"].(string)
		written := time.UnixMilli(int64(version) / 1000).UTC()
		// An error stays with the writer: close returns it.
		_ = s.csv.Write([]string{
			asOf.Format(time.RFC3339), key, number("Score__c"), grade, number("Probability__c"), written.Format(time.RFC3339),
		})
	}
}

func (s *sightings) close() error {
	s.csv.Flush()
	return errors.Join(s.csv.Error(), s.file.Close())
}
