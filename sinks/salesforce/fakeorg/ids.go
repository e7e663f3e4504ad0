package fakeorg

import (
	"fmt"
	"strings"
)

// An id has 15 case-sensitive characters: the object's key prefix, the instance and a number in base 62. The form of 18
// characters adds three that say which of the 15 are upper case, so that it survives systems that ignore case.
const (
	instance = "Dn0"
	base62   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	base32   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
)

// newID returns the 18-character id of the n-th record with a key prefix. Ids ascend with n.
func newID(prefix string, n int) string {
	digits := []byte("000000000")
	for i := len(digits) - 1; n > 0 && i >= 0; i-- {
		digits[i] = base62[n%62]
		n /= 62
	}
	return to18(prefix + instance + string(digits))
}

// to18 appends the checksum to a 15-character id.
func to18(id15 string) string {
	var sum [3]byte
	for i := range sum {
		bits := 0
		for j := range 5 {
			if c := id15[i*5+j]; 'A' <= c && c <= 'Z' {
				bits |= 1 << j
			}
		}
		sum[i] = base32[bits]
	}
	return id15 + string(sum[:])
}

// normalizeID brings an id of 15 or 18 characters into its 18-character form. The case of an 18-character id's letters
// is restored from its checksum.
func normalizeID(id string) (string, error) {
	if len(id) != 15 && len(id) != 18 {
		return "", fmt.Errorf("an id has 15 or 18 characters, not %d", len(id))
	}
	for i := range len(id) {
		if !strings.ContainsRune(base62, rune(id[i])) {
			return "", fmt.Errorf("character %d of an id is neither letter nor digit", i+1)
		}
	}
	if len(id) == 15 {
		return to18(id), nil
	}
	restored := []byte(strings.ToLower(id[:15]))
	for i := range 3 {
		bits := strings.IndexByte(base32, upper(id[15+i]))
		if bits < 0 {
			return "", fmt.Errorf("character %d of an id is no checksum", 16+i)
		}
		for j := range 5 {
			if bits&(1<<j) != 0 {
				restored[i*5+j] = upper(restored[i*5+j])
			}
		}
	}
	return to18(string(restored)), nil
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}
