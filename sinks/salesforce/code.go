package salesforce

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"scored/pipeline"
)

// maxMessage is how much, in bytes, is kept of what an org says of a row.
const maxMessage = 255

// classes holds the codes that are not simply a rejection of a row. Source: the REST API's status codes and error
// responses, and the SOAP API's list of StatusCode, which collections and Bulk use for rows.
var classes = map[string]pipeline.Class{
	"INVALID_SESSION_ID": pipeline.Expired,

	"REQUEST_LIMIT_EXCEEDED": pipeline.Exhausted,
	"API_DISABLED_FOR_ORG":   pipeline.Exhausted,
	"API_CURRENTLY_DISABLED": pipeline.Exhausted,
	"EXCEEDEDQUOTA":          pipeline.Exhausted, // batches or rows of the Bulk API
	"EXCEEDED_QUOTA":         pipeline.Exhausted,

	"UNABLE_TO_LOCK_ROW":       pipeline.TryAgain,
	"SERVER_UNAVAILABLE":       pipeline.TryAgain,
	"REQUEST_RUNNING_TOO_LONG": pipeline.TryAgain,
	"QUERY_TIMEOUT":            pipeline.TryAgain,
	"INVALIDJOBSTATE":          pipeline.TryAgain,
	"INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE": pipeline.TryAgain,

	"CANNOT_UPDATE_CONVERTED_LEAD": pipeline.Terminal,
	"ENTITY_IS_DELETED":            pipeline.Terminal,

	"INVALID_FIELD":                   pipeline.Configuration,
	"INVALID_FIELD_FOR_INSERT_UPDATE": pipeline.Configuration,
	"INVALID_TYPE":                    pipeline.Configuration,
	"INVALID_TYPE_ON_FIELD_IN_RECORD": pipeline.Configuration,
	"NOT_FOUND":                       pipeline.Configuration,
	"UNSUPPORTED_API_VERSION":         pipeline.Configuration,
	"INSUFFICIENT_ACCESS":             pipeline.Configuration,
	"FUNCTIONALITY_NOT_ENABLED":       pipeline.Configuration,
	"FEATURENOTENABLED":               pipeline.Configuration,
	"INVALIDENTITY":                   pipeline.Configuration,
	"INVALIDJOB":                      pipeline.Configuration,
}

// classOf returns what an error code of Salesforce means for a delivery; Rejected where nothing else is known. A lock hides
// in the message of a trigger that met it.
func classOf(code, message string) pipeline.Class {
	if code == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" && strings.Contains(message, "UNABLE_TO_LOCK_ROW") {
		return pipeline.TryAgain
	}
	if class, ok := classes[code]; ok {
		return class
	}
	return pipeline.Rejected
}

// verdict returns the outcome, without its key, of a row that the org did not take. A validation rule that objects to the
// version is the guard: the record holds something newer.
func (c *Config) verdict(code, message string, fields []string) pipeline.Outcome {
	o := pipeline.Outcome{
		Status: pipeline.Refused, Class: classOf(code, message), Code: plainCode(code), Fields: plainFields(fields), Message: cut(message),
	}
	version := c.fieldOf(Version)
	named := func(field string) bool { return strings.EqualFold(field, version) }
	switch {
	case o.Class == pipeline.TryAgain:
		o.Status = pipeline.Retry
	case code == "FIELD_CUSTOM_VALIDATION_EXCEPTION" && version != "" &&
		(slices.ContainsFunc(fields, named) || strings.Contains(message, guardMessage)):
		o.Status, o.Class = pipeline.Stale, pipeline.Outdated
	}
	return o
}

// fieldOf returns the first field that the value is mapped to, "" if there is none.
func (c *Config) fieldOf(v Value) string {
	for _, f := range c.Fields {
		if f.Value == v {
			return f.Field
		}
	}
	return ""
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

// cut shortens a message to maxMessage bytes of whole characters.
func cut(message string) string {
	message = strings.ToValidUTF8(message, "\uFFFD")
	if len(message) <= maxMessage {
		return message
	}
	end := maxMessage
	for !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end]
}
