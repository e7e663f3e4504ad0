package pgtest

import (
	"regexp"

	"github.com/jackc/pgx/v5/pgproto3"
)

// asRedshift adds to a client's start-up parameters what Redshift has as its defaults: floats in 15 digits, and a lexer
// that takes a backslash in a literal as an escape.
func asRedshift(parameters map[string]string) {
	for name, value := range map[string]string{
		"extra_float_digits":          "0",
		"standard_conforming_strings": "off",
		"escape_string_warning":       "off",
	} {
		if _, ok := parameters[name]; !ok {
			parameters[name] = value
		}
	}
}

// status rewrites what the server says of itself. It returns nil for what Redshift does not say.
func status(ps pgproto3.ParameterStatus, askedUTF8 bool) []pgproto3.BackendMessage {
	switch ps.Name {
	case "standard_conforming_strings", "in_hot_standby", "default_transaction_read_only", "IntervalStyle":
		return nil
	case "server_version":
		return []pgproto3.BackendMessage{
			&pgproto3.ParameterStatus{Name: ps.Name, Value: "8.0.2"},
			&pgproto3.ParameterStatus{Name: "padb_version", Value: "1.0.0"},
		}
	case "client_encoding":
		if !askedUTF8 {
			ps.Value = "UNICODE"
		}
	}
	return []pgproto3.BackendMessage{&ps}
}

var (
	// ownSettings are Redshift's; PostgreSQL accepts settings it does not know only with a prefix.
	ownSettings = regexp.MustCompile(`(?i)\b(set|reset|show)\s+(query_group|enable_result_cache_for_session|wlm_query_slot_count)\b`)
	copyIn      = regexp.MustCompile(`(?is)\bcopy\b.*\bfrom\s+stdin\b`)
)

// translate turns a query into one that PostgreSQL takes.
func translate(query string) string { return ownSettings.ReplaceAllString(query, "$1 redshift.$2") }

// refused returns the error of a query that Redshift has no means to serve, or nil.
func refused(query string) *pgproto3.ErrorResponse {
	if copyIn.MatchString(query) {
		return errorResponse("0A000", "COPY FROM STDIN is not supported: Redshift loads from S3")
	}
	return nil
}

func errorResponse(code, message string) *pgproto3.ErrorResponse {
	severity := "ERROR"
	if code[:2] == "28" || code[:2] == "57" && code != "57014" || code[:2] == "3D" {
		severity = "FATAL"
	}
	return &pgproto3.ErrorResponse{Severity: severity, SeverityUnlocalized: severity, Code: code, Message: message}
}
