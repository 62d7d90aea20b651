// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package grid

import (
	"strings"
	"testing"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

func ann() *maker.UserSessionBuilder {
	return maker.MakeUserSession("ann-web").Namespace("itsm").UID("1").CreatedAt(noon.Add(-2*time.Hour)).Pool("service-desk").User(`CORP\Ann`).FullName("Ann Archer").
		Module("Web").ClientIP("192.0.2.12").ClientHost("desk-12").Active(licensing.SeatNamed, "1", noon.Add(-2*time.Hour)).
		LastActivity(noon.Add(-40 * time.Second)).LastHeartbeat(noon.Add(-20 * time.Second)).Timeout(noon.Add(29 * time.Minute)).KeepAlive(true)
}

func row(b *maker.UserSessionBuilder) Row { return NewRow(b.Obj(), true) }

func TestRow(t *testing.T) {
	r := row(ann())
	if d, ok := r.Duration(); !ok || d != 2*time.Hour-40*time.Second {
		t.Errorf("the duration must be last activity less logon: %v", d)
	}
	if idle, on := r.Idle(noon); !on || idle != 40*time.Second {
		t.Errorf("idle for %v", idle)
	}
	if r.User != `CORP\Ann` || r.ClientIP != "192.0.2.12" || r.Seat != licensing.SeatNamed || !r.ShowSeat || r.Reason != licensing.ReasonSeatGranted || !r.Live() || r.Ending {
		t.Errorf("unexpected row %+v", r)
	}

	undecided := row(maker.MakeUserSession("new"))
	if _, ok := undecided.Duration(); ok || undecided.State != licensing.SessionPending || !undecided.Live() || undecided.KeepAlive != nil {
		t.Errorf("a session that nobody decided on must be Pending and have no duration: %+v", undecided)
	}
	if _, on := undecided.Idle(noon); on {
		t.Error("who is not on does not idle")
	}
	over := row(ann().Terminated(licensing.ExpiredSessionTerminated, noon))
	if _, on := over.Idle(noon); on || over.Live() || over.Reason != "ExpiredSessionTerminated" || !over.Ended.Equal(noon) {
		t.Errorf("unexpected row of an ended session: %+v", over)
	}
	if asked := row(ann().Termination(licensing.RequesterAdministrator, "")); !asked.Ending || !asked.Live() {
		t.Errorf("a session whose end was asked for is live and ending: %+v", asked)
	}
	if ahead := row(ann().LastActivity(noon.Add(time.Second))); ahead.Logon.IsZero() {
		t.Error("must have a logon")
	} else if idle, _ := ahead.Idle(noon); idle != 0 {
		t.Errorf("must not be negative: %v", idle)
	}
}

func TestRefreshTakesWhatIsNewer(t *testing.T) {
	fresh := Fresh{LastActivity: noon.Add(-5 * time.Second), LastHeartbeat: noon.Add(-time.Second), UnsavedWork: true, KeepAlive: true, Timeout: noon.Add(30 * time.Minute)}
	r := row(ann())
	r.Refresh(fresh)
	if !r.Exact || !r.LastActivity.Equal(fresh.LastActivity) || !r.LastHeartbeat.Equal(fresh.LastHeartbeat) || !r.UnsavedWork || !r.Timeout.Equal(fresh.Timeout) {
		t.Errorf("must have what the gateway knows: %+v", r)
	}
	older := Fresh{LastActivity: noon.Add(-time.Hour), LastHeartbeat: noon.Add(-time.Hour)}
	before := r
	if r.Refresh(older); r != before {
		t.Errorf("an older answer must change nothing: %+v", r)
	}
	if fresh.With(older) != fresh || older.With(fresh) != fresh || fresh.With(fresh) != fresh {
		t.Error("an older answer says nothing beside a newer")
	}
	bare := Fresh{LastActivity: noon.Add(-time.Hour), LastHeartbeat: noon, Timeout: noon.Add(-30 * time.Minute)}
	if want := (Fresh{LastActivity: fresh.LastActivity, LastHeartbeat: noon, KeepAlive: true, Timeout: fresh.Timeout}); bare.With(fresh) != want || fresh.With(bare) != want {
		t.Errorf("activity that one heard and a bare heartbeat that another heard: %+v", bare.With(fresh))
	}
	over := row(ann().Terminated(licensing.RequestedByUser, noon))
	if over.Refresh(fresh); over.Exact || over.LastActivity.Equal(fresh.LastActivity) {
		t.Error("the record of an ended session is exact already")
	}
}

func TestFilter(t *testing.T) {
	joanna := row(ann().User("joanna@example.com").FullName("Joanna Žižka").Module("Mobile").Pool("reports").ClientIP("2001:db8::7").LastActivity(noon.Add(-time.Hour)))
	annRow := row(ann())
	waits := row(maker.MakeUserSession("w").Pool("service-desk").User("eve").Module("Web").Waiting(noon))
	for name, test := range map[string]struct {
		filter             Filter
		ann, joanna, waits bool
	}{
		"all":                    {Filter{}, true, true, true},
		"pool":                   {Filter{Pools: []string{"reports"}}, false, true, false},
		"pools":                  {Filter{Pools: []string{"reports", "service-desk"}}, true, true, true},
		"a pool of a namespace":  {Filter{Pools: []string{"itsm/service-desk"}}, true, false, false},
		"one of another":         {Filter{Pools: []string{"other/service-desk", "reports"}}, false, true, false},
		"module":                 {Filter{Modules: []string{"Mobile"}}, false, true, false},
		"user, in any case":      {Filter{Users: []string{`corp\ANN`}}, true, false, false},
		"a part is not the user": {Filter{Users: []string{"ann"}}, false, false, false},
		"a pattern":              {Filter{Users: []string{"*ANN*"}}, true, true, false},
		"a pattern's ends":       {Filter{Users: []string{"joanna@*.com"}}, false, true, false},
		"one of users":           {Filter{Users: []string{"eve", "nobody"}}, false, false, true},
		"idle":                   {Filter{IdleOver: 30 * time.Minute}, false, true, false},
		"idle for longer than":   {Filter{IdleOver: 40 * time.Second}, false, true, false},
		"state":                  {Filter{States: []licensing.SessionState{licensing.SessionPending}}, false, false, true},
		"text in the name":       {Filter{Text: "žIŽ"}, false, true, false},
		"text in the address":    {Filter{Text: "192.0.2"}, true, false, false},
		"text in the host":       {Filter{Text: "DESK-12"}, true, true, false},
		"all of several":         {Filter{Text: "a", IdleOver: time.Minute, Pools: []string{"service-desk"}}, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.filter.Match(&annRow, noon); got != test.ann {
				t.Errorf("ann: %v", got)
			}
			if got := test.filter.Match(&joanna, noon); got != test.joanna {
				t.Errorf("joanna: %v", got)
			}
			if got := test.filter.Match(&waits, noon); got != test.waits {
				t.Errorf("eve: %v", got)
			}
		})
	}
}

