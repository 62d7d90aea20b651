// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// none stands in a cell that has nothing to say, as kubectl's own does.
const none = "<none>"

// sessionsTable is the live grid (A7).
type sessionsTable struct {
	wide, namespaces, seats bool
	// events adds what happened before each row, and why after it: for those who watch.
	events bool
	reader grid.Reader
}

func (t *sessionsTable) header() []string {
	header := []string{"NAME", "USER", "CLIENT IP"}
	if t.seats {
		header = append(header, "SEAT")
	}
	header = append(header, "FULL NAME", "MODULE", "LAST ACTIVITY", "LOGON", "DURATION", "POOL", "STATE")
	if t.wide || t.events {
		header = append(header, "REASON")
	}
	if t.wide {
		header = append(header, "CLIENT HOST", "KEEP ALIVE", "UNSAVED WORK", "LAST ACTIVITY (LOCAL)", "LAST ACTIVITY (RFC 3339)", "LOGON (LOCAL)", "LOGON (RFC 3339)",
			"TIMEOUT (LOCAL)", "TIMEOUT (RFC 3339)")
	}
	if t.namespaces {
		header = append([]string{"NAMESPACE"}, header...)
	}
	if t.events {
		header = append([]string{"EVENT"}, header...)
	}
	return header
}

// atLeast is how many characters wide the columns are of who watches: rows come one by one, and a column that grows stands apart from the rows before. What has a vocabulary of its own fits; of what
// people write freely, most does.
var atLeast = map[string]int{
	"EVENT": len(eventStarted), "NAMESPACE": 12, "NAME": 24, "USER": 20, "CLIENT IP": len("255.255.255.255"), "SEAT": len(licensing.SeatConcurrent), "FULL NAME": 20, "MODULE": len("Network Inventory"),
	"LOGON": len("59m59s ago"), "POOL": 16, "STATE": len(licensing.SessionTerminated), "REASON": len(licensing.ExpiredSessionTerminated),
	"LAST ACTIVITY (LOCAL)": len("2006-01-02 15:04:05 CEST"), "LOGON (LOCAL)": len("2006-01-02 15:04:05 CEST"), "TIMEOUT (LOCAL)": len("2006-01-02 15:04:05 CEST"),
	"LOGON (RFC 3339)": len("2006-01-02T15:04:05Z"), "TIMEOUT (RFC 3339)": len("2006-01-02T15:04:05Z"), "CLIENT HOST": 20,
}

// columnGap is how many spaces stand between columns, as in all of kubectl's tables.
const columnGap = 3

// widths are those of the columns from the first row on, the gap included.
func (t *sessionsTable) widths() []int {
	var widths []int
	for _, title := range t.header() {
		widths = append(widths, max(len(title), atLeast[title])+columnGap)
	}
	return widths
}

func (t *sessionsTable) row(r *grid.Row, event string, now time.Time) []string {
	row := []string{r.Name, r.User, orNone(r.ClientIP)}
	if t.seats {
		row = append(row, t.seat(r))
	}
	row = append(row, orNone(r.FullName), r.Module, ago(r.LastActivity, now), ago(r.Logon, now), lasted(r), r.Pool, string(r.State))
	if t.wide || t.events {
		row = append(row, orNone(r.Reason))
	}
	if t.wide {
		row = append(row, orNone(r.ClientHost), truth(r.KeepAlive), truth(&r.UnsavedWork),
			orNone(t.reader.Own(r.LastActivity)), orNone(grid.Exact(r.LastActivity)), orNone(t.reader.Own(r.Logon)), orNone(grid.Exact(r.Logon)),
			orNone(t.reader.Own(r.Timeout)), orNone(grid.Exact(r.Timeout)))
	}
	if t.namespaces {
		row = append([]string{r.Namespace}, row...)
	}
	if t.events {
		row = append([]string{event}, row...)
	}
	return row
}

// seat is the seat's type, where it tells something (A7); in the wide table always.
func (t *sessionsTable) seat(r *grid.Row) string {
	if !r.ShowSeat && !t.wide && r.Seat != licensing.SeatUncounted {
		return none
	}
	return orNone(string(r.Seat))
}

func orNone(text string) string {
	if text == "" {
		return none
	}
	return text
}

// ago says how long ago something was, with its unit.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return none
	}
	return duration.HumanDuration(max(0, now.Sub(t))) + " ago"
}

// lasted is the duration of A7, with its units.
func lasted(r *grid.Row) string {
	d, ok := r.Duration()
	if !ok {
		return none
	}
	return grid.Period(d)
}

func truth(b *bool) string {
	switch {
	case b == nil:
		return none
	case *b:
		return "Yes"
	default:
		return "No"
	}
}
