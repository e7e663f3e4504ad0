package salesforce

import (
	"net/http"
	"testing"
	"time"

	"scored/pipeline"
)

func TestUsageOfAnAnswer(t *testing.T) {
	for header, want := range map[string]pipeline.Usage{
		"api-usage=10018/100000": {Used: 10018, Limit: 100000},
		"api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)": {Used: 25, Limit: 5000},
		"per-app-api-usage=17/250(appName=a); api-usage=25/5000":                    {Used: 25, Limit: 5000},
		"": {}, "api-usage=x/y": {}, "api-usage=1": {}, "api-usage=99999999999999999999/1": {},
	} {
		var s Sink
		s.noteUsage(http.Header{"Sforce-Limit-Info": {header}})
		if got := s.LastUsage(); got != want {
			t.Errorf("%q: %+v, want %+v", header, got, want)
		}
	}
}

func TestParseLimits(t *testing.T) {
	for body, want := range map[string]pipeline.Usage{
		`{"DailyApiRequests":{"Max":15000,"Remaining":14998},"Other":{"Max":1}}`: {Used: 2, Limit: 15000},
		`{"DailyApiRequests":{"Max":100,"Remaining":-5}}`:                        {Used: 105, Limit: 100},
		`{"DailyApiRequests":{"Max":100}}`:                                       {}, `{"DailyApiRequests":{"Remaining":5}}`: {}, `{}`: {}, `[]`: {}, `null`: {}, `<html>`: {}, ``: {},
		`{"DailyApiRequests":{"Max":"many","Remaining":1}}`: {},
	} {
		got, err := parseLimits([]byte(body))
		if got != want || (err != nil) != (want == pipeline.Usage{}) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
		if err != nil && pipeline.ClassOf(err) != pipeline.TryAgain {
			t.Errorf("%s: class %s", body, pipeline.ClassOf(err))
		}
	}
}

// What is known of the count grows old.
func TestAnOldCountIsNotGoodEnough(t *testing.T) {
	for age, fresh := range map[time.Duration]bool{0: true, usageFresh - time.Minute: true, usageFresh: false, 24 * time.Hour: false} {
		r := reading{at: time.Now().Add(-age)}
		if r.fresh() != fresh {
			t.Errorf("after %s: fresh is %t", age, r.fresh())
		}
	}
}
