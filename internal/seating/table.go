// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

// Row is one model's row of the A4 table.
type Row struct {
	// Licensed is the seats bought; Used the seats taken; Available what is left, never negative.
	Licensed, Used, Available int
	// Accounts is the accounts of the type that exist, those without a seat included; Connected the live connections.
	Accounts, Connected int
}

// Table is the A4 table; a model that the pool lacks has no row.
type Table struct {
	Named, Concurrent *Row
}

// Table returns the counts as they now are.
func (l *Ledger) Table() Table { return l.tableWith(0, nil) }

// Table returns the counts as they will be once the plan is carried out.
func (p *Plan) Table() Table { return p.table }

func (l *Ledger) tableWith(moreHolders int, more map[Seat]int) Table {
	var t Table
	if l.rules.Named != nil {
		t.Named = row(*l.rules.Named, len(l.holders)+moreHolders)
		t.Named.Accounts = l.existing[Named]
		t.Named.Connected = l.live[Named] + more[Named]
	}
	if l.rules.Concurrent != nil {
		t.Concurrent = row(*l.rules.Concurrent, l.live[Concurrent]+more[Concurrent])
		t.Concurrent.Accounts = l.existing[Concurrent]
		t.Concurrent.Connected = t.Concurrent.Used
	}
	return t
}

func row(licensed, used int) *Row {
	return &Row{Licensed: licensed, Used: used, Available: max(0, licensed-used)}
}

// Availability sums the table up in a word.
type Availability string

const (
	// Available: a newcomer gets a seat.
	Available Availability = "Available"
	// NearlyExhausted: so too, but nine tenths of the seats are taken.
	NearlyExhausted Availability = "NearlyExhausted"
	// Exhausted: no seat is left.
	Exhausted Availability = "Exhausted"
	// Overcommitted: more are taken than the pool has.
	Overcommitted Availability = "Overcommitted"
)

// Availability is that of the concurrent seats, which newcomers take, where the pool has such; else of the named ones.
// That either model is overcommitted always shows.
func (t Table) Availability() Availability {
	for _, r := range []*Row{t.Concurrent, t.Named} {
		if r != nil && r.Used > r.Licensed {
			return Overcommitted
		}
	}
	r := t.Concurrent
	if r == nil {
		r = t.Named
	}
	switch {
	case r == nil || r.Available == 0:
		return Exhausted
	case 10*r.Used >= 9*r.Licensed:
		return NearlyExhausted
	default:
		return Available
	}
}
