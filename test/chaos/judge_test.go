// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/seatkeeper/seatkeeper/pkg/client"
)

func TestMostAtOnce(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(1000+s), 0) }
	for name, c := range map[string]struct {
		stays []stay
		most  int
	}{
		"nobody":                    {nil, 0},
		"one after the other":       {[]stay{{at(0), at(5)}, {at(5), at(9)}}, 1},
		"two at a time":             {[]stay{{at(0), at(5)}, {at(4), at(9)}}, 2},
		"three, of whom two meet":   {[]stay{{at(0), at(9)}, {at(1), at(2)}, {at(3), at(4)}}, 2},
		"who was never on for sure": {[]stay{{at(5), at(5)}, {at(5), at(3)}}, 0},
	} {
		if most, _ := mostAtOnce(c.stays); most != c.most {
			t.Errorf("%s: %d, want %d", name, most, c.most)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		good bool
	}{
		{nil, true},
		{map[string]string{"CHAOS_TIME": "1h", "CHAOS_SEED": "7", "CHAOS_USERS": "50", "CHAOS_PLANT": "expired"}, true},
		{map[string]string{"CHAOS_TIME": "soon"}, false},
		{map[string]string{"CHAOS_TIME": "1s"}, false},
		{map[string]string{"CHAOS_SEED": "-1"}, false},
		{map[string]string{"CHAOS_USERS": "1"}, false},
		{map[string]string{"CHAOS_PLANT": "nonsense"}, false},
	} {
		o, err := optionsOf(func(name string) string { return c.env[name] })
		if (err == nil) != c.good || c.good && c.env["CHAOS_SEED"] == "7" && (o.seed != 7 || o.length != time.Hour || o.users != 50 || o.plant != "expired") {
			t.Errorf("%v: %+v, %v", c.env, o, err)
		}
	}
}

// A user who was heard a moment ago, and active, may not expire; one who was idle for long enough, or silent, may; and one who could reach nobody has no promise.
func TestMayExpire(t *testing.T) {
	now := time.Unix(100000, 0)
	late := now.Add(-2 * time.Second)
	p := &pool{idle: 60 * time.Second, lost: 60 * time.Second, interval: 15 * time.Second}
	for name, c := range map[string]struct {
		heard, active, reachable time.Time
		found                    int
		excepted                 int
	}{
		"heard and active":   {now.Add(-10 * time.Second), now.Add(-12 * time.Second), now.Add(-time.Hour), 1, 0},
		"idle":               {now.Add(-10 * time.Second), now.Add(-60 * time.Second), now.Add(-time.Hour), 0, 0},
		"silent":             {now.Add(-60 * time.Second), now.Add(-59 * time.Second), now.Add(-time.Hour), 0, 0},
		"nobody to be heard": {now.Add(-50 * time.Second), now.Add(-50 * time.Second), now.Add(-20 * time.Second), 0, 1},
		"nobody ready":       {now.Add(-50 * time.Second), now.Add(-50 * time.Second), time.Time{}, 0, 1},
		"back too late":      {late, late, now.Add(-time.Hour), 0, 1},
	} {
		s := &scene{tally: newTally()}
		v := &visit{user: &user{pool: p, crowd: &crowd{scene: s}}, heard: c.heard, active: c.active}
		if name == "back too late" {
			v.back = late
		}
		found := 0
		v.mayExpire(ending{at: now}, c.reachable, func(string, ...any) { found++ })
		if found != c.found || s.tally.total(excepted) != c.excepted {
			t.Errorf("%s: %d findings, %d not judged", name, found, s.tally.total(excepted))
		}
	}
}

// Who comes back gets the same session; another one only if an administrator deleted the first.
func TestMayBeAnother(t *testing.T) {
	s := &scene{tally: newTally(), history: &watcher{ends: map[types.UID]ending{"ended": {}, "deleted": {deleted: true}}}}
	v := &visit{user: &user{pool: &pool{}, crowd: &crowd{scene: s}}}
	for uid, found := range map[string]int{"on": 1, "ended": 1, "deleted": 0} {
		before := s.tally.found()
		if v.mayBeAnother(uid, "another", time.Now()); s.tally.found()-before != found {
			t.Errorf("%s: %v", uid, s.tally.findings)
		}
	}
	if s.tally.total(excepted) != 1 {
		t.Error("who was not judged must be counted")
	}
}

// Who was not told, who signed out in vain, and more users with a seat than there are seats.
func TestReckon(t *testing.T) {
	now := time.Unix(100000, 0)
	p := &pool{name: "p", seats: 1, loneSeats: true}
	for name, c := range map[string]struct {
		on    *visit
		left  []leave
		stays []stay
		found int
	}{
		"all is well":       {on: &visit{uid: "on", granted: now}, left: []leave{{uid: "ended"}}, stays: []stay{{now.Add(-time.Hour), now}}},
		"not told":          {on: &visit{uid: "ended", granted: now, heard: now}, found: 1},
		"told":              {on: &visit{uid: "ended", granted: now, heard: now, end: &client.End{}}},
		"about to leave":    {on: &visit{uid: "ended", granted: now, heard: now, left: now}},
		"signed out, alive": {on: &visit{uid: "on", granted: now}, left: []leave{{uid: "on"}}, found: 1},
		"two in one seat":   {on: &visit{uid: "on", granted: now}, stays: []stay{{now.Add(-time.Hour), now.Add(time.Second)}}, found: 1},
	} {
		s := &scene{tally: newTally(), pools: []*pool{p}, history: &watcher{ends: map[types.UID]ending{"ended": {at: now.Add(time.Minute)}}}}
		s.crowd = newCrowd(s)
		c.on.user = &user{pool: p, crowd: s.crowd}
		s.crowd.arrived(c.on)
		s.crowd.leaves, s.crowd.stays["p"] = c.left, c.stays
		if s.crowd.reckon(); s.tally.found() != c.found {
			t.Errorf("%s: %v", name, s.tally.findings)
		}
	}
}
