package configs

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
)

// minimal is a config with nothing that could be left out.
const minimal = `state_dir: state
warehouse:
  url: postgres://scored@localhost/dev
salesforce:
  client_id: app
jobs:
  - name: lead_scoring
    dataprep: /sql/lead_scoring.sql
    key: lead_key
    bundle: bundles/lead_scoring
    targets:
      - name: salesforce
        object: Lead
        operation: update
        fields:
          - {field: Lead_Score__c, value: score}
`

// write puts a config file into a folder of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scored.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	path := write(t, minimal)
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(path)
	want := &Config{
		StateDir: filepath.Join(folder, "state"),
		Log:      Log{Level: slog.LevelInfo},
		Schedule: Schedule{Cron: "*/15 * * * *", Timezone: "UTC", Jitter: 30 * time.Second, StartDeadline: 10 * time.Minute,
			RunDeadline: 14 * time.Minute, Retries: 3},
		Status: Status{Listen: "127.0.0.1:9848"},
		Warehouse: Warehouse{URL: "postgres://scored@localhost/dev", QueryGroup: "scored",
			ConnectTimeout: 15 * time.Second, ConnectPatience: 30 * time.Second, StatementTimeout: 10 * time.Minute,
			HistorySchema: "scored"},
		Salesforce: Salesforce{LoginURL: "https://login.salesforce.com", APIVersion: "66.0", Flow: "jwt_bearer", ClientID: "app",
			Timeout: 30 * time.Second, BulkThreshold: 2000, APIReserve: 20},
		Jobs: []Job{{Name: "lead_scoring", Dataprep: "/sql/lead_scoring.sql", Key: "lead_key", Bundle: filepath.Join(folder, "bundles/lead_scoring"),
			Guard: Guard{MinRows: 0.7, MaxRows: 1.5, MaxRejected: 0.1, MaxMissing: 0.2, MaxFlat: 0.75, MaxFactor: 3, MaxChanged: 0.95, MaxJumped: 0.1, MaxNew: 0.3, MaxLeft: 0.2, MaxShift: 0.25, MinOverlap: 0.5,
				New: NewGuard{MaxMissing: 0.3, MaxFactor: 10, MaxShift: 0.5, MinOverlap: 0.3}},
			Targets: []Target{{Name: "salesforce", Object: "Lead", Operation: "update", OnLeave: "keep", Fields: []Field{{"Lead_Score__c", "score"}}}}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	path := write(t, strings.Replace(minimal, "warehouse:\n", "log: {level: warn}\nwarehouse:\n  query_group: file\n  password_file: file\n  connect_timeout: 1s\n", 1))
	t.Setenv("SCORED_STATE_DIR", "here/state")
	t.Setenv("SCORED_LOG_LEVEL", "debug")
	t.Setenv("SCORED_WAREHOUSE_CONNECT_TIMEOUT", "2s")
	t.Setenv("SCORED_WAREHOUSE_PASSWORD_FILE", "")
	t.Setenv("SCORED_SALESFORCE_CLIENT_ID", "Mixed.Case_App")
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ what, got, want string }{
		{"state_dir (a path of the environment starts where the program does)", c.StateDir, "here/state"},
		{"log.level", c.Log.Level.String(), "DEBUG"},
		{"warehouse.connect_timeout", c.Warehouse.ConnectTimeout.String(), "2s"},
		{"warehouse.password_file (set to nothing)", c.Warehouse.PasswordFile, ""},
		{"warehouse.query_group (of the file)", c.Warehouse.QueryGroup, "file"},
		{"warehouse.statement_timeout (the default)", c.Warehouse.StatementTimeout.String(), "10m0s"},
		{"salesforce.client_id", c.Salesforce.ClientID, "Mixed.Case_App"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %q, want %q", tt.what, tt.got, tt.want)
		}
	}
}

func TestValuesKeepTheirLetters(t *testing.T) {
	const fields = `
          - {field: LEAD_Score__c, value: score}
          - {field: "0x10", value: grade}
          - {field: "${x}.b", value: "model"}
`
	c, err := Load(write(t, strings.Replace(minimal, "\n          - {field: Lead_Score__c, value: score}\n", fields, 1)))
	if err != nil {
		t.Fatal(err)
	}
	want := []Field{{"LEAD_Score__c", "score"}, {"0x10", "grade"}, {"${x}.b", "model"}}
	if got := c.Jobs[0].Targets[0].Fields; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRefusals(t *testing.T) {
	set := func(old, text string) string {
		if !strings.Contains(minimal, old) {
			panic(old)
		}
		return strings.Replace(minimal, old, text, 1)
	}
	tests := []struct {
		name string
		text string
		want []string
	}{
		{"unknown key at the top", "stat_dir: x\n" + minimal, []string{`line 1: stat_dir: unknown key, did you mean "state_dir"?`}},
		{"unknown key in a section", set("  url:", "  conect_timeout: 1s\n  url:"),
			[]string{`line 3: warehouse.conect_timeout: unknown key, did you mean "connect_timeout"?`}},
		{"unknown key in a list", set("    key: lead_key", "    keey: lead_key"),
			[]string{`line 9: jobs[0].keey: unknown key, did you mean "key"?`, "line 7: jobs[0].key: is missing"}},
		{"unknown key deep in lists", set("value: score", "valeu: score"),
			[]string{`line 16: jobs[0].targets[0].fields[0].valeu: unknown key, did you mean "value"?`, "line 16: jobs[0].targets[0].fields[0].value: is missing"}},
		{"nothing like a key", "colour: red\n" + minimal, []string{"line 1: colour: unknown key"}},
		{"retries that are no number", "schedule: {retries: often}\n" + minimal, []string{`line 1: schedule.retries: "often" is not a whole number from 0 to 100`}},
		{"a threshold that is none", set("client_id: app", "client_id: app\n  bulk_threshold: 0"),
			[]string{`line 6: salesforce.bulk_threshold: "0" is not a whole number from 1 to 1000000`}},
		{"a reserve of nearly everything", set("client_id: app", "client_id: app\n  api_reserve: 91"),
			[]string{`line 6: salesforce.api_reserve: "91" is not a whole number from 0 to 90`}},
		{"a share with its sign", set("client_id: app", "client_id: app\n  api_reserve: 20%"),
			[]string{`line 6: salesforce.api_reserve: "20%" is not a whole number from 0 to 90`}},
		{"a limit of the guard that lets nothing pass", set("    key: lead_key", "    key: lead_key\n    guard: {max_changed: 0}"),
			[]string{`line 10: jobs[0].guard.max_changed: "0" is not a number from 0.01 to 1`}},
		{"a share in percent", set("    key: lead_key", "    key: lead_key\n    guard: {new: {min_overlap: 50%}}"),
			[]string{`line 10: jobs[0].guard.new.min_overlap: "50%" is not a number from 0.01 to 1`}},
		{"a limit that is no number", set("    key: lead_key", "    key: lead_key\n    guard: {max_shift: .nan, max_left: NaN}"),
			[]string{`jobs[0].guard.max_shift: ".nan" is not a number from 0.01 to 10`, `jobs[0].guard.max_left: "NaN" is not a number from 0.01 to 1`}},
		{"a guard that is switched off", set("    key: lead_key", "    key: lead_key\n    guard: off"),
			[]string{"line 10: jobs[0].guard: must be keys with values"}},
		{"neither keep nor clear", set("operation: update", "operation: update\n        on_leave: delete"),
			[]string{`line 15: jobs[0].targets[0].on_leave: "delete" is not one of keep, clear`}},
		{"fewer retries than none", "schedule: {retries: -1}\n" + minimal, []string{`line 1: schedule.retries: "-1" is not a whole number`}},
		{"a freshness of nothing", set("    key: lead_key", "    key: lead_key\n    when: {fresher_than: 1h}"),
			[]string{"line 10: jobs[0].when.fresher_than: says nothing without sql"}},
		{"a key in capitals", set("state_dir", "State_Dir"), []string{`line 1: State_Dir: unknown key, did you mean "state_dir"?`}},
		{"the same key in both cases", "State_Dir: other\n" + minimal, []string{`line 1: State_Dir: unknown key`}},
		{"a section's path as a key", "warehouse.url: x\n" + minimal, []string{"line 1: warehouse.url: unknown key"}},
		{"a key twice", "state_dir: a\n" + minimal, []string{"line 2: state_dir: is set twice, at line 1 first"}},
		{"a key twice in a list", set("    key: lead_key", "    key: lead_key\n    key: other"), []string{"line 10: jobs[0].key: is set twice, at line 9 first"}},
		{"a number that must be text", set("client_id: app", "client_id: app\n  api_version: 66.0"),
			[]string{"line 6: salesforce.api_version: must be text: put 66.0 in quotes"}},
		{"a boolean that must be text", set("key: lead_key", "key: yes\n    # comment"), nil}, // YAML 1.2: yes is a word
		{"true that must be text", set("key: lead_key", "key: true"), []string{"line 9: jobs[0].key: must be text: put true in quotes"}},
		{"a list that must be text", set("key: lead_key", "key: [lead_key]"), []string{"line 9: jobs[0].key: must be a single value"}},
		{"text that must be a list", set("value: score}", "value: score}\n      - none"), []string{"line 17: jobs[0].targets[1]: must be keys with values"}},
		{"a section that must be a list", "state_dir: x\nwarehouse: {url: u}\nsalesforce: {client_id: c}\njobs: {name: x}\n",
			[]string{"line 4: jobs: must be a list"}},
		{"text in place of a section", "log: info\n" + minimal, []string{"line 1: log: must be keys with values"}},
		{"a duration without a unit", set("  url:", "  connect_timeout: 30\n  url:"), []string{`line 3: warehouse.connect_timeout: "30" is not a duration`}},
		{"a duration that is none", set("  url:", "  connect_timeout: soon\n  url:"), []string{`line 3: warehouse.connect_timeout: "soon" is not a duration`}},
		{"a negative duration", set("  url:", "  connect_timeout: -1s\n  url:"), []string{`line 3: warehouse.connect_timeout: "-1s" is not longer than 0s`}},
		{"a duration of nothing", set("  url:", "  connect_timeout: 0s\n  url:"), []string{`line 3: warehouse.connect_timeout: "0s" is not longer than 0s`}},
		{"a level that is none", "log: {level: loud}\n" + minimal, []string{`line 1: log.level: "loud" is not one of debug, info, warn and error`}},
		{"a level of slog's only", "log: {level: INFO+2}\n" + minimal, []string{`line 1: log.level: "INFO+2" is not one of`}},
		{"a missing key at the top", set("state_dir: state\n", ""), []string{"state_dir: is missing"}},
		{"a missing key in a section", set("  client_id: app", "  timeout: 1s"), []string{"line 5: salesforce.client_id: is missing"}},
		{"a missing section", set("salesforce:\n  client_id: app\n", ""), []string{"salesforce.client_id: is missing"}},
		{"an empty key", set("state_dir: state", "state_dir:"), []string{"line 1: state_dir: is missing"}},
		{"no jobs", "state_dir: x\nwarehouse: {url: u}\nsalesforce: {client_id: c}\njobs: []\n", []string{"line 4: jobs: is missing"}},
		{"an empty job", set("jobs:\n", "jobs:\n  -\n"),
			[]string{"line 7: jobs[0].name: is missing", "line 7: jobs[0].dataprep: is missing", "line 7: jobs[0].targets: is missing"}},
		{"a job's name twice", minimal + "  - {name: lead_scoring, dataprep: d, key: k, bundle: b, targets: [{name: t, object: o, operation: update, fields: [{field: f, value: score}]}]}\n",
			[]string{`line 17: jobs[1].name: "lead_scoring" is the name of an earlier one`}},
		{"a target's name twice", minimal + "      - {name: salesforce, object: o, operation: update, fields: [{field: f, value: score}]}\n",
			[]string{`line 17: jobs[0].targets[1].name: "salesforce" is the name of an earlier one`}},
		{"a field that another target writes", minimal + "      - {name: b, object: lead, operation: update, on_leave: clear, fields: [{field: x, value: score}, {field: LEAD_Score__c, value: grade}]}\n",
			[]string{"line 17: jobs[0].targets[1].fields[1].field: LEAD_Score__c of lead is written by jobs[0].targets[0], too"}},
		{"a field that another job writes", minimal + "  - {name: b, dataprep: d, key: k, bundle: b, schedule: manual, targets: [{name: t, object: Lead, operation: update, on_leave: clear, fields: [{field: Lead_Score__c, value: score}]}]}\n",
			[]string{"line 17: jobs[1].targets[0].fields[0].field: Lead_Score__c of Lead is written by jobs[0].targets[0], too"}},
		{"a field that two jobs write, and neither clears", minimal + "  - {name: b, dataprep: d, key: k, bundle: b, schedule: manual, targets: [{name: t, object: Lead, operation: update, fields: [{field: Lead_Score__c, value: score}]}]}\n", nil},
		{"a field of another object", minimal + "      - {name: b, object: Contact, operation: update, fields: [{field: Lead_Score__c, value: score}]}\n", nil},
		{"another field of the object", minimal + "      - {name: b, object: Lead, operation: update, fields: [{field: Lead_Score_2__c, value: score}]}\n", nil},
		{"a flow that isn't one", set("client_id: app", "client_id: app\n  flow: jwt_baerer"),
			[]string{`line 6: salesforce.flow: "jwt_baerer" is not one of jwt_bearer, client_credentials`}},
		{"an operation that isn't one", set("operation: update", "operation: upsrt"),
			[]string{`jobs[0].targets[0].operation: "upsrt" is not one of upsert, update`}},
		{"a value that isn't one", set("value: score", "value: grad"),
			[]string{`jobs[0].targets[0].fields[0].value: "grad" is not one of score, grade, probability, model, version, scored_at`}},
		{"a name that doesn't go into ids", set("name: lead_scoring", "name: Lead Scoring"), []string{`line 7: jobs[0].name: "Lead Scoring" is not a name: small letters`}},
		{"an alias", set("client_id: app", "client_id: &a app\n  username: *a"),
			[]string{"line 5: salesforce.client_id: anchors and aliases", "line 6: salesforce.username: anchors and aliases"}},
		{"a merge", set("  client_id: app", "  <<: {client_id: app}"), []string{"line 5: salesforce.<<: unknown key"}},
		{"everything at once", set("state_dir: state", "state_dirr: 1\nlog: {level: 3}"),
			[]string{"3 problems", "state_dirr: unknown key", "log.level:", "state_dir: is missing"}},
		{"YAML that can't be parsed", "state_dir: x\n  warehouse: y: z\n", []string{"yaml: line 2"}},
		{"a tab", "log:\n\tlevel: info\n", []string{"yaml: line 2"}},
		{"two documents", minimal + "---\nstate_dir: y\n", []string{"more than one document"}},
		{"a list", "- state_dir: x\n", []string{"line 1: it is not a list of keys with values"}},
		{"a word", "hello\n", []string{"line 1: it is not a list of keys"}},
		{"nothing", "", []string{"it is empty"}},
		{"comments only", "# nothing yet\n", []string{"it is empty"}},
		{"a credential outside systemd", set("state_dir: state", "state_dir: $CREDENTIALS_DIRECTORY/x"), []string{"line 1: state_dir: $CREDENTIALS_DIRECTORY is not set"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("CREDENTIALS_DIRECTORY", "")
			path := write(t, tt.text)
			c, err := Load(path)
			if tt.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatalf("it was taken: %+v", c)
			}
			if pipeline.ClassOf(err) != pipeline.Configuration || pipeline.HintOf(err) == "" || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v (hint %q), want a configuration problem that names the file", err, pipeline.HintOf(err))
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got  %v\nwant %s", err, want)
				}
			}
			if n := strings.Count(err.Error(), "\n"); n > 0 && n != len(tt.want) && tt.name != "everything at once" && tt.name != "an empty job" {
				t.Errorf("got more than %d problems: %v", len(tt.want), err)
			}
		})
	}
}

