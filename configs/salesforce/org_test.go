package salesforce_test

import (
	"maps"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const username, secret = "scored@example.com", "s3cret"

// deploy makes an org with the package in it, and a sink that writes to it as the reference config says, for a user with the
// permission set of the integration and nothing else. errorField says beside which field the rule's error ends up.
func deploy(t *testing.T, errorField func(string) string) (*fakeorg.Org, *salesforce.Sink) {
	t.Helper()
	all := components(t)
	fields, rule := all["CustomField"], all["ValidationRule"]["Lead_Score_Version_Guard"]
	lead := fakeorg.LeadObject()
	lead.Fields = slices.DeleteFunc(lead.Fields, func(f fakeorg.Field) bool { _, ours := fields[f.Name]; return ours })
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		lead.Fields = append(lead.Fields, deployed(t, fields[name]))
	}
	version := mapped(t, "version")
	lead.Rules = []fakeorg.Rule{{Name: rule.name, Message: rule.get("errorMessage"), Field: errorField(rule.get("errorDisplayField")),
		Inactive: rule.get("active") != "true",
		Broken: func(before, after fakeorg.Values) bool {
			return broken(t, rule.get("errorConditionFormula"), save{before: filled(before, version), after: filled(after, version)})
		}}}
	granted := permissionsOf(t, "Lead_Scores_Integration")
	org, err := fakeorg.New(fakeorg.Config{
		Apps: []fakeorg.App{{ClientID: "scored", ClientSecret: secret, RunAs: username}},
		Users: []fakeorg.User{{Username: username, Editable: granted.edit,
			NoAPI: !slices.Contains(granted.user, "ApiEnabled"), ViewSetup: slices.Contains(granted.user, "ViewSetup")}},
		Objects: []fakeorg.Object{lead},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(org)
	t.Cleanup(server.Close)

	tc := target(t)
	operation, err := salesforce.ParseOperation(tc.Operation)
	if err != nil {
		t.Fatal(err)
	}
	config := salesforce.Config{Name: tc.Name, LoginURL: server.URL, Flow: salesforce.ClientCredentials, ClientID: "scored",
		ClientSecret: secret, Object: tc.Object, Operation: operation, ExternalID: tc.ExternalID}
	for _, f := range tc.Fields {
		value, err := salesforce.ParseValue(f.Value)
		if err != nil {
			t.Fatal(err)
		}
		config.Fields = append(config.Fields, salesforce.Field{Field: f.Field, Value: value})
	}
	sink, err := salesforce.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	return org, sink
}

// filled takes a number from a record, if it is there.
func filled(record fakeorg.Values, field string) map[string]float64 {
	if value, ok := record.Get(field).(float64); ok {
		return map[string]float64{field: value}
	}
	return nil
}

// asDeployed leaves a rule's error where the package has it. topOfPage is where Salesforce moves it if the field is not on the
// page layout.
func asDeployed(field string) string { return field }
func topOfPage(string) string        { return "" }

func TestPreflightAcceptsWhatThePackageDeploys(t *testing.T) {
	for name, errorField := range map[string]func(string) string{"as deployed": asDeployed, "top of page": topOfPage} {
		_, sink := deploy(t, errorField)
		ready, err := sink.Preflight(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !ready.Guarded {
			t.Errorf("%s: the rule is not taken for the guard of the version", name)
		}
	}
}

// A run that comes after a newer one leaves the newer score alone, and what it is told is no error.
func TestAnOlderRunIsStaleInTheOrgThatThePackageMakes(t *testing.T) {
	for name, errorField := range map[string]func(string) string{"as deployed": asDeployed, "top of page": topOfPage} {
		t.Run(name, func(t *testing.T) { olderIsStale(t, errorField) })
	}
}

func olderIsStale(t *testing.T, errorField func(string) string) {
	org, sink := deploy(t, errorField)
	key := target(t).ExternalID
	id, err := org.Insert("Lead", map[string]any{"LastName": "Doe", "Company": "Acme", key: "L1"})
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		asOf  time.Time
		score int
		want  pipeline.Status
		holds float64
	}{
		{noon, 90, pipeline.Accepted, 90},
		{noon.Add(-15 * time.Minute), 10, pipeline.Stale, 90},
		{noon.Add(15 * time.Minute), 70, pipeline.Accepted, 70},
	} {
		request := pipeline.Request{Trigger: pipeline.Scheduled, Slot: step.asOf, AsOf: step.asOf}
		run, err := pipeline.NewRun("leads", request, 0, step.asOf)
		if err != nil {
			t.Fatal(err)
		}
		var got []pipeline.Outcome
		change := pipeline.Change{Score: pipeline.Score{Key: "L1", Score: step.score, Grade: "A", Probability: 0.5}}
		err = sink.Write(t.Context(), run, "model@0123abcd", []pipeline.Change{change}, func(outcomes []pipeline.Outcome) error {
			got = append(got, outcomes...)
			return nil
		})
		if err != nil || len(got) != 1 || got[0].Status != step.want {
			t.Errorf("as of %s: got %+v and %v, want %s", step.asOf.Format(time.TimeOnly), got, err, step.want)
		}
		record, _ := org.Record(id)
		if holds := record.Fields[mapped(t, "score")]; holds != step.holds {
			t.Errorf("as of %s: the lead has the score %v, want %v", step.asOf.Format(time.TimeOnly), holds, step.holds)
		}
	}
}
