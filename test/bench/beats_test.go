// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// side is one of those that take turns: what it did, the processor time of this process meanwhile, in which its clients run and the handlers too, and that of the
// API server with its etcd.
type side struct {
	times

	cpu       time.Duration
	apiServer float64 // seconds
}

// measure lets the clients do something n times more.
func (s *side) measure(n int, do func(i int) error) error {
	before, err := processorTimes()
	if err != nil {
		return err
	}
	began := ownTime()
	t, err := atOnce(n, do)
	if err != nil {
		return err
	}
	s.cpu += ownTime() - began
	after, err := processorTimes()
	for _, name := range []string{"kube-apiserver", "etcd"} {
		s.apiServer += after[name] - before[name]
	}
	s.each = append(s.each, t.each...)
	s.total += t.total
	return err
}

func (s *side) microseconds() float64 { return s.cpu.Seconds() * 1e6 / float64(len(s.each)) }

func (s *side) apiServerMicroseconds() float64 { return s.apiServer * 1e6 / float64(len(s.each)) }

// beatRound is one round of heartbeats, of a handler that does next to nothing, and of renewed Leases.
type beatRound struct {
	beats, bare, leases side
	// others is the share of all processors that other processes took.
	others float64
	// writes are those of sessions' statuses; allocs and bytes are the handler's own for one heartbeat.
	writes, allocs, bytes float64
}

var beatFigures = []figure[beatRound]{
	{"heartbeats/s", "heartbeats a second", func(r beatRound) float64 { return r.beats.perSecond() }},
	{"bare/s", "answers of the bare handler a second", func(r beatRound) float64 { return r.bare.perSecond() }},
	{"ratio", "ratio of the two", func(r beatRound) float64 { return r.beats.perSecond() / r.bare.perSecond() }},
	{"cpu-us/heartbeat", "processor time of a heartbeat, client and server, us", func(r beatRound) float64 { return r.beats.microseconds() }},
	{"cpu-us/bare", "processor time of a bare answer, client and server, us", func(r beatRound) float64 { return r.bare.microseconds() }},
	{"cpu-ratio", "ratio of these two, the other way around", func(r beatRound) float64 { return r.bare.microseconds() / r.beats.microseconds() }},
	{"p50-us", "time of a heartbeat, median, us", func(r beatRound) float64 { return 1000 * r.beats.quantile(0.5) }},
	{"p99-us", "time of a heartbeat, 99th percentile, us", func(r beatRound) float64 { return 1000 * r.beats.quantile(0.99) }},
	{"leases/s", "Leases renewed a second", func(r beatRound) float64 { return r.leases.perSecond() }},
	{"lease-ratio", "heartbeats for each Lease renewed", func(r beatRound) float64 { return r.beats.perSecond() / r.leases.perSecond() }},
	{"cpu-us/lease", "processor time of a renewal, API server and etcd alone, us", func(r beatRound) float64 { return r.leases.apiServerMicroseconds() }},
	{"lease-cpu-ratio", "ratio of that to a heartbeat's", func(r beatRound) float64 { return r.leases.apiServerMicroseconds() / r.beats.microseconds() }},
	{"api-writes/heartbeat", "API writes a heartbeat", func(r beatRound) float64 { return r.writes / float64(len(r.beats.each)) }},
	{"others-cpu", "share of the processors that other processes took", func(r beatRound) float64 { return r.others }},
	{"ns/op", "", func(r beatRound) float64 { return float64(r.beats.total.Nanoseconds()) / float64(len(r.beats.each)) }},
	{"allocs/op", "allocations of the handler for a heartbeat", func(r beatRound) float64 { return r.allocs }},
	{"B/op", "bytes that the handler allocates for a heartbeat", func(r beatRound) float64 { return r.bytes }},
}

// rememberedBeats are the rounds, for the summary.
var rememberedBeats []beatRound

// ownTime is this process's processor time.
func ownTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// busyTime is the processor time of the whole machine, in seconds, from Linux' /proc; what other virtual machines took away is in it.
func busyTime() (seconds float64) {
	const ticks = 100 // a second, on every Linux
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(stat), "\n")
	for i, field := range strings.Fields(first)[1:] {
		n, err := strconv.ParseFloat(field, 64)
		if idle := i == 3 || i == 4; err == nil && !idle && i < 8 { // the guests after the eighth are in the first two already
			seconds += n / ticks
		}
	}
	return seconds
}
