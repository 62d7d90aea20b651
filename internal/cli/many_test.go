// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"testing"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

const (
	many = 10_000
	// mostMemory is how much the heap may grow while many sessions are printed: the pages that are held at a time are some 3 MB, all the sessions would be some 40 MB.
	mostMemory = 24 << 20
)

// lists is how many lists of sessions the API server has answered.
func (s *site) lists(t *testing.T) int {
	t.Helper()
	text, err := s.Kubectl(t.Context(), "get", "--raw", "/metrics")
	check(t, err)
	total := 0
	for _, m := range regexp.MustCompile(`(?m)^apiserver_request_total\{[^}]*resource="usersessions"[^}]*verb="LIST"[^}]*\} (\d+)`).FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		check(t, err)
		total += n
	}
	return total
}

// meter counts lines and watches the heap.
type meter struct {
	lines, writes int
	start, most   uint64
}

func (m *meter) Write(p []byte) (int, error) {
	m.writes++
	m.lines += bytes.Count(p, []byte("\n"))
	if m.writes%2000 == 1 {
		m.most = max(m.most, heap())
	}
	return len(p), nil
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func (s *site) tenThousand(t *testing.T) {
	ctx := t.Context()
	const ns = "many"
	s.namespace(t, ns)
	s.make(t, maker.MakeLicensePool("service-desk").Namespace(ns).Named(many).Concurrent(many).Obj())
	next := make(chan int)
	var group sync.WaitGroup
	failures := make(chan error, 16)
	for range 16 {
		group.Go(func() {
			for i := range next {
				if err := s.API.Create(ctx, session(fmt.Sprintf("user-%05d", i), ns).FullName("Somebody With A Name").ClientIP("192.0.2.17").ClientHost("a-host").UserAgent("A program/1.2.3 (a machine)").Obj()); err != nil {
					select {
					case failures <- err:
					default:
					}
				}
			}
		})
	}
	for i := range many {
		next <- i
	}
	close(next)
	group.Wait()
	select {
	case err := <-failures:
		t.Fatal(err)
	default:
	}

	for _, format := range []string{"table", "json", "yaml"} {
		t.Run("are printed in pages, as "+format, func(t *testing.T) {
			m := &meter{}
			user := s.viewer
			user.change = func(e *Environment) { e.Streams.Out, e.Streams.ErrOut = m, os.Stderr }
			before := s.lists(t)
			m.start = heap()
			_, _, err := user.seats(ctx, "sessions", "-n", ns, "-o", format)
			check(t, err)
			if format == "table" && m.lines != many+1 {
				t.Errorf("%d lines", m.lines)
			}
			if got := s.lists(t) - before; got != many/defaultChunk {
				t.Errorf("%d lists, want %d", got, many/defaultChunk)
			}
			grown := int64(m.most) - int64(m.start)
			t.Logf("%s: %d lines in %d writes, the heap grew by %d KiB", format, m.lines, m.writes, grown>>10)
			if !raceEnabled && grown > mostMemory { // the detector has memory of its own
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
		})
	}
	t.Run("are printed before they are all read", func(t *testing.T) {
		reader, writer := io.Pipe()
		user := s.viewer
		user.change = func(e *Environment) { e.Streams.Out = writer }
		before := s.lists(t)
		done := make(chan error, 1)
		go func() {
			_, _, err := user.seats(ctx, "sessions", "-n", ns, "--no-headers")
			done <- err
			_ = writer.Close()
		}()
		first := make([]byte, 100)
		_, err := io.ReadFull(reader, first)
		check(t, err)
		if got := s.lists(t) - before; got > 2 {
			t.Errorf("the first session came after %d lists", got)
		}
		_, err = io.Copy(io.Discard, reader)
		check(t, err)
		check(t, <-done)
	})
	check(t, s.API.DeleteAllOf(ctx, &licensing.UserSession{}, inNamespace(ns)))
}
