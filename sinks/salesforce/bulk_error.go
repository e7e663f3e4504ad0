package salesforce

import "strings"

// parseError takes apart what a result file says of a row that failed, "CODE:message:Field1,Field2 --". The message may
// have colons; the fields are none where what should be a list of them does not look like one.
func parseError(text string) (code, message string, fields []string) {
	text = strings.TrimSpace(text)
	code, message, found := strings.Cut(text, ":")
	if !found || !codeForm.MatchString(code) {
		return "", text, nil
	}
	head, marked := strings.CutSuffix(message, "--")
	if !marked {
		return code, message, nil
	}
	message = strings.TrimSpace(head)
	at := strings.LastIndexByte(message, ':')
	list := strings.TrimSpace(message[at+1:])
	if list == "" {
		return code, strings.TrimSpace(message[:max(at, 0)]), nil
	}
	for field := range strings.SplitSeq(list, ",") {
		if field = strings.TrimSpace(field); !fieldForm.MatchString(field) {
			return code, message, nil
		}
		fields = append(fields, field)
	}
	return code, strings.TrimSpace(message[:max(at, 0)]), fields
}
