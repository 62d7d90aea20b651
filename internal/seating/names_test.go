// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"regexp"
	"strings"
	"testing"
)

// subdomain is what the API server takes for an object's name (RFC 1123), if it has at most 253 characters.
var subdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

func wantObjectName(t *testing.T, name string) {
	t.Helper()
	if len(name) > 253 || !subdomain.MatchString(name) {
		t.Errorf("%q (%d characters) is no object name", name, len(name))
	}
}

var awkwardUsers = []string{
	"ann", "Ann", `CORP\ann`, "ann@example.com", "Ann Lee", "ann.lee-smith_2", "-ann-", ".ann.", "0", "--", `\\\`, "\"", "'", "a/b", "a:b", "%00", "a%b",
	"Ångström", "ÅNGSTRÖM", "Żółć", "李雷", "Ωμέγα", "ΩΜΈΓΑ", "Σίσυφος", "straße", "STRASSE", "Istanbul", "ıstanbul", "İstanbul", "\u212Aelvin", "Kelvin", "ſam",
	"🙂", "e\u0301", "é", "\u202eann", "a\tb", "a\nb", "a\x00b", "\xff\xfe", "",
	strings.Repeat("a", 256), strings.Repeat("é", 256), strings.Repeat("-", 256), strings.Repeat("a-", 128), strings.Repeat("🙂", 256), strings.Repeat("a", 59) + "-b",
}

var awkwardPools = []string{
	"service-desk", "a.b.c", "0", strings.Repeat("a", 253), strings.Repeat("a.", 126) + "a", strings.Repeat("a", 119) + ".b", strings.Repeat("a", 120) + ".b", strings.Repeat("9-", 126) + "9",
}

func TestAnEnrolledAccountsNameIsAnObjectNameWhateverItsUsers(t *testing.T) {
	for _, p := range []pool{aPool(), aPool().caseSensitive()} {
		for _, pool := range awkwardPools {
			for _, user := range awkwardUsers {
				wantObjectName(t, p.EnrolledName(pool, user))
			}
		}
	}
}

// So that two enrollments at once make one account, and no two users one.
func TestAnEnrolledAccountsNameIsOneForEachUser(t *testing.T) {
	for _, p := range []pool{aPool(), aPool().caseSensitive()} {
		users := map[string]string{} // the key of the user that has a name
		for _, pool := range awkwardPools {
			for _, user := range awkwardUsers {
				name, key := p.EnrolledName(pool, user), pool+"\x00"+p.UserKey(user)
				if of, taken := users[name]; taken && of != key {
					t.Errorf("%q and %q both have the name %s", of, key, name)
				}
				users[name] = key
				if again := p.EnrolledName(pool, user); again != name {
					t.Errorf("%q has the names %s and %s", user, name, again)
				}
			}
		}
	}
	// Between the case modes names differ, so that an account made under one is never found under the other by its name.
	for _, user := range awkwardUsers {
		if name := aPool().EnrolledName("pool", user); name == aPool().caseSensitive().EnrolledName("pool", user) {
			t.Errorf("%q has the name %s in both case modes", user, name)
		}
	}
	// A boundary between pool and user is not to be forged.
	if a, b := aPool().EnrolledName("a", "b-c"), aPool().EnrolledName("a-b", "c"); a == b {
		t.Errorf("both have the name %s", a)
	}
}

func TestAnEnrolledAccountsNameSaysWhose(t *testing.T) {
	for _, c := range []struct{ pool, user, begins string }{
		{"service-desk", `CORP\Ann`, "service-desk-corp-ann-"},
		{"desk.itsm", "ann@example.com", "desk-itsm-ann-example-com-"},
		{"desk", "李雷", "desk-user-"},
		{"desk", "Ångström", "desk-ngstr-m-"},
	} {
		for _, p := range []pool{aPool(), aPool().caseSensitive()} {
			if got := p.EnrolledName(c.pool, c.user); !strings.HasPrefix(got, c.begins) || len(got) != len(c.begins)+16 {
				t.Errorf("%s of %s has the name %s; want %s and 16 digits", c.user, c.pool, got, c.begins)
			}
		}
	}
	if a, b := aPool().EnrolledName("desk", "李雷"), aPool().EnrolledName("desk", "韩梅梅"); a == b {
		t.Errorf("two users without a readable part have one name, %s", a)
	}
}

// Names fold one letter at a time, as Unicode's simple case folding and strings.EqualFold do: what folds together is one user, and has one account.
func TestWhichSpellingsOfANameAreOneUser(t *testing.T) {
	for _, c := range []struct {
		sentence string
		a, b     string
		one      bool
	}{
		{"ASCII letters", `CORP\ann`, `corp\ANN`, true},
		{"accented letters", "Ångström", "åNGSTRÖM", true},
		{"the Kelvin sign is a K", "\u212Aelvin", "kelvin", true},
		{"the Ångström sign is an Å", "\u212Bngström", "ångström", true},
		{"the long s is an s", "ſam", "SAM", true},
		{"the Greek final sigma is a sigma", "ΣΊΣΥΦΟΣ", "σίσυφος", true},
		{"Cyrillic", "Анна", "АННА", true},
		{"digraphs have three cases", "ǅ", "ǆ", true},

		// The Turkish i's have no simple folding: a user who signs on with the wrong one is told of no account, and gets nobody else's.
		{"the Turkish dotless i is not an i", "ılgaz", "ilgaz", false},
		{"nor the capital I that it becomes", "ılgaz", "Ilgaz", false},
		{"the Turkish dotted capital is not an i", "İzmir", "izmir", false},
		{"nor a capital I", "İzmir", "Izmir", false},

		// One letter is never two, and no two encodings are taken for one.
		{"the sharp s is not a double one", "straße", "STRASSE", false},
		{"but has a capital", "straße", "STRAẞE", true},
		{"a ligature is not its letters", "oﬃce", "office", false},
		{"composed and combining accents are two names", "é", "e\u0301", false},
		{"full-width letters are others", "ａnn", "ann", false},
		{"look-alikes are others", "аnn", "ann", false}, // the first begins with a Cyrillic a
		{"white space counts", "ann lee", "ann  lee", false},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			if strings.EqualFold(c.a, c.b) != c.one {
				t.Errorf("strings.EqualFold does not say %t", c.one)
			}
			p := aPool()
			if got := p.UserKey(c.a) == p.UserKey(c.b); got != c.one {
				t.Errorf("one user: %t; want %t", got, c.one)
			}
			if got := p.EnrolledName("pool", c.a) == p.EnrolledName("pool", c.b); got != c.one {
				t.Errorf("one name: %t; want %t", got, c.one)
			}
			strict := p.caseSensitive()
			if strict.UserKey(c.a) == strict.UserKey(c.b) || strict.EnrolledName("pool", c.a) == strict.EnrolledName("pool", c.b) {
				t.Error("one user, though the case matters")
			}
		})
	}
}
