package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"scored/pipeline"
	"scored/sinks"
	"scored/sinks/salesforce"
)

// cost is what a client tells of a delivery.
type cost struct {
	Seconds     float64
	CPU         float64 // seconds of this process
	PeakMiB     float64 // the most memory above what it had with the changes made
	Allocations float64 // per change; 0 of a peer that can't tell
	Accepted    int
}

// beClient delivers the changes of a round, once, with what a run wraps around the client of an org.
func beClient(ctx context.Context, s settings) error {
	org, err := salesforce.New(salesforce.Config{
		Name: "salesforce", LoginURL: s.url, Flow: salesforce.ClientCredentials, ClientID: appID, ClientSecret: appSecret,
		Object: "Lead", Operation: salesforce.Upsert, ExternalID: keyField, Journal: &journal{},
		Fields: []salesforce.Field{
			{Field: scoreField, Value: salesforce.Score}, {Field: gradeField, Value: salesforce.Grade},
			{Field: modelField, Value: salesforce.Model}, {Field: versionField, Value: salesforce.Version},
			{Field: atField, Value: salesforce.ScoredAt}, {Field: reasonsField, Value: salesforce.Reasons},
		},
	})
	if err != nil {
		return err
	}
	defer org.Close()
	sink := sinks.Retry(org, sinks.Backoff{Tries: 4, First: time.Second, Max: 8 * time.Second}, slog.New(slog.DiscardHandler))
	run, err := newRun(s.round)
	if err != nil {
		return err
	}
	changes := makeChanges(s.changes, s.round)
	var c cost
	err = c.measure(s.changes, func() error {
		if _, err := sink.Preflight(ctx); err != nil {
			return err
		}
		return sink.Write(ctx, run, modelName, changes, func(outcomes []pipeline.Outcome) error {
			for _, o := range outcomes {
				if o.Status != pipeline.Accepted {
					return fmt.Errorf("a change was not accepted: %s %s", o.Status, o.Code)
				}
			}
			c.Accepted += len(outcomes)
			return nil
		})
	})
	runtime.KeepAlive(changes)
	if err != nil {
		return err
	}
	return json.NewEncoder(s.out).Encode(c)
}

// measure does the work and notes what it took.
func (c *cost) measure(changes int, work func() error) error {
	debug.FreeOSMemory()
	base, err := memoryMiB("VmRSS:")
	if err != nil {
		return err
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // sets the peak to what is in use
		return fmt.Errorf("reset the peak of memory: %w", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := ownCPU(), time.Now()
	if err := work(); err != nil {
		return err
	}
	c.Seconds, c.CPU = time.Since(start).Seconds(), ownCPU()-cpu
	runtime.ReadMemStats(&after)
	c.Allocations = float64(after.Mallocs-before.Mallocs) / float64(changes)
	peak, err := memoryMiB("VmHWM:")
	c.PeakMiB = peak - base
	return err
}

// ownCPU is the CPU time of this process in seconds.
func ownCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// memoryMiB reads a line of this process's status.
func memoryMiB(name string) (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(status), name)
	if !found {
		return 0, errors.New("the kernel does not tell " + name)
	}
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kib / 1024, err
}

// journal keeps a client's jobs in memory: a delivery that dies here is not resumed.
type journal struct{ open []pipeline.RemoteJob }

// Creating notes that a job is about to be created.
func (j *journal) Creating(_ context.Context, run string) error {
	j.open = append(j.open, pipeline.RemoteJob{Run: run, Since: time.Now()})
	return nil
}

// Created notes the job's id.
func (j *journal) Created(_ context.Context, run, id string) error {
	for i := range j.open {
		if j.open[i].Run == run && j.open[i].ID == "" {
			j.open[i].ID = id
		}
	}
	return nil
}

// Closed forgets the job.
func (j *journal) Closed(_ context.Context, run, id string) error {
	j.open = slices.DeleteFunc(j.open, func(job pipeline.RemoteJob) bool { return job.Run == run && job.ID == id })
	return nil
}

// Open returns the jobs that go on.
func (j *journal) Open(context.Context) ([]pipeline.RemoteJob, error) {
	return slices.Clone(j.open), nil
}
