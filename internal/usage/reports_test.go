// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"fmt"
	"strings"
	"testing"
)

// What Encode writes Decode must read, whatever a Lease said.
func TestWhatALeaseSaysCannotSpoilAHistory(t *testing.T) {
	for name, tally := range map[string]Tally{
		"many reasons":  {eight.Unix(): {}},
		"a long reason": {eight.Unix(): {strings.Repeat("x", 301): {Denied: 1}}},
		"a great count": {eight.Unix(): {"x": {Denied: 1 << 40}}},
		"a skew start":  {eight.Unix() + 7: {"x": {Denied: 1}}},
	} {
		if name == "many reasons" {
			for i := range 65 {
				tally[eight.Unix()][fmt.Sprint("r", i)] = Count{Denied: 1}
			}
		}
		h := NewHistory()
		h.begin(eight.Unix())
		h.Fold(map[string]Tally{"one": tally}, eight)
		read, err := Decode(h.Encode())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if read.Fold(map[string]Tally{"one": tally}, eight) {
			t.Errorf("%s: counted again", name)
		}
	}
}

// A history that was deleted begins anew without what replicas counted before.
func TestDenialsOfBeforeAHistoryBeganAreNotItsOwn(t *testing.T) {
	h := NewHistory()
	h.begin(eight.Unix())
	old := Tally{eight.Unix() - 2*fineLength: {"SeatsExhausted": {Denied: 500, True: 20}}}
	if h.Fold(map[string]Tally{"one": old}, eight) {
		t.Error("denials of before the beginning are told")
	}
	if !h.Fold(map[string]Tally{"one": {eight.Unix(): {"SeatsExhausted": {Denied: 1}}}}, eight) {
		t.Error("a denial since then is not told")
	}
}
