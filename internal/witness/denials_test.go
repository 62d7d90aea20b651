// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// denies lets a replica renew its lease with what it denied, seen at once.
func (h *hall) denies(name string, denials map[string]usage.Tally) *coordinationv1.Lease {
	h.t.Helper()
	h.renewed(name, 0)
	if err := h.leases[name].Renew(h.t.Context(), Report{Renewed: nine, Swept: nine, Denials: denials}); err != nil {
		h.t.Fatal(err)
	}
	lease := &coordinationv1.Lease{}
	if err := h.api.Get(h.t.Context(), types.NamespacedName{Namespace: "ns", Name: name}, lease); err != nil {
		h.t.Fatal(err)
	}
	h.roster.Observe(lease)
	return lease
}

func TestWhatReplicasDeniedIsToldByTheirLeases(t *testing.T) {
	h := newHall(t)
	tally := usage.Tally{}
	tally.Add(nine, "SeatsExhausted", usage.Count{Denied: 3, True: 1})
	tally.Add(nine.Add(time.Hour), "UserLimitReached", usage.Count{Denied: 2})
	h.denies("a", map[string]usage.Tally{pool.String(): tally, "itsm/other": {7: {"X": {Denied: 1}}}})
	h.renewed("b", 0)
	if got := h.roster.Tallies(pool); !reflect.DeepEqual(got, map[string]usage.Tally{"a": tally}) {
		t.Errorf("%v", got)
	}
	h.roster.Drop("a") // it stopped: what it told last still counts
	if got := h.roster.Tallies(pool); !reflect.DeepEqual(got, map[string]usage.Tally{"a": tally}) {
		t.Errorf("after its end: %v", got)
	}
	if lease := h.denies("a", nil); lease.Annotations[annotationDenials] != "" || len(h.roster.Tallies(pool)) > 0 {
		t.Error("denials of over an hour ago stay on the lease")
	}
}

func TestDenialsOnALeaseAreBoundedAndTheNewestStay(t *testing.T) {
	h := newHall(t)
	many := map[string]usage.Tally{}
	for i := range 100 {
		tally := usage.Tally{}
		for k := range 12 {
			tally.Add(nine.Add(time.Duration(k)*5*time.Minute), "SeatsExhausted", usage.Count{Denied: 1_000_000, True: 1_000_000})
		}
		many[fmt.Sprintf("%s/%d", strings.Repeat("n", 63), i)] = tally
	}
	lease := h.denies("a", many)
	if n := len(lease.Annotations[annotationDenials]); n > 64<<10 {
		t.Errorf("%d bytes", n)
	}
	read := denialsOf(lease.Annotations[annotationDenials])
	if len(read) != 100 {
		t.Errorf("%d pools", len(read))
	}
	for name, tally := range read {
		if len(tally) != 3 || tally[nine.Add(55*time.Minute).Unix()] == nil {
			t.Errorf("%s: %v", name, tally)
		}
	}
	for _, text := range []string{"rubbish", "{}", `[{"pool":3}]`} {
		if got := denialsOf(text); got != nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
