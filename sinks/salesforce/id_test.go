package salesforce

import (
	"strings"
	"testing"
)

func TestNormalID(t *testing.T) {
	for _, c := range []struct {
		name, id, want string
		ok             bool
	}{
		{"15 characters get their checksum", "00D000000000062", "00D000000000062EAA", true},
		{"18 characters stay", "00D000000000062EAA", "00D000000000062EAA", true},
		{"each chunk has its own", "aAaAaBBBBB00000", "aAaAaBBBBB00000K5A", true},
		{"whatever their checksum: the org knows", "00d000000000062EAA", "00d000000000062EAA", true},
		{"too short", "00D00000000006", "", false},
		{"between the lengths", "00D000000000062E", "", false},
		{"not an id's characters", "00D0000000000-2", "", false},
		{"more bytes than characters", "00D0000000000é", "", false},
		{"empty", "", "", false},
	} {
		got, ok := normalID(c.id)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: normalID(%q) = %q, %t; want %q, %t", c.name, c.id, got, ok, c.want, c.ok)
		}
	}
}

func TestIdentify(t *testing.T) {
	const instance, org, user = "https://acme.my.salesforce.com", "00D000000000062EAA", "005000000000001AAA"
	for identity, want := range map[string][2]string{
		"https://login.salesforce.com/id/00D000000000062EAA/005000000000001AAA": {org, user},
		"https://login.salesforce.com/id/00D000000000062/005000000000001":       {org, user},
		"https://login.salesforce.com/id/00D000000000062/-":                     {org, ""},
		"https://login.salesforce.com/id/005000000000001/00D000000000062":       {instance, ""},
		"":   {instance, ""},
		":/": {instance, ""},
	} {
		if org, user := identify(identity, instance); org != want[0] || user != want[1] {
			t.Errorf("identify(%q) = %q, %q, want %q", identity, org, user, want)
		}
	}
}

func TestIsJobID(t *testing.T) {
	for id, want := range map[string]bool{"750DE0000000001AAA": true, "750DE0000000001": true, "7": true, "a1b2c3d4e5f6a7b8c9d0": true,
		strings.Repeat("a", 40): true, strings.Repeat("a", 41): false, "": false, "a/b": false, "..": false, "a?b": false, "é": false} {
		if isJobID(id) != want {
			t.Errorf("%q: %t", id, !want)
		}
	}
}
