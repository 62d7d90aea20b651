// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"testing"
	"time"
)

// A denial that another clock's teller counted is not counted again when its record is seen anew, once the time on it has come (a watch that begins anew shows all records).
func TestADenialOfAnotherClockIsNotCountedWhenItsTimeHasCome(t *testing.T) {
	h, line := NewHistory(), NewTimeline(at(0))
	line.License(at(0), NotLicensed, 5)
	record := Session{ID: "1", User: "bob", Denied: reasonSeatsExhausted, Ended: at(time.Minute)}
	line.Put(record.SeenAt(at(0)))
	line.Tell(h, at(30*time.Second), time.Hour)
	line.Put(record.SeenAt(at(2 * time.Minute)))
	line.Tell(h, at(3*time.Minute), time.Hour)
	if n := Denied(h.Series(Concurrent, Day, at(3*time.Minute)).Denials); n.Denied != 0 {
		t.Errorf("%d denied: it was counted by who has that clock", n.Denied)
	}
}
