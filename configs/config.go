// Package configs reads the config file strictly and hands out plain structs: what is misspelt, of the wrong type or
// missing is an error that names the file, the line and the key.
//
// A value comes from the environment, else from the file, else from the defaults below. Every key outside jobs has a
// variable: SCORED_ and the key in capitals, with _ for the dot (SCORED_WAREHOUSE_URL); set to nothing, it empties the
// key. A variable that only looks like one of these is an error, too. docs/config.md describes every key, and scored.yaml
// beside this file is a complete example.
package configs

import (
	"log/slog"
	"time"
)

// The tags say what is expected of a key. mapstructure: its name. default: its value if it is left out. rule: required,
// or path, or both. oneof: the words it may be. range: the least and the most that a number may be. A key with neither
// a default nor required may be left out.

// Config is the config file. Its paths are ready to be opened.
type Config struct {
	StateDir   string     `mapstructure:"state_dir" rule:"required,path"` // folder of the ledger
	Log        Log        `mapstructure:"log"`
	Schedule   Schedule   `mapstructure:"schedule"`
	Status     Status     `mapstructure:"status"`
	Warehouse  Warehouse  `mapstructure:"warehouse"`
	Salesforce Salesforce `mapstructure:"salesforce"`
	Jobs       []Job      `mapstructure:"jobs" rule:"required"` // names are unique
}

// Log says what is logged.
type Log struct {
	Level slog.Level `mapstructure:"level" default:"info"` // debug, info, warn or error
}

// Schedule says when the daemon runs jobs, and how patient it is.
type Schedule struct {
	Cron          string        `mapstructure:"cron" default:"*/15 * * * *"` // slots of jobs without a schedule of their own
	Timezone      string        `mapstructure:"timezone" default:"UTC"`      // that cron is read in
	Jitter        time.Duration `mapstructure:"jitter" default:"30s"`        // this host's own delay is below it
	StartDeadline time.Duration `mapstructure:"start_deadline" default:"10m"`
	RunDeadline   time.Duration `mapstructure:"run_deadline" default:"14m"`
	Retries       int           `mapstructure:"retries" default:"3" range:"0 100"` // within a slot
}

// Status is where the daemon answers for itself.
type Status struct {
	Listen string `mapstructure:"listen" default:"127.0.0.1:9848"` // loopback only; "" for nowhere
}

// Warehouse is where dataprep scripts run.
type Warehouse struct {
	URL              string        `mapstructure:"url" rule:"required"` // postgres://user@host:5439/database
	PasswordFile     string        `mapstructure:"password_file" rule:"path"`
	QueryGroup       string        `mapstructure:"query_group" default:"scored"`
	BackfillGroup    string        `mapstructure:"backfill_query_group"`            // of backfills; "" is QueryGroup
	ConnectTimeout   time.Duration `mapstructure:"connect_timeout" default:"15s"`   // of one attempt
	ConnectPatience  time.Duration `mapstructure:"connect_patience" default:"30s"`  // of all attempts
	StatementTimeout time.Duration `mapstructure:"statement_timeout" default:"10m"` // of each statement
	HistorySchema    string        `mapstructure:"history_schema" default:"scored"` // runs and changed scores; "" keeps none
}

// Salesforce is the org that leads are scored in, and how to log in.
type Salesforce struct {
	LoginURL         string        `mapstructure:"login_url" default:"https://login.salesforce.com"`
	Audience         string        `mapstructure:"audience"` // of the JWT; "" is the login URL
	APIVersion       string        `mapstructure:"api_version" default:"66.0"`
	Flow             string        `mapstructure:"flow" default:"jwt_bearer" oneof:"jwt_bearer client_credentials"`
	ClientID         string        `mapstructure:"client_id" rule:"required"`
	Username         string        `mapstructure:"username"`                     // jwt_bearer
	PrivateKeyFile   string        `mapstructure:"private_key_file" rule:"path"` // jwt_bearer
	ClientSecretFile string        `mapstructure:"client_secret_file" rule:"path"`
	Timeout          time.Duration `mapstructure:"timeout" default:"30s"` // of one request
	// BulkThreshold is up to how many changes a run sends by sObject Collections; more go through Bulk API 2.0.
	BulkThreshold int `mapstructure:"bulk_threshold" default:"2000" range:"1 1000000"`
	// APIReserve is the share of the org's daily API calls that is left to other applications.
	APIReserve int `mapstructure:"api_reserve" default:"20" range:"0 90"` // percent
}

