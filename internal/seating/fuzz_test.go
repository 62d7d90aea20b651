// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"strings"
	"testing"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// FuzzKeys tries to make two users one, or two connections one, by what is free text: the names of users, hosts, addresses and modules. An independent
// statement of who shares with whom is compared with the keys. The bits of how are the pool's rules.
func FuzzKeys(f *testing.F) {
	f.Add("ann", "pc", "192.0.2.1", "Web", "ANN", "PC", "192.0.2.1", "Desktop", byte(0))
	f.Add(`a"b`, "c", "", "Web", "a", `b"c`, "", "Web", byte(0b111111))
	f.Add(`a""host""b`, "", "1", "Web", "a", "b", "1", "Web", byte(0b00011))
	f.Add(`a" "host" "b`, "c", "", "Web", "a", `b" "host" "c`, "", "Web", byte(0b00011))
	f.Add("a", "h", `1" "modules" "Web`, "Mobile", "a", "h", "1", `Web" "modules" "Mobile`, byte(0b01110))
	f.Add(`CORP\ann`, `\`, `"`, `Web""Desktop`, `CORP\\ann`, "", `\"`, "Web", byte(0b111110))
	f.Add("\u212Aelvin", "ſ", "::1", "Mobile", "kelvin", "s", "::1", "Voice", byte(0b10001))
	f.Add("ılgaz", "", "", "modules", "Ilgaz", "", "", "", byte(0b1001))
	f.Add("\xff", "\xff", "\xff", "\xff", "\xfe", "\ufffd", "\ufffd", "\xfe", byte(0b01111))
	f.Add(strings.Repeat("é", 256), "a\x00b", "", "", strings.Repeat("É", 256), "a", "", "", byte(0b0011))
	f.Fuzz(func(t *testing.T, userA, hostA, ipA, moduleA, userB, hostB, ipB, moduleB string, how byte) {
		p := aPool()
		p.FoldCase = how&1 != 0
		p.Sharing = seating.Sharing{ClientHost: how&2 != 0, ClientIP: how&4 != 0, Module: how&8 != 0}
		if how&16 != 0 {
			p = p.groups("Web Desktop", "Mobile Voice")
		}
		if how&32 != 0 { // free text in the rules too
			p.Sharing.Groups = append(p.Sharing.Groups, []string{moduleA, "Other"})
		}
		a, b := by(userA).on(hostA).at(ipA).to(moduleA).Session, by(userB).on(hostB).at(ipB).to(moduleB).Session

		one := sameUser(p.Rules, userA, userB)
		if got := p.UserKey(userA) == p.UserKey(userB); got != one {
			t.Errorf("%q and %q are one user: %t; their keys say %t", userA, userB, one, got)
		}
		for _, pool := range []string{"desk", strings.Repeat("a.", 126) + "a"} {
			nameA, nameB := p.EnrolledName(pool, userA), p.EnrolledName(pool, userB)
			wantObjectName(t, nameA)
			wantObjectName(t, nameB)
			if got := nameA == nameB; got != one {
				t.Errorf("%q and %q are one user: %t; their names are %s and %s", userA, userB, one, nameA, nameB)
			}
		}
		want := share(p.Rules, a, b)
		keyA, keyB := seating.ShareKey(p.Rules, a, seating.Concurrent), seating.ShareKey(p.Rules, b, seating.Concurrent)
		if got := keyA == keyB; got != want {
			t.Errorf("%+v and %+v share under %+v: %t; their keys are %s and %s", a, b, p.Sharing, want, keyA, keyB)
		}
		if seating.ShareKey(p.Rules, a, seating.Named) == keyB {
			t.Errorf("a named and a concurrent seat have one key, %s", keyB)
		}
	})
}
