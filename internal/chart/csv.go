// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// CSV writes the points as a table (RFC 4180) with a header: times in RFC 3339, in the viewer's time zone. What nothing is known of is left empty: the
// connections of a gap, the seats of a model that the pool lacked.
func (c *Chart) CSV(out io.Writer) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	rows := [][]string{{"start", "end", "recorded_seconds", "mean", "peak", "licensed", "denials", "true_denials"}}
	for _, p := range c.Series.Points {
		row := []string{c.written(p.Start), c.written(p.Start.Add(p.Length)), strconv.Itoa(int(p.Covered / time.Second)), "", "", "", "", ""}
		denied := usage.Denied(p.Denials)
		if !p.Gap() {
			row[3], row[4] = strconv.FormatFloat(p.Mean, 'f', 3, 64), strconv.Itoa(p.Peak)
			if p.Licensed != usage.NotLicensed {
				row[5] = strconv.Itoa(p.Licensed)
			}
		}
		if !p.Gap() || denied != (usage.Count{}) { // denials may be known of where nothing else is
			row[6], row[7] = strconv.Itoa(denied.Denied), strconv.Itoa(denied.True)
		}
		rows = append(rows, row)
	}
	return w.WriteAll(rows)
}
