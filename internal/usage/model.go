// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package usage holds what became of a pool's seats over time: how many connections were open, how many seats there were, who was denied; and what follows from it for
// how many seats to buy (A5, A6). It is pure: plain values, no clock, no I/O.
//
// A level is the number of connections that are open in a second: those that began at or before its start and had not ended then. Records keep whole seconds, so
// levels, and what follows from them, are exact. A connection that ends within the second in which it began is in none of them.
package usage

import "time"

// Model is a licensing model: its connections and its seats.
type Model string

const (
	// Named connections are those of named accounts.
	Named Model = "Named"
	// Concurrent connections take a concurrent seat each.
	Concurrent Model = "Concurrent"
)

// models lists the models in the order in which pairs of numbers are kept.
var models = [2]Model{Named, Concurrent}

func (m Model) index() int {
	if m == Named {
		return 0
	}
	return 1
}

// NotLicensed is the licensed number of a model that a pool lacks (A4: N/A).
const NotLicensed = -1

// Period is how much of the past a chart or an advice is about.
type Period string

const (
	// Day is 24 hours.
	Day Period = "day"
	// Week is 7 days.
	Week Period = "week"
	// Month is 30 days.
	Month Period = "month"
	// Quarter is 91 days, 13 weeks.
	Quarter Period = "quarter"
	// Year is 364 days, 52 weeks.
	Year Period = "year"
)

// Periods lists the periods, the shortest first.
func Periods() []Period { return []Period{Day, Week, Month, Quarter, Year} }

// Length is how long the period is; 0: there is no such period.
func (p Period) Length() time.Duration {
	const day = 24 * time.Hour
	switch p {
	case Day:
		return day
	case Week:
		return 7 * day
	case Month:
		return 30 * day
	case Quarter:
		return 91 * day
	case Year:
		return 364 * day
	default:
		return 0
	}
}
