// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"slices"
)

// MaxEncoded is the longest text that Encode makes, in bytes: 100 KiB.
const MaxEncoded = 100 << 10

// encodingPrefix names the encoding's version.
const encodingPrefix = "1:"

// Encode packs the history into text of at most MaxEncoded bytes, all of it ASCII. One that does not fit loses the oldest of it until it does, hours first. Two models of
// 10,000 seats each, which go through all levels each day, fit with all of two years (TestTheLargestHistoryFits).
func (h *History) Encode() string {
	for {
		if text := h.encode(); len(text) <= MaxEncoded || !h.shorten() {
			return text
		}
	}
}

// shorten drops the oldest tenth of the hours down to a week, then of the days down to a quarter, then of what is left; false: nothing is.
func (h *History) shorten() bool {
	fine, hours, days := &h.rings[0], &h.rings[1], &h.rings[2]
	for _, least := range []struct {
		*ring
		buckets int
	}{{hours, 7 * 24}, {days, 91}, {fine, 0}, {hours, 0}, {days, 0}} {
		if n := len(least.ring.buckets); n > least.buckets {
			least.ring.buckets = least.ring.buckets[(n+9)/10:]
			return true
		}
	}
	return false
}

func (h *History) encode() string { return wrap(h.bytes()) }

// wrap makes text of bytes.
func wrap(data []byte) string {
	var packed bytes.Buffer
	packed.WriteString(encodingPrefix)
	text := base64.NewEncoder(base64.StdEncoding, &packed)
	squeezed := zlib.NewWriter(text)
	// Writing to memory cannot fail.
	_, _ = squeezed.Write(data)
	_ = squeezed.Close()
	_ = text.Close()
	return packed.String()
}

// packer writes numbers, small ones in few bytes.
type packer struct{ data []byte }

func (p *packer) natural(n int64)     { p.data = binary.AppendUvarint(p.data, uint64(max(0, n))) }
func (p *packer) signed(n int64)      { p.data = binary.AppendVarint(p.data, n) }
func (p *packer) digest(n uint64)     { p.data = binary.BigEndian.AppendUint64(p.data, n) }
func (p *packer) text(text string)    { p.natural(int64(len(text))); p.data = append(p.data, text...) }
func (p *packer) count(n int) *packer { p.natural(int64(n)); return p }

func (h *History) bytes() []byte {
	p := &packer{}
	p.natural(h.since)
	p.natural(h.through)
	p.natural(h.retention)
	p.natural(int64(h.late))
	for i := range models {
		p.natural(int64(h.open[i].level))
		p.digest(h.open[i].digest)
		p.signed(int64(h.licensed[i]))
	}
	reasons := h.reasons()
	p.count(len(reasons))
	for _, reason := range reasons {
		p.text(reason)
	}
	for i := range h.rings {
		p.ring(&h.rings[i], reasons)
	}
	for _, s := range []*spreads{&h.days, &h.weeks} {
		p.spreads(s)
	}
	p.count(len(h.told))
	for _, replica := range slices.Sorted(maps.Keys(h.told)) {
		p.text(replica)
		p.tally(h.told[replica], reasons)
	}
	p.signIns(&h.signIns)
	if h.disputed > h.through {
		p.natural(h.disputed)
	}
	return p.data
}

// reasons are those that occur, in order.
func (h *History) reasons() []string {
	found := map[string]bool{}
	for i := range h.rings {
		for _, b := range h.rings[i].buckets {
			for reason := range b.denials {
				found[reason] = true
			}
		}
	}
	for _, tally := range h.told {
		for _, denials := range tally {
			for reason := range denials {
				found[reason] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// ring is written by columns: neighbours resemble each other.
func (p *packer) ring(r *ring, reasons []string) {
	p.count(len(r.buckets))
	last := int64(0)
	for _, b := range r.buckets {
		p.natural(b.start/r.length - last)
		last = b.start / r.length
	}
	for _, b := range r.buckets {
		p.natural(r.length - b.covered)
	}
	for m := range models {
		var before use
		for _, b := range r.buckets {
			p.signed(int64(b.uses[m].licensed - before.licensed))
			before = b.uses[m]
		}
		for i, b := range r.buckets {
			p.signed(b.uses[m].seconds - likeness(r, i, m))
		}
		for _, b := range r.buckets {
			p.signed(int64(b.uses[m].peak) - meanOf(b, m))
		}
		for _, b := range r.buckets {
			p.natural(int64(b.uses[m].grants))
		}
	}
	for _, b := range r.buckets {
		p.count(b.want)
	}
	for _, reason := range reasons {
		for _, b := range r.buckets {
			p.count(b.denials[reason].Denied)
		}
		for _, b := range r.buckets {
			p.count(b.denials[reason].True)
		}
	}
}

// likeness is what a bucket's connection-seconds are likely to be near: those a day earlier, or in the ring of days a week.
func likeness(r *ring, i, m int) int64 {
	cycle := int(day / r.length)
	if cycle == 1 {
		cycle = 7
	}
	if i < cycle {
		return 0
	}
	return r.buckets[i-cycle].uses[m].seconds
}

// meanOf is near the peak, as a rule.
func meanOf(b bucket, m int) int64 {
	if b.covered == 0 {
		return 0
	}
	return b.uses[m].seconds / b.covered
}

func (p *packer) denials(denials map[string]Count, reasons []string) {
	p.count(len(denials))
	for i, reason := range reasons {
		if n, ok := denials[reason]; ok {
			p.count(i).count(n.Denied).count(n.True)
		}
	}
}

func (p *packer) spreads(s *spreads) {
	p.count(len(s.list))
	for _, one := range s.list {
		p.natural((one.start - s.offset) / s.length)
		p.count(len(one.seconds))
		for _, n := range one.seconds {
			p.natural(n)
		}
	}
}

func (p *packer) signIns(s *signIns) {
	p.natural(s.crowded)
	p.count(len(s.days))
	last := int64(0)
	for _, user := range slices.Sorted(maps.Keys(s.days)) {
		p.natural(int64(user) - last)
		p.natural(s.days[user])
		last = int64(user)
	}
}

func (p *packer) tally(t Tally, reasons []string) {
	p.count(len(t))
	for _, start := range slices.Sorted(maps.Keys(t)) {
		p.natural(start / fineLength)
		p.denials(t[start], reasons)
	}
}
