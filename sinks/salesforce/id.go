package salesforce

import "strings"

// idSuffix holds the characters of an Id's checksum.
const idSuffix = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

// isID tells whether id looks like the Id of a record: a look at each, for there may be a million.
func isID(id string) bool {
	return (len(id) == 15 || len(id) == 18) && alphanumeric(id)
}

// isJobID tells whether id can be a job's and a part of a path. No org is held to a length that only records have.
func isJobID(id string) bool { return len(id) > 0 && len(id) <= 40 && alphanumeric(id) }

func alphanumeric(id string) bool {
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// normalID returns the 18 characters of a record's Id. Of the last three, each tells which of five characters before
// are upper case (bit i for the ith), so that the long form survives tools that ignore case. A 15-character Id gets
// them; an 18-character one stays as it is: what its last three are worth is for the org to say.
func normalID(id string) (string, bool) {
	if !isID(id) {
		return "", false
	}
	if len(id) == 18 {
		return id, true
	}
	var suffix [3]byte
	for chunk := range suffix {
		bits := 0
		for i := range 5 {
			if c := id[chunk*5+i]; c >= 'A' && c <= 'Z' {
				bits |= 1 << i
			}
		}
		suffix[chunk] = idSuffix[bits]
	}
	return id + string(suffix[:]), true
}

// sameRecord says whether two Ids, long or short, name one record; an org answers with the case that it knows.
func sameRecord(a, b string) bool {
	return len(a) >= 15 && len(b) >= 15 && strings.EqualFold(a[:15], b[:15])
}