func TestProblemsOfTheEnvironmentNameTheVariable(t *testing.T) {
	t.Setenv("SCORED_WAREHOUSE_CONNECT_TIMEOUT", "30")
	t.Setenv("SCORED_LOG_LEVEL", "")
	t.Setenv("SCORED_SALESFORCE_CLIENT_ID", "")
	_, err := Load(write(t, minimal))
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{
		`warehouse.connect_timeout: "30" is not a duration with a unit, such as 30s or 10m (SCORED_WAREHOUSE_CONNECT_TIMEOUT is set)`,
		`log.level: "" is not one of debug, info, warn and error (SCORED_LOG_LEVEL is set)`,
		`salesforce.client_id: is missing (SCORED_SALESFORCE_CLIENT_ID is set)`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestVariablesReachNoFurtherThanTheirKeys(t *testing.T) {
	t.Setenv("STATE_DIR", "x")
	for name, value := range map[string]string{ // as Kubernetes sets them for a service of this name
		"SCORED_PORT": "tcp://10.0.0.1:80", "SCORED_PORT_80_TCP": "tcp://10.0.0.1:80", "SCORED_PORT_80_TCP_ADDR": "10.0.0.1",
		"SCORED_SERVICE_HOST": "10.0.0.1", "SCORED_SERVICE_PORT": "80", "SCORED_SERVICE_PORT_HTTP": "80",
	} {
		t.Setenv(name, value)
	}
	t.Setenv("SCORED_CONFIG", "elsewhere")
	c, err := Load(write(t, minimal))
	if err != nil || len(c.Jobs) != 1 || filepath.Base(c.StateDir) != "state" {
		t.Errorf("got %+v, %v", c, err)
	}
}

// A misspelt variable would leave its key as it was, and nobody would know.
func TestAVariableOfNoKeyIsRefused(t *testing.T) {
	for name, want := range map[string]string{
		"SCORED_WAREHOUS_URL":      `SCORED_WAREHOUS_URL: is set, and is the variable of no key, did you mean "SCORED_WAREHOUSE_URL"?`,
		"SCORED_JOBS":              "SCORED_JOBS: is set, and is the variable of no key",
		"SCORED_WAREHOUSE":         "SCORED_WAREHOUSE: is set, and is the variable of no key",
		"SCORED_SERVICE_PORTS_DIR": "SCORED_SERVICE_PORTS_DIR: is set, and is the variable of no key",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "x")
			_, err := Load(write(t, minimal))
			if pipeline.ClassOf(err) != pipeline.Configuration || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestEveryNumberHasARange(t *testing.T) {
	for _, s := range leaves(example()) {
		if s.value.Type() != reflect.TypeFor[int]() && s.value.Type() != reflect.TypeFor[float64]() {
			continue
		}
		least, most := bounds[float64](s.tag)
		if most <= least || misread(s.tag.Get("default"), s.value.Type(), s.tag) != "" {
			t.Errorf("%s is from %v to %v, and its default %s", s.key, least, most, s.tag.Get("default"))
		}
		if s.value.Type() == reflect.TypeFor[float64]() && least <= 0 {
			t.Errorf("%s may be 0, which a list's entry has where it is not set", s.key)
		}
	}
}

func TestALimitOfTheGuardThatIsSetLeavesTheOthers(t *testing.T) {
	c, err := Load(write(t, strings.Replace(minimal, "    key: lead_key", "    key: lead_key\n    guard:\n      max_rows: 3\n      new: {max_shift: 1.5}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	want := Guard{MinRows: 0.7, MaxRows: 3, MaxRejected: 0.1, MaxMissing: 0.2, MaxFlat: 0.75, MaxFactor: 3, MaxChanged: 0.95, MaxJumped: 0.1, MaxNew: 0.3, MaxLeft: 0.2, MaxShift: 0.25, MinOverlap: 0.5,
		New: NewGuard{MaxMissing: 0.3, MaxFactor: 10, MaxShift: 1.5, MinOverlap: 0.3}}
	if got := c.Jobs[0].Guard; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAnEntryOfAListHasItsDefaults(t *testing.T) {
	for text, want := range map[string]string{"operation: update": "keep", "operation: update\n        on_leave: clear": Clear,
		"operation: update\n        on_leave:": "keep"} {
		c, err := Load(write(t, strings.Replace(minimal, "operation: update", text, 1)))
		if err != nil || c.Jobs[0].Targets[0].OnLeave != want {
			t.Errorf("%q: got %+v, %v, want %s", text, c, err, want)
		}
	}
}

func TestUnreadableFiles(t *testing.T) {
	big := write(t, strings.Repeat("#", maxBytes+1))
	for name, tt := range map[string]struct{ path, want string }{
		"missing": {filepath.Join(t.TempDir(), "missing.yaml"), "no such file"},
		"folder":  {t.TempDir(), "is a folder"},
		"too big": {big, "bytes"},
	} {
		_, err := Load(tt.path)
		if pipeline.ClassOf(err) != pipeline.Configuration || pipeline.HintOf(err) == "" || !strings.Contains(err.Error(), tt.want) ||
			!strings.Contains(err.Error(), tt.path) {
			t.Errorf("%s: got %v (hint %q)", name, err, pipeline.HintOf(err))
		}
	}
}

func TestCredentialsDirectory(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "/run/credentials/scored.service")
	t.Setenv("SCORED_WAREHOUSE_PASSWORD_FILE", "$CREDENTIALS_DIRECTORY/password")
	c, err := Load(write(t, strings.Replace(minimal, "client_id: app", "client_id: app\n  private_key_file: $CREDENTIALS_DIRECTORY/key", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if c.Salesforce.PrivateKeyFile != "/run/credentials/scored.service/key" || c.Warehouse.PasswordFile != "/run/credentials/scored.service/password" {
		t.Errorf("got %s and %s", c.Salesforce.PrivateKeyFile, c.Warehouse.PasswordFile)
	}
}

// FuzzParse looks for texts that make the loader panic, or that it takes though something required is missing.
func FuzzParse(f *testing.F) {
	reference, err := os.ReadFile("scored.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{minimal, string(reference), "", "{}", "a: &a [*a]", "? [x]: y", "jobs: [null, [], {targets: [~]}]", "<<: *x",
		"state_dir: !!binary aGk=", "1: 2", "log: {level: [x]}", "\xff", "!x {}", "jobs: &j\n- *j"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parse("folder/scored.yaml", text)
		if err != nil {
			if pipeline.ClassOf(err) != pipeline.Configuration || !strings.Contains(err.Error(), "folder/scored.yaml") {
				t.Errorf("got %v, want a configuration problem that names the file", err)
			}
			return
		}
		for _, s := range settings(reflect.ValueOf(c).Elem(), "") {
			_, initial := s.tag.Lookup("default")
			if s.has("required") && s.value.IsZero() || initial && s.value.Type() == durationType && s.value.Int() <= 0 {
				t.Errorf("%s is %v", s.key, s.value)
			}
		}
	})
}

func TestPlaceTellsWhereAValueComesFrom(t *testing.T) {
	path := write(t, minimal)
	for key, want := range map[string]string{
		"warehouse.url":         "config " + path + ": line 3: warehouse.url",
		"jobs[0].key":           "config " + path + ": line 9: jobs[0].key",
		"jobs[0].schedule":      "config " + path + ": line 7: jobs[0].schedule", // left out: where it would stand
		"schedule.cron":         "config " + path + ": schedule.cron",
		"schedule.run_deadline": "schedule.run_deadline (SCORED_SCHEDULE_RUN_DEADLINE is set)",
	} {
		t.Setenv("SCORED_SCHEDULE_RUN_DEADLINE", "1m")
		if got := Place(path, key); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