// Job is a dataprep script, a model and where the scores go.
type Job struct {
	Name     string `mapstructure:"name" rule:"required"`
	Dataprep string `mapstructure:"dataprep" rule:"required,path"` // SQL script
	Key      string `mapstructure:"key" rule:"required"`           // the result's column that names the lead
	Bundle   string `mapstructure:"bundle" rule:"required,path"`   // folder
	Schedule string `mapstructure:"schedule"`                      // cron, or manual; "" is schedule.cron
	When     When   `mapstructure:"when"`
	// HeartbeatURLFile holds a URL, which lets whoever knows it pretend that all is well.
	HeartbeatURLFile string   `mapstructure:"heartbeat_url_file" rule:"path"`
	Guard            Guard    `mapstructure:"guard"`
	Targets          []Target `mapstructure:"targets" rule:"required"` // names are unique
}

// Manual is the schedule of a job that the daemon leaves alone.
const Manual = "manual"

// When is what a slot waits for, beside its time.
type When struct {
	SQL         string        `mapstructure:"sql"`          // gives one value; "" waits for nothing
	FresherThan time.Duration `mapstructure:"fresher_than"` // 0: the value must have changed since it was last acted on
}

// Guard is what a run may be like without being held. Shares, and points of a share, go from 0 to 1.
type Guard struct {
	MinRows     float64  `mapstructure:"min_rows" default:"0.7" range:"0.01 1"`     // of the median of the runs before
	MaxRows     float64  `mapstructure:"max_rows" default:"1.5" range:"1 1000"`     // of the same
	MaxRejected float64  `mapstructure:"max_rejected" default:"0.1" range:"0.01 1"` // points above the runs before
	MaxMissing  float64  `mapstructure:"max_missing" default:"0.2" range:"0.01 1"`  // points above the runs before, by column
	MaxFlat     float64  `mapstructure:"max_flat" default:"0.75" range:"0.01 1"`    // of the least variety before, by column; 1: all
	MaxFactor   float64  `mapstructure:"max_factor" default:"3" range:"1.1 1000"`   // of the runs before, by column
	MaxChanged  float64  `mapstructure:"max_changed" default:"0.95" range:"0.01 1"` // of the leads with a score
	MaxJumped   float64  `mapstructure:"max_jumped" default:"0.1" range:"0.01 1"`   // of the same, by 20 points or more, in a day
	MaxNew      float64  `mapstructure:"max_new" default:"0.3" range:"0.01 1"`      // of the leads scored, in a day
	MaxLeft     float64  `mapstructure:"max_left" default:"0.2" range:"0.01 1"`     // of the leads with a score
	MaxShift    float64  `mapstructure:"max_shift" default:"0.25" range:"0.01 10"`  // population stability index
	MinOverlap  float64  `mapstructure:"min_overlap" default:"0.5" range:"0.01 1"`  // of the top tenth
	New         NewGuard `mapstructure:"new"`                                       // a first run's, a new model's
}

// NewGuard is the same where there are no runs before: against the model's reference, or another model's scores.
type NewGuard struct {
	MaxMissing float64 `mapstructure:"max_missing" default:"0.3" range:"0.01 1"`
	MaxFactor  float64 `mapstructure:"max_factor" default:"10" range:"1.1 1000"`
	MaxShift   float64 `mapstructure:"max_shift" default:"0.5" range:"0.01 10"`
	MinOverlap float64 `mapstructure:"min_overlap" default:"0.3" range:"0.01 1"`
}

// Target is where a job's scores go: an object in Salesforce.
type Target struct {
	Name       string  `mapstructure:"name" rule:"required"`
	Object     string  `mapstructure:"object" rule:"required"`
	Operation  string  `mapstructure:"operation" rule:"required" oneof:"upsert update"`
	ExternalID string  `mapstructure:"external_id"`                                // upsert: the field that holds the key
	OnLeave    string  `mapstructure:"on_leave" default:"keep" oneof:"keep clear"` // a lead that left the result
	Fields     []Field `mapstructure:"fields" rule:"required"`
}

// Clear is what becomes of the score of a lead that left the result, unless it is kept.
const Clear = "clear"

// Field is a field of the object and the value written into it.
type Field struct {
	Field string `mapstructure:"field" rule:"required"`
	Value string `mapstructure:"value" rule:"required" oneof:"score grade probability model version scored_at reasons"`
}
