package salesforce_test

import (
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/sinks/salesforce"
)

// An org that fails everything in every way, repeating what it was sent: nothing of it may show. (newWorld makes the
// same check, on errors and logs, in every other test.)
func TestNothingLeaks(t *testing.T) {
	var global strings.Builder
	before := log.Writer()
	log.SetOutput(&global)
	defer log.SetOutput(before)

	const token = "00D000000000062!canary-token"
	echo := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath && echo == "" {
			fmt.Fprintf(w, `{"access_token":"%s","instance_url":"http://%s","id":"https://x/id/00D000000000062EAA/005"}`, token, r.Host)
			return
		}
		status, format := http.StatusOK, "{}"
		fmt.Sscanf(echo, "%d %s", &status, &format)
		w.WriteHeader(status)
		fmt.Fprintf(w, strings.ReplaceAll(format, "_", " "), r.Header.Get("Authorization")+" "+clientSecret+" Jane "+username)
	}))
	defer server.Close()

	logged := &buffer{}
	for _, flow := range []salesforce.Flow{salesforce.JWTBearer, salesforce.ClientCredentials} {
		for _, format := range []string{
			`[{"errorCode":"%[1]s","message":"%[1]s"}]`, `[{"errorCode":"INVALID_FIELD","message":"%[1]s"}]`,
			`{"error":"%[1]s","error_description":"%[1]s"}`, `{"error":"invalid_grant","error_description":"%[1]s"}`,
			`<html>%[1]s`, `[]%[1]s`, `{"done":true,"records":"%[1]s"}`, `{"fields":["%[1]s"]}`,
			`[{"success":false,"errors":[{"statusCode":"%[1]s","message":"m","fields":["%[1]s"]}]}]`,
		} {
			for _, status := range []int{200, 301, 400, 401, 403, 404, 500, 503} {
				everything(t, flow, server.URL, logged, func() { echo = fmt.Sprintf("%d %s", status, format) })
				echo = ""
			}
		}
	}
	for _, canary := range []string{token, "canary-token", "Bearer", clientSecret, username, "Jane", "eyJ", "PRIVATE"} {
		if strings.Contains(logged.String(), canary) {
			t.Errorf("%q leaked: %s", canary, excerpt(logged.String(), canary))
		}
	}
	if global.Len() > 0 {
		t.Errorf("the global log was written to: %s", global.String())
	}
}

// everything makes each kind of request, with and without a session from before, and logs every error.
func everything(t *testing.T, flow salesforce.Flow, address string, logged *buffer, fail func()) {
	config := valid(t)
	config.LoginURL, config.Flow, config.ClientSecret = address, flow, clientSecret
	config.Log = slog.New(slog.NewJSONHandler(logged, nil))
	sink, err := salesforce.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	note := func(err error) { fmt.Fprintf(logged, "%v %+v %#v %s\n", err, err, err, pipeline.HintOf(err)) }
	change := []pipeline.Change{{Score: pipeline.Score{Key: "L1", Reasons: "Jane"}}}
	confirm := func(outcomes []pipeline.Outcome) error {
		for _, o := range outcomes {
			fmt.Fprintln(logged, o.Status, o.Code, o.Fields)
		}
		return nil
	}
	for range 2 {
		_, err = sink.Preflight(t.Context())
		note(err)
		records, err := sink.Query(t.Context(), "SELECT Id FROM Lead WHERE Email = '"+username+"'")
		note(err)
		fmt.Fprintln(logged, records)
		note(sink.Write(t.Context(), &pipeline.Run{}, "m", change, confirm))
		_, err = sink.Usage(t.Context())
		note(err)
		note(sink.Standing(t.Context(), asking([]string{"Jane"}), func(string, int64, bool) error { return nil }))
		for held, err := range sink.Held(t.Context()) {
			note(err)
			fmt.Fprintln(logged, held.Version)
		}
		fail()
	}
}

func excerpt(text, word string) string {
	i := strings.Index(text, word)
	return text[max(0, i-200):min(len(text), i+100)]
}
