// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

func counts(licensed, used, available, accounts, connected int32) *licensing.SeatCounts {
	return &licensing.SeatCounts{Licensed: &licensed, Used: &used, Available: &available, Accounts: &accounts, Connected: &connected}
}

func busy() picture {
	p := picture{named: counts(5, 4, 1, 4, 3), concurrent: counts(8, 8, 0, 13, 8), counted: true, seats: 8, seatsAvailable: "Exhausted",
		signedIn: 18, waiting: 2, counts: counters{28, 21, 5, 11, 31, 4},
		calls: calls{all: 1234, heartbeats: 617, streams: 52, failed: 3, median: 900 * time.Microsecond}}
	noon := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	for i := range 12 {
		p.events = append(p.events, event{noon.Add(time.Duration(i) * time.Second), eventKind(i % 7), fmt.Sprintf("event %d", i)})
	}
	p.events[11].text = "hal was denied: ModelNotLicensed. The user's account is concurrent, and this pool has no concurrent seats."
	return p
}

func hints() []string {
	d := &demo{}
	d.stage.environment = "bin/demo.env"
	d.pool.Namespace, d.pool.Name = "itsm", "service-desk"
	return d.hints()
}

func TestRender(t *testing.T) {
	for name, size := range map[string][2]int{"80x24": {80, 23}, "120x40": {120, 39}} {
		t.Run(name, func(t *testing.T) {
			lines := view{hints: hints(), unicode: true}.render(busy(), size[0], size[1], 83*time.Second)
			got := strings.Join(lines, "\n") + "\n"
			path := "testdata/" + name + ".golden"
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestRenderFitsEveryScreen(t *testing.T) {
	escapes := regexp.MustCompile("\x1b\\[[0-9]*m")
	for _, p := range []picture{{}, busy(), {named: counts(2, 3, 0, 3, 0)}, {concurrent: counts(0, 0, 0, 0, 0)}} {
		for _, v := range []view{{hints: hints()}, {hints: hints(), color: true, unicode: true}} {
			for height := range 50 {
				for _, width := range []int{80, 100, 200} {
					lines := v.render(p, width, height, time.Hour)
					if len(lines) > height {
						t.Fatalf("%d lines on %d rows", len(lines), height)
					}
					for _, line := range lines {
						if n := utf8.RuneCountInString(escapes.ReplaceAllString(line, "")); n > width {
							t.Fatalf("%d columns are too many for %d: %s", n, width, line)
						}
					}
				}
			}
		}
	}
}

func TestHintsAreAlignedAndFitTheNarrowestScreen(t *testing.T) {
	column := strings.Index(hints()[0], "#")
	for _, hint := range hints() {
		if n := utf8.RuneCountInString(hint); n > 80-3 {
			t.Errorf("%d columns are too many: %s", n, hint)
		}
		if at := strings.Index(hint, "#"); at >= 0 && at != column {
			t.Errorf("the comment must begin in column %d as the first does, not %d: %s", column, at, hint)
		}
	}
	far := "/a/path/of/a/folder/that/is/far/away/from/here/demo.env"
	got := aligned([][2]string{{far, "sets it"}, {"short", "one"}, {"longer one", "two"}, {"bare", ""}})
	want := []string{far + "   # sets it", "short        # one", "longer one   # two", "bare"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLine(t *testing.T) {
	const want = " 1:23  named 4 of 5 used, 3 connected; concurrent 8 of 8 used, 8 connected; granted 28, shared 21, waited 5, denied 11, left 31; heartbeats 617"
	if got := (view{}).line(busy(), 83*time.Second); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
