// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// Chart is what is drawn: the connections of one licensing model of one pool over a period (A5).
type Chart struct {
	Namespace, Pool string
	// Series is the data. Its points follow each other without a hole.
	Series *usage.Series
	// Connected is the number of connections that were open at the end of what is known, Series.Through.
	Connected int
	// Since is when the record began; zero: before the period. A young record fills the picture, as far as its points allow.
	Since time.Time
	// Now is when the chart is looked at; zero: at the series' end.
	Now time.Time
	// Zone is where the viewer's clock is; nil: UTC.
	Zone *time.Location
	// Note stands below the picture, in as many lines as it needs and has room for; advice, for example. Empty: none.
	Note string
	// Empty stands in the picture if nothing in the period is on record. The default says no more than that.
	Empty string
}

// Of is the chart of a pool's history, for a model and the period that ends now. Denials for want of a seat of the other model are not in it.
func Of(namespace, pool string, history *usage.History, model usage.Model, period usage.Period, now time.Time) *Chart {
	c := &Chart{Namespace: namespace, Pool: pool, Series: history.Series(model, period, now), Connected: history.Connected(model), Since: history.Since(), Now: now}
	c.Series.Denials = ofModel(model, c.Series.Denials)
	for i := range c.Series.Points {
		p := &c.Series.Points[i]
		p.Denials = ofModel(model, p.Denials)
	}
	return c
}

func (c *Chart) zone() *time.Location { return cmp.Or(c.Zone, time.UTC) }

// lag is how far the record of an idle pool may end in the past while all is well: the operator writes seldom where nothing happens, a quarter of an hour
// apart at most.
const lag = 20 * time.Minute

// leastPoints is how many points a picture has room for at least, however young the record is.
const leastPoints = 12

// from and to are the ends of the picture. It begins where the record does, since what was before is no gap, and ends where the record does, if that is as new as
// can be: what is still to come is no gap either.
func (c *Chart) from() time.Time {
	from := c.Series.From
	for _, p := range c.Series.Points {
		if p.Start.After(c.Since) || c.Series.To.Sub(p.Start) < leastPoints*c.Series.Step {
			break
		}
		from = p.Start
	}
	return from
}

func (c *Chart) to() time.Time {
	end, through := c.Series.To, c.Series.Through
	if !c.Now.IsZero() && c.Now.Before(end) {
		end = c.Now
	}
	if through.After(c.Series.From) && through.Before(end) && end.Sub(through) <= lag {
		return through
	}
	return end
}

// number writes a mean: with one decimal where it tells something.
func number(mean float64) string {
	if mean >= 100 || math.Abs(mean-math.Round(mean)) < 0.05 {
		return strconv.FormatFloat(mean, 'f', 0, 64)
	}
	return strconv.FormatFloat(mean, 'f', 1, 64)
}

// Title names the pool and the model.
func (c *Chart) Title() string {
	return printable(fmt.Sprintf("%s in %s: %s connections", c.Pool, c.Namespace, strings.ToLower(string(c.Series.Model))))
}

// subtitle is the period as the viewer writes it.
func (c *Chart) subtitle() string {
	const layout = "Mon 2 Jan 2006 15:04"
	period := string(c.Series.Period)
	if period != "" {
		period = strings.ToUpper(period[:1]) + period[1:] + ": "
	}
	return period + c.from().In(c.zone()).Format(layout) + " to " + c.to().In(c.zone()).Format(layout+" MST")
}

// exactly is the period in the unambiguous format (B7).
func (c *Chart) exactly() string {
	return c.written(c.from()) + " to " + c.written(c.to())
}

func (c *Chart) written(at time.Time) string { return at.In(c.zone()).Format(time.RFC3339) }

// Description tells in sentences what the picture shows, for those who do not see it.
func (c *Chart) Description() string {
	f := figuresOf(c.stretches())
	sentences := []string{c.subtitle(), c.exactly()}
	if f.last == nil {
		sentences = append(sentences, strings.TrimSuffix(c.emptyText(), "."))
	}
	sentences = append(sentences, c.sentences(f)...)
	return strings.Join(sentences, ". ") + "."
}

// span names a duration in the largest unit that divides it, as in "each hour", "each 5 min".
func span(d time.Duration) string {
	count, one, many := int(d/time.Minute), "minute", "min"
	switch {
	case d >= 24*time.Hour:
		count, one, many = int(d/(24*time.Hour)), "day", "days"
	case d >= time.Hour && d%time.Hour == 0:
		count, one, many = int(d/time.Hour), "hour", "h"
	}
	if count == 1 {
		return one
	}
	return strconv.Itoa(count) + " " + many
}

func (c *Chart) emptyText() string {
	return printable(cmp.Or(c.Empty, "No data yet: nothing was recorded in this period."))
}

func (c *Chart) note() string { return printable(c.Note) }

// printable is the text in one line, without what would move a terminal's cursor or be seen by nobody.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, strings.Join(strings.Fields(text), " "))
}
