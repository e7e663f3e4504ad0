package salesforce

import (
	"regexp"
	"strings"
)

// class says what an error code of Salesforce means for a delivery.
type class uint8

const (
	rejected      class = iota // this row, as it is: reported, and left to a person
	expired                    // the session: log in again, once
	exhausted                  // the org takes no more requests for hours
	transient                  // may succeed a moment later
	terminal                   // the record will never take a score again
	configuration              // mapping or permissions: every row will meet it
)

// classes holds the codes that are not simply a rejection of a row. Source: the REST API's status codes and error
// responses, and the SOAP API's list of StatusCode, which collections use for rows.
var classes = map[string]class{
	"INVALID_SESSION_ID": expired,

	"REQUEST_LIMIT_EXCEEDED": exhausted,
	"API_DISABLED_FOR_ORG":   exhausted,
	"API_CURRENTLY_DISABLED": exhausted,

	"UNABLE_TO_LOCK_ROW":       transient,
	"SERVER_UNAVAILABLE":       transient,
	"REQUEST_RUNNING_TOO_LONG": transient,
	"QUERY_TIMEOUT":            transient,

	"CANNOT_UPDATE_CONVERTED_LEAD": terminal,
	"ENTITY_IS_DELETED":            terminal,

	"INVALID_FIELD":                   configuration,
	"INVALID_FIELD_FOR_INSERT_UPDATE": configuration,
	"INVALID_TYPE":                    configuration,
	"INVALID_TYPE_ON_FIELD_IN_RECORD": configuration,
	"NOT_FOUND":                       configuration,
	"UNSUPPORTED_API_VERSION":         configuration,
	"INSUFFICIENT_ACCESS":             configuration,
	"FUNCTIONALITY_NOT_ENABLED":       configuration,
}

// classOf returns a code's class. A lock hides in the message of a trigger that met it.
func classOf(code, message string) class {
	if code == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" && strings.Contains(message, "UNABLE_TO_LOCK_ROW") {
		return transient
	}
	return classes[code]
}

// What an org sends as a code or a field goes to logs, so it must look like one: anything else could be data.
var (
	codeForm  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}$`)
	fieldForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.]{0,119}$`)
)

// plainCode returns the code, or UNREADABLE where it can't be one.
func plainCode(code string) string {
	if codeForm.MatchString(code) {
		return code
	}
	return "UNREADABLE"
}

func plainFields(fields []string) []string {
	var plain []string
	for _, f := range fields {
		if fieldForm.MatchString(f) {
			plain = append(plain, f)
		}
	}
	return plain
}
