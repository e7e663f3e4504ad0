package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/sinks"
	"scored/sinks/salesforce"
)

// org is a client of the org that remembers what its last preflight found.
type org struct {
	*salesforce.Sink
	ready atomic.Pointer[pipeline.Ready] // nil until a preflight went well
}

// Preflight implements [pipeline.Sink].
func (o *org) Preflight(ctx context.Context) (pipeline.Ready, error) {
	ready, err := o.Sink.Preflight(ctx)
	if err == nil {
		o.ready.Store(&ready)
	}
	return ready, err
}

// newTargets builds the job's sinks, each one trying again what may pass within the run. Their journals are in store.
func newTargets(
	cfg *configs.Config, jc configs.Job, store *ledger.Ledger, log *slog.Logger,
) (targets []pipeline.Target, orgs []*org, err error) {
	for _, tc := range jc.Targets {
		sink, err := newSalesforce(cfg.Salesforce, tc, store.Journal(jc.Name, tc.Name), log)
		if err != nil {
			return nil, nil, fmt.Errorf("target %s: %w", tc.Name, err)
		}
		o := &org{Sink: sink}
		orgs = append(orgs, o)
		targets = append(targets, pipeline.Target{
			Sink:  sinks.Retry(o, sinks.Backoff{Tries: 4, First: time.Second, Max: 8 * time.Second, Budget: new(sinks.Budget)}, log),
			Shape: shape(tc), Settle: cfg.Salesforce.Timeout, Reasons: wantsReasons(tc), Clear: tc.OnLeave == configs.Clear,
			Resumer: sink, Meter: sink, Reader: sink,
		})
	}
	return targets, orgs, nil
}

// wantsReasons says whether one of the target's fields is given the reasons: they are worked out only for those who read
// them.
func wantsReasons(tc configs.Target) bool {
	return slices.ContainsFunc(tc.Fields, func(f configs.Field) bool { return f.Value == salesforce.Reasons.String() })
}

// shape is all of a target that decides what is written where.
func shape(tc configs.Target) string {
	fields := slices.SortedFunc(slices.Values(tc.Fields), func(a, b configs.Field) int { return cmp.Compare(a.Field, b.Field) })
	return fmt.Sprintf("%s %s %s %v", tc.Operation, tc.Object, tc.ExternalID, fields)
}

func newSalesforce(sc configs.Salesforce, tc configs.Target, journal salesforce.Journal, log *slog.Logger) (*salesforce.Sink, error) {
	flow, err := salesforce.ParseFlow(sc.Flow)
	if err != nil {
		return nil, err
	}
	operation, err := salesforce.ParseOperation(tc.Operation)
	if err != nil {
		return nil, err
	}
	fields := make([]salesforce.Field, len(tc.Fields))
	for i, f := range tc.Fields {
		value, err := salesforce.ParseValue(f.Value)
		if err != nil {
			return nil, err
		}
		fields[i] = salesforce.Field{Field: f.Field, Value: value}
	}
	key, err := configs.ReadSecret(sc.PrivateKeyFile)
	if err != nil {
		return nil, fmt.Errorf("salesforce.private_key_file: %w", err)
	}
	secret, err := configs.ReadSecret(sc.ClientSecretFile)
	if err != nil {
		return nil, fmt.Errorf("salesforce.client_secret_file: %w", err)
	}
	return salesforce.New(salesforce.Config{
		Name: tc.Name, LoginURL: sc.LoginURL, Audience: sc.Audience, Flow: flow, ClientID: sc.ClientID, Username: sc.Username,
		PrivateKey: key, ClientSecret: secret, APIVersion: sc.APIVersion, Timeout: sc.Timeout,
		Object: tc.Object, Operation: operation, ExternalID: tc.ExternalID, Fields: fields,
		BulkThreshold: sc.BulkThreshold, Journal: journal, Log: log,
	})
}
