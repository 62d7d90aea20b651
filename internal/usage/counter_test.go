// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"reflect"
	"testing"
	"time"
)

func TestAReplicaCountsWhatItDenies(t *testing.T) {
	c := &Counter{}
	if n := c.Tallies(at(0)); len(n) > 0 {
		t.Errorf("%v", n)
	}
	c.Denied("itsm/desk", "ann", "SeatsExhausted", at(0))
	c.Denied("itsm/desk", "Ann", "SeatsExhausted", at(time.Minute))
	c.Denied("itsm/desk", "bob", "SeatsExhausted", at(time.Minute))
	c.Denied("itsm/other", "ann", "UserLimitReached", at(6*time.Minute))
	c.Granted("itsm/desk", "BOB", at(2*time.Minute))
	c.Granted("itsm/unknown", "bob", at(2*time.Minute))
	now := at(20 * time.Minute)
	want := map[string]Tally{
		"itsm/desk":  {eight.Unix(): {"SeatsExhausted": {Denied: 3, True: 1}}},
		"itsm/other": {eight.Unix() + fineLength: {"UserLimitReached": {Denied: 1, True: 1}}},
	}
	got := c.Tallies(now)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, and not %v", got, want)
	}
	got["itsm/desk"][eight.Unix()]["SeatsExhausted"] = Count{}
	if again := c.Tallies(now); !reflect.DeepEqual(again, want) {
		t.Errorf("what was told is the counter's own: %v", again)
	}
	if c.Tallies(at(2 * time.Hour)); len(c.pools) > 0 {
		t.Errorf("for ever: %v", c.pools)
	}
}
