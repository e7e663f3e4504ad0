package fakeorg_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"
)

// described is a column as a client reads it.
type described struct {
	ColumnName     string
	ApexType       string
	Updatable      bool
	NumberType     bool
	ForeignKeyName *string
	JoinColumns    []described
}

// columnPaths lists the columns as the Salesforce CLI does: a relationship's by their path.
func columnPaths(list []described) []string {
	var found []string
	for _, c := range list {
		if len(c.JoinColumns) == 0 {
			found = append(found, c.ColumnName)
		}
		for _, below := range columnPaths(c.JoinColumns) {
			found = append(found, c.ColumnName+"."+below)
		}
	}
	return found
}

func (s *site) columns(soql string) (answer struct {
	ColumnMetadata []described
	EntityName     string
	IDSelected     bool `json:"idSelected"`
	KeyPrefix      string
	Records        []any
}) {
	s.t.Helper()
	got := s.do(s.login(), "GET", "/query?columns=true&q="+url.QueryEscape(soql), "")
	err := json.Unmarshal([]byte(got.text), &answer)
	if err != nil || got.status != http.StatusOK || answer.ColumnMetadata == nil {
		s.t.Fatalf("%s: %d %s", soql, got.status, got.text)
	}
	return answer
}

func TestAQuerysColumns(t *testing.T) {
	s := start(t, config())
	s.lead("L000001")
	for soql, want := range map[string][]string{
		"SELECT Id, lead_score__c FROM Lead":                          {"Id", "Lead_Score__c"},
		"SELECT Lead_Key__c, Owner.Name, City, Owner.Email FROM Lead": {"Lead_Key__c", "Owner.Name", "Owner.Email", "City"},
		"SELECT COUNT() FROM Lead":                                    nil,
	} {
		if got := columnPaths(s.columns(soql).ColumnMetadata); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", soql, got, want)
		}
	}
}

func TestAColumnIsDescribedAsFarAsTheUserMayWrite(t *testing.T) {
	s := start(t, config())
	got := s.columns("SELECT Id, Lead_Score__c, City, Owner.Name FROM Lead")
	if got.EntityName != "Lead" || got.KeyPrefix != "00Q" || !got.IDSelected || got.Records != nil {
		t.Errorf("the query is described as %+v", got)
	}
	id, score, city, owner := got.ColumnMetadata[0], got.ColumnMetadata[1], got.ColumnMetadata[2], got.ColumnMetadata[3]
	if id.ApexType != "Id" || score.ApexType != "Double" || !score.NumberType || city.ApexType != "String" || city.NumberType {
		t.Errorf("types: %+v %+v %+v", id, score, city)
	}
	if id.Updatable || !score.Updatable || city.Updatable {
		t.Errorf("may be updated: Id %t, Lead_Score__c %t, City %t", id.Updatable, score.Updatable, city.Updatable)
	}
	if owner.ForeignKeyName == nil || *owner.ForeignKeyName != "OwnerId" || owner.ApexType != "User" {
		t.Errorf("Owner: %+v", owner)
	}
	if s.columns("SELECT City FROM Lead").IDSelected {
		t.Error("Id is not selected")
	}
}
