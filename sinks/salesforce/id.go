package salesforce

// idSuffix holds the characters of an Id's checksum.
const idSuffix = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

// normalID returns the 18 characters of a record's Id. Of the last three, each tells which of five characters before
// are upper case (bit i for the ith), so that the long form survives tools that ignore case. A 15-character Id gets
// them; an 18-character one must have the right ones: otherwise its case is lost, and it may be another record's.
func normalID(id string) (string, bool) {
	if len(id) != 15 && len(id) != 18 {
		return "", false
	}
	var suffix [3]byte
	for chunk := range suffix {
		bits := 0
		for i := range 5 {
			c := id[chunk*5+i]
			switch {
			case c >= 'A' && c <= 'Z':
				bits |= 1 << i
			case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			default:
				return "", false
			}
		}
		suffix[chunk] = idSuffix[bits]
	}
	normal := id[:15] + string(suffix[:])
	return normal, len(id) == 15 || id == normal
}
