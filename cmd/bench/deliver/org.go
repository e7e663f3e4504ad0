package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"scored/sinks/salesforce/fakeorg"
)

const (
	appID     = "bench-app"
	appSecret = "bench-secret"
	username  = "scoring@bench.example"
)

// The paces of an org.
const (
	instant   = "instant"
	realistic = "realistic"
)

// bulkTime is what a realistic org takes for 10,000 rows of a Bulk job: 5,000 rows a second. Public logs of orgs show 900,
// with which a million would take 19 minutes.
const bulkTime = 2 * time.Second

// answerTime is how long a realistic org takes to answer a request.
func answerTime(r fakeorg.Request) time.Duration {
	if strings.Contains(r.Path, "/composite/sobjects") {
		return 600 * time.Millisecond // 200 records
	}
	return 150 * time.Millisecond
}

// org is an emulated org in a process of its own, which does what it is told by line.
type org struct {
	command *exec.Cmd
	lines   io.WriteCloser
	answers *json.Decoder
	url     string
}

// startOrg starts an org with so many leads.
func startOrg(ctx context.Context, s settings, leads int, pace string) (*org, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	o := &org{command: exec.CommandContext(ctx, self, "--stage", "org", "--changes", strconv.Itoa(leads), "--pace", pace)}
	o.command.Stderr = s.log
	if o.lines, err = o.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := o.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := o.command.Start(); err != nil {
		return nil, err
	}
	o.answers = json.NewDecoder(out)
	if err := o.answers.Decode(&o.url); err != nil {
		return nil, errors.Join(err, o.stop())
	}
	return o, nil
}

// say tells the org to do something, and reads its answer.
func (o *org) say(line string, answer any) error {
	if _, err := fmt.Fprintln(o.lines, line); err != nil {
		return err
	}
	var ignored any
	if answer == nil {
		answer = &ignored
	}
	if err := o.answers.Decode(answer); err != nil {
		return fmt.Errorf("the org, told %q: %w", line, err)
	}
	return nil
}

func (o *org) stop() error {
	return errors.Join(o.lines.Close(), o.command.Wait())
}

// traffic is what the org saw since it was asked last.
type traffic struct{ Calls, Polls int }

// beOrg serves until its input ends.
func beOrg(ctx context.Context, s settings) error {
	fake, err := newOrg(s.changes, s.pace)
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: fake, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	defer server.Close()
	answers := json.NewEncoder(s.out)
	if err := answers.Encode("http://" + listener.Addr().String()); err != nil {
		return err
	}
	for lines := bufio.NewScanner(s.in); lines.Scan(); {
		answer, err := obey(fake, s.changes, lines.Text())
		if err != nil {
			return err
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

func newOrg(leads int, pace string) (*fakeorg.Org, error) {
	config := fakeorg.Config{
		Apps:          []fakeorg.App{{ClientID: appID, ClientSecret: appSecret, RunAs: username}},
		Users:         []fakeorg.User{{Username: username, Name: "Scoring"}},
		DailyAPILimit: 1_000_000,
	}
	if pace == realistic {
		config.AnswerTime, config.BulkTime = answerTime, bulkTime
	}
	fake, err := fakeorg.New(config)
	if err != nil {
		return nil, err
	}
	for i := range leads {
		_, err := fake.Insert("Lead", map[string]any{keyField: keyOf(i), "LastName": "Doe", "Company": "Private"})
		if err != nil {
			return nil, err
		}
	}
	return fake, nil
}

// obey does what a line says: "traffic" or "wrong ROUND".
func obey(fake *fakeorg.Org, leads int, line string) (any, error) {
	verb, argument, _ := strings.Cut(line, " ")
	switch verb {
	case "traffic":
		defer fake.ForgetRequests()
		return count(fake.Requests()), nil
	case "wrong":
		round, err := strconv.Atoi(argument)
		return wrong(fake, leads, round), err
	default:
		return nil, fmt.Errorf("the org was told %q", line)
	}
}

// count tells polls of Bulk jobs from the rest; logins don't count, as in an org.
func count(requests []fakeorg.Request) (t traffic) {
	for _, r := range requests {
		_, job, bulk := strings.Cut(r.Path, "/jobs/ingest/")
		switch {
		case strings.Contains(r.Path, "/oauth2/"):
		case bulk && r.Method == http.MethodGet && !strings.Contains(strings.TrimSuffix(job, "/"), "/"):
			t.Polls++
		default:
			t.Calls++
		}
	}
	return t
}

// wrong counts the leads that don't hold what the round delivers.
func wrong(fake *fakeorg.Org, leads, round int) int {
	right := 0
	for _, r := range fake.Records("Lead") {
		key, _ := r.Fields[keyField].(string)
		lead, err := strconv.Atoi(strings.TrimPrefix(key, "L"))
		if err != nil {
			continue
		}
		score, _ := r.Fields[scoreField].(float64)
		reasons, _ := r.Fields[reasonsField].(string)
		if int(score) == scoreOf(lead, round) && reasons == reasonsOf(lead, round) {
			right++
		}
	}
	return leads - right
}
