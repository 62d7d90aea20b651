// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package demand

import (
	"strings"
	"testing"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// until is the history of a pool with 5 named and 4 concurrent seats, of which one was in use up to a time.
func until(end time.Time) *usage.History {
	h := usage.NewHistory()
	began := noon.AddDate(0, 0, -2)
	line := usage.NewTimeline(began)
	line.License(began, 5, 4)
	line.Put(usage.Session{ID: "a", User: "a", Connection: "a", Model: usage.Concurrent, Logon: began.Add(time.Hour)})
	line.Tell(h, end, time.Hour)
	return h
}

func TestHistory(t *testing.T) {
	record := &licensing.LicenseUsage{}
	h, err := History(record)
	if err != nil || !h.Since().IsZero() {
		t.Errorf("where nothing is on record nothing is known: %v, %v", h.Since(), err)
	}
	record.Status.History = until(noon).Encode()
	if h, err = History(record); err != nil || !h.Through().Equal(noon) {
		t.Errorf("%v, %v", h.Through(), err)
	}
	for text, want := range map[string]string{
		"2:eJw=": "a newer operator wrote it: upgrade kubectl-seats to the operator's version (the history is of version 2, and this program knows version 1 alone)",
		"1:eJw=": "upgrade kubectl-seats to the operator's version; where it is that, the operator cannot read the record either, and its log says what to do",
		"v9:?":   "upgrade kubectl-seats to the operator's version",
	} {
		record.Status.History = text
		switch _, err = History(record); {
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("%s: must say what to do: %v", text, err)
		case strings.Contains(err.Error(), "delete"):
			t.Errorf("%s: who looks must not be told to delete what a newer operator goes on with: %v", text, err)
		}
	}
}

func TestAdviseGoesByThePoolAndTheRecord(t *testing.T) {
	pool, record := &licensing.LicensePool{}, &licensing.LicenseUsage{}
	h := until(noon)
	if a := Advise(nil, record, h, usage.Named, usage.Week, 0, noon); a.Held != usage.Unknown || a.Dormant != usage.Unknown {
		t.Errorf("%+v", a)
	}
	pool.Status.Named = &licensing.SeatCounts{Used: new(int32(4))}
	record.Status.Named = &licensing.ModelUsage{DormantAccounts: new(int32(1))}
	if a := Advise(pool, record, h, usage.Named, usage.Week, 0, noon); a.Held != 4 || a.Dormant != 1 || a.Enough != 3 {
		t.Errorf("%+v", a)
	}
	if a := Advise(pool, record, h, usage.Concurrent, usage.Week, 0.5, noon); a.Share != 0.5 || a.Peak != 1 {
		t.Errorf("%+v", a)
	}
}

func TestARecordThatRunsAheadGivesNoAdvice(t *testing.T) {
	if text := Ahead(until(noon.Add(time.Minute)), noon); text != "" {
		t.Errorf("clocks may differ by a minute: %s", text)
	}
	h := until(noon.AddDate(0, 0, 3))
	a := Advise(nil, &licensing.LicenseUsage{}, h, usage.Concurrent, usage.Week, 0, noon)
	if a.Enough != usage.Unknown || a.Comfortable != usage.Unknown || !strings.HasPrefix(a.Reasoning, "The record runs to 2026-03-05T12:00:00Z, which is still to come") {
		t.Errorf("%+v", a)
	}
}

// Once a leader with another clock went on with the history, there is advice again, and a word on what was told before.
func TestADisputedRecordSaysSo(t *testing.T) {
	h := until(noon.AddDate(0, 0, 3))
	if ahead := h.Resume(noon); ahead == 0 {
		t.Fatal("must be ahead")
	}
	if text := Ahead(h, noon); text != "" {
		t.Errorf("it ends now: %s", text)
	}
	a := Advise(nil, &licensing.LicenseUsage{}, h, usage.Concurrent, usage.Week, 0, noon)
	if a.Peak != 1 || !strings.HasSuffix(a.Reasoning, "what it had told before of the time up to 2026-03-05T12:00:00Z may be wrong.") {
		t.Errorf("%+v", a)
	}
	if a = Advise(nil, &licensing.LicenseUsage{}, until(noon), usage.Concurrent, usage.Week, 0, noon); strings.Contains(a.Reasoning, "clock") {
		t.Error(a.Reasoning)
	}
}
