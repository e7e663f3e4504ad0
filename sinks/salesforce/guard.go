package salesforce

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/simpleforce/simpleforce"
)

// guardMessage is the error of the admin package's validation rule. Salesforce moves an error to the top of the page, without
// a word, where its field is not on the page layout; then this is all that tells it from the errors of other rules.
const guardMessage = "A newer score is already stored."

// guarded asks the Tooling API whether an active validation rule of the object has its error beside the field of the
// version, or the message of the admin package's: by these a row that is older than its record is told from others. Whatever the answer is but yes, the log
// has a warning, and the org is taken for unguarded. final says that the answer stands until somebody changes the org: it
// was no failure that passes.
func (s *Sink) guarded(ctx context.Context) (yes, final bool) {
	version := s.cfg.fieldOf(Version)
	if version == "" {
		s.warnUnguarded("no field is mapped to version",
			"map a field to version, and deploy the validation rule that refuses an older one")
		return false, true
	}
	rules, err := s.rules(ctx)
	f, failed := errors.AsType[*failure](err)
	switch {
	case err != nil && (!failed || f.uncertain || f.passing()):
		s.warnUnguarded("the validation rules could not be read: "+err.Error(), "none: the next run asks again")
		return false, false
	case err != nil:
		s.warnUnguarded("the integration user may not read validation rules: "+err.Error(),
			"give the integration user the permission View Setup and Configuration")
		return false, true
	}
	for _, r := range rules {
		// The name may come with the object's before it.
		if strings.EqualFold(r.field[strings.LastIndexByte(r.field, '.')+1:], version) || strings.Contains(r.message, guardMessage) {
			return true, true
		}
	}
	s.warnUnguarded(fmt.Sprintf("no active validation rule of %s has its error beside %s", s.cfg.Object, version),
		"deploy and activate the validation rule of the admin package")
	return false, true
}

func (s *Sink) warnUnguarded(reason, hint string) {
	s.log.Warn("the org does not refuse older scores: a run that follows a crash waits for late requests",
		"stage", "preflight", "reason", reason, "hint", hint)
}

// rule is an active validation rule, as far as its error goes.
type rule struct{ field, message string } // field: "" is the top of the page

// rules returns the object's active validation rules.
func (s *Sink) rules(ctx context.Context) (rules []rule, err error) {
	soql := "SELECT ErrorDisplayField, ErrorMessage FROM ValidationRule WHERE Active = true AND EntityDefinition.QualifiedApiName = " +
		quoteSOQL(s.cfg.Object)
	page, err := s.page(ctx, (*simpleforce.Client).Tooling, soql)
	if err != nil {
		return nil, err
	}
	for _, r := range page.Records {
		field, ok := r["ErrorDisplayField"].(string)
		if !ok && r["ErrorDisplayField"] != nil {
			return nil, garbled("a validation rule whose field is no text")
		}
		message, _ := r["ErrorMessage"].(string)
		rules = append(rules, rule{field, message})
	}
	return rules, nil
}
