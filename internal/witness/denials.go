// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

const (
	// annotationDenials is what a replica denied by itself in the last hour.
	annotationDenials = "licensing.seatkeeper.dev/denials"
	// maxDenials bounds the entries that a Lease tells, one each for pool, five minutes and reason: the newest, some 120 bytes each.
	maxDenials = 300
)

// deniedLogins is usage.Count on a Lease.
type deniedLogins struct {
	Pool   string `json:"pool"`
	Start  int64  `json:"start"`
	Reason string `json:"reason"`
	Denied int    `json:"denied"`
	True   int    `json:"true,omitempty"`
}

// encodeDenials writes tallies by pool (namespace/name).
func encodeDenials(tallies map[string]usage.Tally) (string, error) {
	var list []deniedLogins
	for pool, tally := range tallies {
		for start, reasons := range tally {
			for reason, n := range reasons {
				list = append(list, deniedLogins{Pool: pool, Start: start, Reason: reason, Denied: n.Denied, True: n.True})
			}
		}
	}
	if len(list) == 0 {
		return "", nil
	}
	slices.SortFunc(list, func(a, b deniedLogins) int {
		return cmp.Or(cmp.Compare(b.Start, a.Start), cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Reason, b.Reason))
	})
	text, err := json.Marshal(list[:min(len(list), maxDenials)])
	if err != nil {
		return "", fmt.Errorf("writing denials: %w", err)
	}
	return string(text), nil
}

// denialsOf reads them; what cannot be read says nothing.
func denialsOf(text string) map[string]usage.Tally {
	var list []deniedLogins
	if text == "" || json.Unmarshal([]byte(text), &list) != nil {
		return nil
	}
	tallies := map[string]usage.Tally{}
	for _, d := range list[:min(len(list), maxDenials)] {
		if tallies[d.Pool] == nil {
			tallies[d.Pool] = usage.Tally{}
		}
		start := tallies[d.Pool][d.Start]
		if start == nil {
			start = map[string]usage.Count{}
			tallies[d.Pool][d.Start] = start
		}
		start[d.Reason] = usage.Count{Denied: max(0, d.Denied), True: max(0, d.True)}
	}
	return tallies
}

// Tallies are what each replica denied by itself at a pool in the last hour, as far as it told; also of those that stopped.
func (r *Roster) Tallies(pool types.NamespacedName) map[string]usage.Tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]usage.Tally{}
	for name, known := range r.replicas {
		if tally := known.report.Denials[pool.String()]; len(tally) > 0 {
			all[name] = tally // nobody changes what a Lease said
		}
	}
	return all
}
