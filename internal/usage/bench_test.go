// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkTransition is a login and an end, and their part in what is told once a minute, while so many others are signed on.
func BenchmarkTransition(b *testing.B) {
	for _, others := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("among %d", others), func(b *testing.B) {
			line, h, now := NewTimeline(eight), NewHistory(), eight
			line.License(eight, NotLicensed, 2*others)
			for i := range others {
				name := fmt.Sprint("other-", i)
				line.Put(Session{ID: name, User: name, Model: Concurrent, Connection: name, Logon: eight})
			}
			line.Tell(h, now.Add(time.Second), time.Hour)
			for i := 0; b.Loop(); i++ {
				name := fmt.Sprint(i)
				s := Session{ID: name, User: name, Model: Concurrent, Connection: name, Logon: now}
				line.Put(s)
				s.Ended = now.Add(time.Second)
				line.Put(s)
				line.Gone(s.ID, s.Ended)
				if now = now.Add(100 * time.Millisecond); i%600 == 599 {
					line.Tell(h, now, time.Hour)
					line.Forget(h)
				}
			}
		})
	}
}

// BenchmarkStored is reading and writing a history of two years.
func BenchmarkStored(b *testing.B) {
	for _, seats := range []int{50, 10_000} {
		h := busyYears(seats)
		text := h.Encode()
		b.Run(fmt.Sprintf("encode %d seats", seats), func(b *testing.B) {
			for b.Loop() {
				h.Encode()
			}
			b.ReportMetric(float64(len(text)), "bytes")
		})
		b.Run(fmt.Sprintf("decode %d seats", seats), func(b *testing.B) {
			for b.Loop() {
				if _, err := Decode(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
