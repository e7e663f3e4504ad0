package fakeorg_test

import (
	"strings"
	"testing"
)

// A file that spoils its job: nothing is written, and what can be told apart stays unprocessed.
func TestSpoiledFiles(t *testing.T) {
	s := start(t, config())
	id := s.lead("L000001")
	for name, c := range map[string]struct {
		file, message string
		unprocessed   int
		ending        string
	}{
		"nothing":           {"", "InvalidBatch : Records not found", 0, "LF"},
		"header alone":      {"Id,Lead_Score__c\n", "InvalidBatch : Records not found", 0, "LF"},
		"unknown column":    {"Id,Shoe__c,Foot__c\n" + id + ",1,2\n", "InvalidBatch : Field name not found : Shoe__c", 1, "LF"},
		"hidden column":     {"Id,Phone\n" + id + ",1\n" + id + ",1\n", "InvalidBatch : Field name not found : Phone", 2, "LF"},
		"nameless column":   {"Id,\n" + id + ",1\n", "InvalidBatch : Field name not found : ", 1, "LF"},
		"another's column":  {"Id,Owner.Email\n" + id + ",1\n", "InvalidBatch : Field name not found : Owner.Email", 1, "LF"},
		"mark before Id":    {"\ufeffId\n" + id + "\n", "InvalidBatch : Field name not found : \ufeffId", 1, "LF"},
		"mark before quote": {"\ufeff\"Id\"\n" + id + "\n", "InvalidBatch : Failed to parse CSV. Found unescaped quote. A value with quote should be within a quote", 0, "LF"},
		"column twice":      {"Id,City,city\n" + id + ",1,2\n", "InvalidBatch : Duplicate field name : city", 1, "LF"},
		"CRLF for LF":       {"Id,Lead_Score__c\r\n" + id + ",1\r\n", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF", 0, "LF"},
		"CRLF after quotes": {"Id,\"Lead_Score__c\"\r\n" + id + ",\"1\"\r\n", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF", 0, "LF"},
		"LF after quotes":   {"Id,\"Lead_Score__c\"\n" + id + ",\"1\"\n", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is CRLF", 0, "CRLF"},
		"one CRLF":          {"Id,Lead_Score__c\n" + id + ",1\n" + id + ",1\r\n", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF", 0, "LF"},
		"LF for CRLF":       {"Id,Lead_Score__c\n" + id + ",1\n", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is CRLF", 0, "CRLF"},
		"open quote":        {"Id,Lead_Grade__c\n" + id + ",\"A\n", "InvalidBatch : Failed to parse CSV. EOF reached before closing an opened quote", 0, "LF"},
		"long header":       {"Id," + strings.Repeat("x", 32_000) + "\n", "InvalidBatch : The header row is longer than 32000 characters", 0, "LF"},
	} {
		t.Run(name, func(t *testing.T) {
			token := s.login()
			job := s.load(token, c.file, "lineEnding", c.ending)
			info := s.info(token, job)
			if info["state"] != "Failed" || info["errorMessage"] != c.message || info["numberRecordsProcessed"] != 0.0 {
				t.Errorf("got %v", info)
			}
			lines := strings.Count(s.do(token, "GET", ingest+"/"+job+"/unprocessedrecords", "").text, "\n")
			if lines != c.unprocessed+1 {
				t.Errorf("%d lines, want %d and a header", lines, c.unprocessed)
			}
		})
	}
	if s.field(id, "Lead_Score__c") != nil || s.BulkUsage() != 0 {
		t.Error("a spoiled file was processed")
	}
}

// The last line needs no end, and empty lines are passed over.
func TestLinesThatCount(t *testing.T) {
	s := start(t, config())
	token, id := s.login(), s.lead("L000001")
	for _, file := range []string{"Id,Lead_Score__c\n" + id + ",1", "\nId,Lead_Score__c\n\n\n" + id + ",1\n\n", "Id,\"Lead_Score__c\"\n" + id + ",\"1\""} {
		if got := s.info(token, s.load(token, file)); got["numberRecordsProcessed"] != 1.0 || got["numberRecordsFailed"] != 0.0 {
			t.Errorf("%q: %v", file, got)
		}
	}
}
