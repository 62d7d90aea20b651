// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestADormantAccountDidNotSignInForNinetyDays(t *testing.T) {
	h, line := NewHistory(), NewTimeline(eight)
	line.License(eight, 25, NotLicensed)
	days := func(n int) time.Time { return eight.Add(time.Duration(n) * 24 * time.Hour) }
	sessions := []Session{
		{ID: "1", User: "early", Model: Named, Connection: "1", Logon: days(1), Ended: days(2)},
		{ID: "2", User: "lately", Model: Named, Connection: "2", Logon: days(40), Ended: days(41)},
		{ID: "3", User: "always", Model: Named, Connection: "3", Logon: days(1)},
	}
	accounts := []Account{{"early", days(0)}, {"lately", days(0)}, {"always", days(0)}, {"never", days(0)}, {"new", days(60)}}
	for n := 1; n <= 120; n++ {
		for _, s := range sessions {
			if !s.Logon.After(days(n)) {
				if s.Ended.After(days(n)) {
					s.Ended = time.Time{}
				}
				line.Put(s)
			}
		}
		line.Tell(h, days(n), time.Hour)
		if n%7 == 0 {
			stored, err := Decode(h.Encode())
			if err != nil {
				t.Fatal(err)
			}
			h = stored
			line.Forget(h)
		}
		got := h.Dormant(slices.Values(accounts))
		want := Unknown
		switch {
		case n >= 94:
			want = 2 // early and never
		case n >= 90:
			want = 1 // never
		}
		if got != want && n != 92 && n != 93 { // to the day
			t.Fatalf("day %d: %d dormant, and not %d", n, got, want)
		}
	}
	line.Lost(days(130))
	line.Tell(h, days(131), time.Hour)
	if got := h.Dormant(slices.Values(accounts)); got != Unknown {
		t.Errorf("%d after ten days of which nothing is known", got)
	}
}

func TestNamedUsersAreBounded(t *testing.T) {
	h, line := NewHistory(), NewTimeline(eight)
	line.License(eight, 9000, NotLicensed)
	for i := range maxSignIns + 1 {
		name := fmt.Sprint(i)
		line.Put(Session{ID: name, User: name, Model: Named, Connection: name, Logon: eight.Add(time.Hour)})
	}
	line.Tell(h, eight.Add(100*24*time.Hour), time.Hour)
	if n := len(h.signIns.days); n > maxSignIns || h.Dormant(slices.Values([]Account{})) != Unknown {
		t.Errorf("%d users are known", n)
	}
}
