// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/seatkeeper/seatkeeper/internal/history"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

func TestAFileReadsAsItWasWritten(t *testing.T) {
	s := newStory()
	s.write(two().Obj()).write(MakeLicenseAccount("x").Pool("p").User(`CORP\x`).Obj()).grant("a").event("a", "RequestedByUser").after(minute).remove(MakeUserSession("a").Obj())
	s.revision += 5
	s.entries = append(s.entries, history.Entry{Type: history.Missed, After: s.revision - 5, Revision: s.revision, Seen: s.now, Why: "too old"})
	var file bytes.Buffer
	write := func(entries ...history.Entry) {
		for _, e := range entries {
			if err := history.Write(&file, e); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Watches of several kinds come as they come.
	n := len(s.entries)
	write(s.entries[0])
	write(s.entries[2:n]...)
	write(s.entries[1])
	if lines := strings.Count(file.String(), "\n"); lines != n {
		t.Errorf("%d entries are %d lines", n, lines)
	}
	whole := file.String()
	entries, err := history.Read(strings.NewReader(whole + `{"type":"ADDED","revi`)) // a recorder that was killed
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != n {
		t.Fatalf("%d entries were read, %d written", len(entries), n)
	}
	for i, e := range entries {
		want := s.entries[i]
		if e.Type != want.Type || e.Revision != want.Revision || !e.Seen.Equal(want.Seen) || e.After != want.After || e.Why != want.Why {
			t.Errorf("entry %d is %+v, want %+v", i, e, want)
		}
		if (e.Object == nil) != (want.Object == nil) || (e.Object != nil && (reflect.TypeOf(e.Object) != reflect.TypeOf(want.Object) || e.Object.GetName() != want.Object.GetName())) {
			t.Errorf("entry %d has object %v, want %v", i, e.Object, want.Object)
		}
	}
	for _, bad := range []string{"no JSON\n", `{"type":"ADDED","revision":"1","object":{"kind":"Pod"}}` + "\n"} {
		if _, err := history.Read(strings.NewReader(whole + bad)); err == nil || !strings.Contains(err.Error(), "line ") {
			t.Errorf("reading %q gave %v, want an error with the line", bad, err)
		}
	}
}

// What a checker is fed must be a history.
func TestFeedRefusesWhatIsNoHistory(t *testing.T) {
	c := history.NewChecker(history.Options{})
	for _, e := range []history.Entry{{Type: "OTHER", Revision: 5}, {Type: history.Added, Revision: 5}, {Type: history.Marked, Revision: 4}} {
		if err := c.Feed(e); err == nil {
			t.Errorf("%+v is taken", e)
		}
	}
}

// What happened in a gap is not known, and is neither found fault with nor vouched for.
func TestAGap(t *testing.T) {
	s := newStory()
	s.write(two().Obj()).grant("a", "b").login("c")
	s.revision += 10
	s.entries = append(s.entries, history.Entry{Type: history.Missed, After: s.revision - 10, Revision: s.revision, Seen: s.now, Why: "too old"})
	// b is gone and c is on, whoever saw to that.
	from := len(s.entries)
	s.pool(nothing).session("a", nothing).activate("c", concurrent, "c")
	for i := range s.entries[from:] {
		s.entries[from+i].Type, s.entries[from+i].Revision = history.Listed, s.revision
	}
	s.after(minute)
	c := s.check(t, history.Options{}, false)
	if len(c.Findings()) > 0 {
		t.Errorf("findings: %v", c.Findings())
	}
	if gaps := c.Gaps(); len(gaps) != 1 || gaps[0].Until-gaps[0].After != 10 || gaps[0].Why != "too old" {
		t.Errorf("gaps: %+v", gaps)
	}
	// From there on all is checked as ever: two seats are taken.
	s.login("d").intend("d")
	if found := s.check(t, history.Options{}, false).Findings(); len(found) != 1 || found[0].Invariant != history.NeverOversold {
		t.Errorf("findings: %v", found)
	}
}

func nothing[T any](T) {}
