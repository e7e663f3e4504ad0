package main

import (
	"compress/gzip"
	"encoding/csv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// event is a line of the log.
type event struct {
	activity, lifecycle string
	at                  time.Time
	resource            string
}

// application is a made-up case.
type application struct {
	submitted time.Time
	amount    int
	events    []event
}

// syntheticLog writes a log in the format of the data set's files: five months of made-up applications, the last of them
// undecided where the log ends. It returns the folder.
func syntheticLog(t *testing.T) string {
	t.Helper()
	first, logEnd := instant(t, "2011-09-30T22:00:00Z"), instant(t, "2012-03-14T15:00:00Z")
	random := rand.New(rand.NewPCG(2012, 1))
	var log []application
	for at := first; at.Before(logEnd.AddDate(0, 0, -14)); at = at.Add(time.Duration(random.IntN(6*3600)) * time.Second) {
		log = append(log, lifeOf(random, at, logEnd))
	}
	return writeLog(t, log)
}

// lifeOf makes one application up: declined by a rule, or an offer that is sent back and mostly granted, or that lapses.
func lifeOf(random *rand.Rand, submitted, logEnd time.Time) application {
	a := application{submitted: submitted, amount: 1000 * random.IntN(40)}
	now := submitted
	after := func(d time.Duration, activity, lifecycle, resource string) {
		if now = now.Add(d); now.Before(logEnd) {
			a.events = append(a.events, event{activity, lifecycle, now, resource})
		}
	}
	some := func(unit time.Duration, least, most int) time.Duration {
		return time.Duration(least)*unit + time.Duration(random.Int64N(int64(time.Duration(most-least)*unit))).Truncate(time.Millisecond)
	}
	after(0, "A_SUBMITTED", "COMPLETE", "112")
	after(300*time.Millisecond, "A_PARTLYSUBMITTED", "COMPLETE", "112")
	if random.IntN(4) == 0 {
		after(30*time.Second, "A_DECLINED", "COMPLETE", "112")
		return a
	}
	clerk := strconv.Itoa(10000 + random.IntN(30))
	after(time.Minute, "A_PREACCEPTED", "COMPLETE", "112")
	after(time.Second, "W_Completeren aanvraag", "SCHEDULE", "112")
	after(some(time.Hour, 1, 60), "W_Completeren aanvraag", "START", "")
	after(some(time.Minute, 2, 20), "A_ACCEPTED", "COMPLETE", clerk)
	after(time.Minute, "A_FINALIZED", "COMPLETE", clerk)
	after(0, "O_SELECTED", "COMPLETE", clerk)
	after(time.Second, "O_CREATED", "COMPLETE", clerk)
	after(time.Second, "O_SENT", "COMPLETE", clerk)
	after(time.Second, "W_Completeren aanvraag", "COMPLETE", clerk)
	after(some(time.Hour, 20, 100), "W_Nabellen offertes", "START", clerk)
	after(some(time.Minute, 1, 9), "W_Nabellen offertes", "COMPLETE", clerk)
	if random.IntN(40000) > a.amount {
		after(some(time.Hour, 24, 200), "O_SENT_BACK", "COMPLETE", clerk)
		after(some(time.Hour, 2, 100), "W_Valideren aanvraag", "START", clerk)
		if random.IntN(5) == 0 {
			after(time.Minute, "A_DECLINED", "COMPLETE", clerk)
			after(0, "O_DECLINED", "COMPLETE", clerk)
		} else {
			after(time.Minute, "O_ACCEPTED", "COMPLETE", clerk)
			after(time.Duration(random.IntN(2))*time.Millisecond, "A_REGISTERED", "COMPLETE", clerk)
			after(0, "A_APPROVED", "COMPLETE", clerk)
			after(0, "A_ACTIVATED", "COMPLETE", clerk)
		}
		after(5*time.Second, "W_Valideren aanvraag", "COMPLETE", clerk)
		return a
	}
	after(some(time.Hour, 300, 720), "A_CANCELLED", "COMPLETE", clerk)
	after(0, "O_CANCELLED", "COMPLETE", clerk)
	return a
}

// writeLog writes the two files, with the local time and its offset as the data set has them.
func writeLog(t *testing.T, log []application) string {
	t.Helper()
	cases := [][]string{{"case_id", "reg_date", "amount_req", "n_events", "accepted", "declined", "cancelled"}}
	events := [][]string{{"case_id", "seq", "activity", "lifecycle", "ts", "resource"}}
	for i, a := range log {
		id := strconv.Itoa(173688 + 3*i)
		ended := func(activity string) string {
			if slices.ContainsFunc(a.events, func(e event) bool { return e.activity == activity }) {
				return "1"
			}
			return "0"
		}
		cases = append(cases, []string{
			id, local(a.submitted), strconv.Itoa(a.amount), strconv.Itoa(len(a.events)),
			ended("A_APPROVED"), ended("A_DECLINED"), ended("A_CANCELLED"),
		})
		for seq, e := range a.events {
			events = append(events, []string{id, strconv.Itoa(seq), e.activity, e.lifecycle, local(e.at), e.resource})
		}
	}
	dir := t.TempDir()
	writeCSV(t, filepath.Join(dir, casesFile), cases)
	writeCSV(t, filepath.Join(dir, eventsFile), events)
	return dir
}

func writeCSV(t *testing.T, path string, rows [][]string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if filepath.Ext(path) == ".gz" {
		z := gzip.NewWriter(f)
		err = csv.NewWriter(z).WriteAll(rows)
		if err == nil {
			err = z.Close()
		}
	} else {
		err = csv.NewWriter(f).WriteAll(rows)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// local is the time on Amsterdam's clocks, which were turned back on 30 October 2011.
func local(at time.Time) string {
	hours := 1
	if at.Before(time.Date(2011, 10, 30, 1, 0, 0, 0, time.UTC)) {
		hours = 2
	}
	return at.In(time.FixedZone("", hours*3600)).Format("2006-01-02T15:04:05.000-07:00")
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
