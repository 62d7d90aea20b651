// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// counters are what the processes have counted since they started, or between two readings.
type counters struct {
	// requests are those of the product's kinds and of Events that the API server has answered, watches aside.
	requests map[request]float64
	// cpu is the processor time that each process has taken, in seconds.
	cpu map[string]float64
	// What the operator has allocated on its heap, and how often it has reconciled.
	operatorAllocs, operatorBytes, reconciles float64
}

// request is a kind of request to the API server, such as PATCH usersessions/status 200.
type request struct{ verb, resource, code string }

// writes says whether requests of this kind are meant to change something. One that lost a race is a write as well: it costs as much.
func (r request) writes() bool { return r.verb != "GET" && r.verb != "LIST" }

// read reads all counters.
func (s *stage) read(ctx context.Context) (counters, error) {
	c := counters{requests: map[request]float64{}}
	apiServer, err := s.raw.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return c, err
	}
	operator, err := s.operatorSays(ctx)
	if err != nil {
		return c, err
	}
	for m := range series(string(apiServer), "apiserver_request_total") {
		if (m.labels["group"] != licensing.GroupVersion.Group && m.labels["resource"] != "events") || m.labels["verb"] == "WATCH" {
			continue
		}
		r := request{m.labels["verb"], m.labels["resource"], m.labels["code"]}
		if sub := m.labels["subresource"]; sub != "" {
			r.resource += "/" + sub
		}
		c.requests[r] += m.value
	}
	for m := range series(operator, "go_memstats_mallocs_total", "go_memstats_alloc_bytes_total", "controller_runtime_reconcile_total") {
		switch m.name {
		case "go_memstats_mallocs_total":
			c.operatorAllocs = m.value
		case "go_memstats_alloc_bytes_total":
			c.operatorBytes = m.value
		case "controller_runtime_reconcile_total":
			c.reconciles += m.value
		}
	}
	c.cpu, err = processorTimes()
	return c, err
}

// since returns what was counted since an earlier reading.
func (c counters) since(before counters) counters {
	requests := map[request]float64{}
	for r, n := range c.requests {
		if n -= before.requests[r]; n > 0 {
			requests[r] = n
		}
	}
	cpu := map[string]float64{}
	for process, seconds := range c.cpu {
		cpu[process] = seconds - before.cpu[process]
	}
	return counters{
		requests:       requests,
		cpu:            cpu,
		operatorAllocs: c.operatorAllocs - before.operatorAllocs,
		operatorBytes:  c.operatorBytes - before.operatorBytes,
		reconciles:     c.reconciles - before.reconciles,
	}
}

// count adds up the requests that fit.
func (c counters) count(fits func(request) bool) (n float64) {
	for r, m := range c.requests {
		if fits(r) {
			n += m
		}
	}
	return n
}

// total is the processor time of all processes.
func (c counters) total() (seconds float64) {
	for _, s := range c.cpu {
		seconds += s
	}
	return seconds
}

// processorTimes reads from Linux' /proc what this process and its children have taken; elsewhere nothing is known.
func processorTimes() (map[string]float64, error) {
	const ticks = 100 // a second, on every Linux
	own := strconv.Itoa(os.Getpid())
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	seconds := map[string]float64{}
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid ..., and the times as fields 14 and 15; a name may hold anything.
		text := string(stat)
		opened, closed := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
		pid, name, fields := strings.TrimSpace(text[:opened]), text[opened+1:closed], strings.Fields(text[closed+1:])
		if pid == own {
			name = "clients"
		} else if fields[1] != own {
			continue
		}
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		seconds[name] += (user + system) / ticks
	}
	return seconds, nil
}

// operatorSays returns the operator's metrics.
func (s *stage) operatorSays(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.operatorMetrics, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the operator's metrics: %s", answer.Status)
	}
	return string(body), err
}

// operatorRests waits until the operator has nothing left to do.
func (s *stage) operatorRests(ctx context.Context) error {
	last, quiet := -1.0, 0
	for quiet < 3 {
		said, err := s.operatorSays(ctx)
		if err != nil {
			return err
		}
		busy, reconciled := 0.0, 0.0
		for m := range series(said, "workqueue_depth", "controller_runtime_active_workers", "controller_runtime_reconcile_total") {
			if m.name == "controller_runtime_reconcile_total" {
				reconciled += m.value
			} else {
				busy += m.value
			}
		}
		if quiet++; busy > 0 || reconciled != last {
			quiet = 0
		}
		last = reconciled
		select {
		case <-ctx.Done():
			return fmt.Errorf("the operator does not come to rest: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

var label = regexp.MustCompile(`(\w+)="([^"]*)"`)

// metric is one line of metrics.
type metric struct {
	name   string
	labels map[string]string
	value  float64
}

// series goes through the metrics of these names in a text of Prometheus' format.
func series(text string, names ...string) iter.Seq[metric] {
	return func(yield func(metric) bool) {
		for line := range strings.Lines(text) {
			end := strings.IndexAny(line, "{ ")
			if end < 0 || !slices.Contains(names, line[:end]) {
				continue
			}
			space := strings.LastIndexByte(line, ' ')
			value, err := strconv.ParseFloat(strings.TrimSpace(line[space:]), 64)
			if err != nil {
				continue
			}
			labels := map[string]string{}
			for _, pair := range label.FindAllStringSubmatch(line[end:], -1) {
				labels[pair[1]] = pair[2]
			}
			if !yield(metric{line[:end], labels, value}) {
				return
			}
		}
	}
}
