// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// round is what one round of logins, and as many times the ceiling, took and cost.
type round struct {
	logins, ceiling         times
	loginsCost, ceilingCost counters
}

func (t times) perSecond() float64 { return float64(len(t.each)) / t.total.Seconds() }

// quantile is the time, in milliseconds, that this share of them did not exceed.
func (t times) quantile(q float64) float64 {
	each := slices.Sorted(slices.Values(t.each))
	return float64(each[int(q*float64(len(each)-1))]) / float64(time.Millisecond)
}

// figure is one of a round's, by the unit that benchstat knows it by, and what people read; that is empty where another of the figures says the same.
type figure[R any] struct {
	unit, name string
	of         func(R) float64
}

// figures are those of logins. One login costs as many milliseconds as a thousand cost seconds.
var figures = []figure[round]{
	{"logins/s", "logins a second", func(r round) float64 { return r.logins.perSecond() }},
	{"ceiling/s", "ceiling: a session created and its status written once, a second", func(r round) float64 { return r.ceiling.perSecond() }},
	{"ratio", "ratio of the two", func(r round) float64 { return r.logins.perSecond() / r.ceiling.perSecond() }},
	{"p50-ms", "time of a login, median, ms", func(r round) float64 { return r.logins.quantile(0.5) }},
	{"p99-ms", "time of a login, 99th percentile, ms", func(r round) float64 { return r.logins.quantile(0.99) }},
	{"ceiling-p50-ms", "time of the ceiling's two writes, median, ms", func(r round) float64 { return r.ceiling.quantile(0.5) }},
	{"api-writes/login", "API writes a login", func(r round) float64 { return r.perLogin(request.writes) }},
	{"api-reads/login", "API reads a login", func(r round) float64 { return r.perLogin(func(q request) bool { return !q.writes() }) }},
	{"pool-writes/login", "pool writes a login", func(r round) float64 {
		return r.perLogin(func(q request) bool { return q.resource == "licensepools/status" && q.writes() })
	}},
	{"reconciles/login", "reconciles a login", func(r round) float64 { return r.loginsCost.reconciles / r.n() }},
	{"operator-cpu-ms/login", "operator's processor time, s a 1000 logins", func(r round) float64 { return 1000 * r.loginsCost.cpu["seatkeeper"] / r.n() }},
	{"cpu-ms/login", "processor time of all, s a 1000 logins", func(r round) float64 { return 1000 * r.loginsCost.total() / r.n() }},
	{"cpu-ms/ceiling", "processor time of all, s a 1000 times the ceiling", func(r round) float64 { return 1000 * r.ceilingCost.total() / r.n() }},
	{"cpu-ratio", "ratio of these two", func(r round) float64 { return r.ceilingCost.total() / r.loginsCost.total() }},
	// What the testing package would measure itself is the whole round's, and the benchmark's own memory.
	{"ns/op", "", func(r round) float64 { return float64(r.logins.total.Nanoseconds()) / r.n() }},
	{"allocs/op", "operator's allocations a login", func(r round) float64 { return r.loginsCost.operatorAllocs / r.n() }},
	{"B/op", "operator's bytes allocated a login", func(r round) float64 { return r.loginsCost.operatorBytes / r.n() }},
}

func (r round) n() float64 { return float64(len(r.logins.each)) }

func (r round) perLogin(fits func(request) bool) float64 { return r.loginsCost.count(fits) / r.n() }

func reportFigures[R any](b *testing.B, figures []figure[R], r R) {
	b.Helper()
	for _, f := range figures {
		if v := f.of(r); !math.IsNaN(v) {
			b.ReportMetric(v, f.unit)
		}
	}
}

// remembered are the rounds of each benchmark, for the summary.
var remembered = map[string][]round{}

func remember(benchmark string, r round) { remembered[benchmark] = append(remembered[benchmark], r) }

// printUnits tells benchstat of which figures more is better; of the others it is less, or follows from the name.
func printUnits(to io.Writer) {
	fmt.Fprint(to, "Unit ratio better=higher\nUnit cpu-ratio better=higher\nUnit lease-ratio better=higher\nUnit lease-cpu-ratio better=higher\n")
}

// printSummaries prints what people read; benchstat skips it.
func printSummaries(to io.Writer) {
	for _, name := range slices.Sorted(maps.Keys(remembered)) {
		rounds := remembered[name]
		fmt.Fprintf(to, "\n%s: median (least to most) of %d rounds of %d logins by %d clients\n", strings.TrimPrefix(name, "Benchmark"), len(rounds), int(rounds[0].n()), clients)
		printFigures(to, figures, rounds)
		printCosts(to, rounds)
	}
	if n := len(rememberedBeats); n > 0 {
		first := rememberedBeats[0]
		fmt.Fprintf(to, "\nHeartbeat: median (least to most) of %d rounds of %d heartbeats, as many bare answers and %d Leases, by %d clients\n",
			n, len(first.beats.each), len(first.leases.each), clients)
		printFigures(to, beatFigures, rememberedBeats)
	}
}

// printFigures prints a line a figure.
func printFigures[R any](to io.Writer, figures []figure[R], rounds []R) {
	for _, f := range figures {
		if f.name == "" {
			continue
		}
		var values []float64
		for _, r := range rounds {
			values = append(values, f.of(r))
		}
		slices.Sort(values)
		if math.IsNaN(values[0]) {
			continue // this machine does not tell
		}
		fmt.Fprintf(to, "  %-62s %s (%s to %s)\n", f.name, number(median(values)), number(values[0]), number(values[len(values)-1]))
	}
}

// printCosts prints what the logins were made of: processor time and requests.
func printCosts(to io.Writer, rounds []round) {
	logins := 0.0
	loginCPU, ceilingCPU, requests := map[string]float64{}, map[string]float64{}, map[request]float64{}
	for _, r := range rounds {
		logins += r.n()
		add(loginCPU, r.loginsCost.cpu)
		add(ceilingCPU, r.ceilingCost.cpu)
		add(requests, r.loginsCost.requests)
	}
	fmt.Fprintf(to, "  processor time by process, s a 1000 logins (and a 1000 times the ceiling)\n")
	for _, process := range byValue(loginCPU) {
		fmt.Fprintf(to, "    %-60s %s (%s)\n", process, number(1000*loginCPU[process]/logins), number(1000*ceilingCPU[process]/logins))
	}
	fmt.Fprintf(to, "  requests a login\n")
	for _, q := range byValue(requests) {
		fmt.Fprintf(to, "    %-60s %s\n", q.verb+" "+q.resource+" "+q.code, number(requests[q]/logins))
	}
}

func add[K comparable](to, values map[K]float64) {
	for k, v := range values {
		to[k] += v
	}
}

// byValue returns the keys, that of the greatest value first.
func byValue[K comparable](values map[K]float64) []K {
	return slices.SortedFunc(maps.Keys(values), func(x, y K) int {
		return cmp.Or(cmp.Compare(values[y], values[x]), cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)))
	})
}

// median is that of sorted values.
func median(values []float64) float64 {
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// number writes a number with three digits or more.
func number(v float64) string {
	if v >= 99.5 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