func TestLike(t *testing.T) {
	for _, test := range []struct {
		text, pattern string
		want          bool
	}{
		{"abc", "abc", true}, {"abc", "ab", false}, {"abc", "*", true}, {"", "*", true}, {"abc", "a*c", true}, {"abc", "a*b", false}, {"ab", "ab*ab", false},
		{"aba", "a*a", true}, {"a", "a*a", false}, {"abcabc", "*b*c", true}, {"abc", "*c*b*", false}, {"a*c", "a*c", true}, {"abc", "**", true},
	} {
		if got := like(test.text, test.pattern); got != test.want {
			t.Errorf("like(%q, %q) = %v", test.text, test.pattern, got)
		}
	}
}

func TestFoldMakesLettersOfEitherCaseEqual(t *testing.T) {
	for c := range rune(128) {
		if got, want := Fold(string(c)), strings.ToLower(strings.ToUpper(string(c))); got != want {
			t.Errorf("%q: %q, want %q", c, got, want)
		}
	}
	for _, same := range [][2]string{{"ann", "ANN"}, {"Zoë", "ZOË"}, {"Σίσυφος", "ΣΊΣΥΦΟΣ"}, {"ſ", "s"}, {"", ""}} {
		if Fold(same[0]) != Fold(same[1]) {
			t.Errorf("%q and %q must be the same", same[0], same[1])
		}
	}
}

func TestOrder(t *testing.T) {
	rows := func() []*Row {
		return []*Row{
			{Name: "c", User: "bob", LastActivity: noon, Logon: noon.Add(-time.Hour)},
			{Name: "a", User: "Ann", LastActivity: noon.Add(-time.Minute), Logon: noon.Add(-3 * time.Hour)},
			{Name: "b", User: "ann"},
		}
	}
	for text, want := range map[string]string{
		"name": "abc", "-name": "cba", "user": "abc", "-user": "cab", "last-activity": "acb", "-last-activity": "cab", "duration": "cab", "-duration": "acb", "timeout": "abc", "client-ip": "abc",
	} {
		by, reverse, err := ParseOrder(text)
		if err != nil {
			t.Fatal(err)
		}
		sorted := rows()
		Sort(sorted, by, reverse)
		got := ""
		for _, r := range sorted {
			got += r.Name
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if _, _, err := ParseOrder("age"); err == nil {
		t.Error("must refuse an order that there is not")
	}
	for _, by := range Orders() {
		if Compare(new(row(ann())), new(row(ann())), by, true) != 0 {
			t.Errorf("%s: a row must be equal to itself", by)
		}
	}
}
