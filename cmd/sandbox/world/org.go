package world

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"scored/cmd/sandbox/crm"
	"scored/sinks/salesforce/fakeorg"
)

const (
	clientID = "sandbox-app"
	username = "scoring@sandbox.example"
)

// Org is an emulated org that listens on loopback.
type Org struct {
	*fakeorg.Org
	URL     string
	server  *http.Server
	keyFile string
	reps    map[string]string // user id by name
}

// scoreFields are what the integration user may edit, as the permission set of the admin package has it.
var scoreFields = []string{"Lead_Key__c", "Lead_Score__c", "Lead_Grade__c", "Lead_Score_Probability__c", "Lead_Score_Model__c",
	"Lead_Score_Version__c", "Lead_Scored_At__c", "Lead_Score_Reasons__c"}

// guardedLead is the Lead with the validation rule of the admin package: an older score never replaces a newer one.
func guardedLead() fakeorg.Object {
	lead := fakeorg.LeadObject()
	lead.Rules = []fakeorg.Rule{fakeorg.NeverDecreases("Lead_Score_Version__c")}
	return lead
}

// newOrg starts an org whose users are the integration user and the reps, by name, and writes the private key of its one
// app to keyFile.
func newOrg(ctx context.Context, key *rsa.PrivateKey, keyFile string, reps []string) (*Org, error) {
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600); err != nil {
		return nil, err
	}
	users := []fakeorg.User{{Username: username, Name: "Scoring Integration", Editable: scoreFields, ViewSetup: true}}
	for i, name := range reps {
		users = append(users, fakeorg.User{Username: fmt.Sprintf("rep%d@sandbox.example", i+1), Name: name})
	}
	fake, err := fakeorg.New(fakeorg.Config{
		Apps:          []fakeorg.App{{ClientID: clientID, PublicKey: &key.PublicKey, Preauthorized: []string{username}}},
		Users:         users,
		Objects:       []fakeorg.Object{guardedLead()},
		DailyAPILimit: 100_000,
	})
	if err != nil {
		return nil, err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &Org{
		Org: fake, keyFile: keyFile, URL: "http://" + listener.Addr().String(), reps: map[string]string{},
		server: &http.Server{Handler: fake, ReadHeaderTimeout: 10 * time.Second},
	}
	for _, u := range users {
		o.reps[u.Name] = fake.UserID(u.Username)
	}
	go func() { _ = o.server.Serve(listener) }() // ends with close
	return o, nil
}

func (o *Org) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(o.server.Shutdown(ctx), o.server.Close())
}

func (o *Org) environment() []string {
	return []string{
		"SCORED_SALESFORCE_LOGIN_URL=" + o.URL,
		"SCORED_SALESFORCE_CLIENT_ID=" + clientID,
		"SCORED_SALESFORCE_USERNAME=" + username,
		"SCORED_SALESFORCE_PRIVATE_KEY_FILE=" + o.keyFile,
	}
}

// add makes the leads, as whoever runs the org's web forms would.
func (o *Org) add(leads iter.Seq[crm.Lead]) error {
	for l := range leads {
		_, err := o.Insert("Lead", map[string]any{
			"Lead_Key__c": l.Key, "FirstName": l.FirstName, "LastName": l.LastName, "Company": cmp.Or(l.Company, "Private"),
			"City": l.City, "Vehicle_Interest__c": l.Interest, "Status": l.Status, "OwnerId": o.reps[l.Owner],
		})
		if err != nil {
			return fmt.Errorf("lead %s: %w", l.Key, err)
		}
	}
	return nil
}

// Best returns the n leads with the highest score, as the list that a rep sorts shows them.
func (o *Org) Best(n int) []fakeorg.Record {
	records := slices.DeleteFunc(o.Records("Lead"), func(r fakeorg.Record) bool { return r.Fields["Lead_Score__c"] == nil })
	slices.SortStableFunc(records, func(a, b fakeorg.Record) int {
		return cmp.Or(cmp.Compare(number(b, "Lead_Score__c"), number(a, "Lead_Score__c")),
			cmp.Compare(number(b, "Lead_Score_Probability__c"), number(a, "Lead_Score_Probability__c")))
	})
	return records[:min(n, len(records))]
}

// number returns a number field, 0 where it is empty.
func number(r fakeorg.Record, field string) float64 {
	v, _ := r.Fields[field].(float64)
	return v
}
