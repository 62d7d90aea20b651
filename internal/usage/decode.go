// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// Bounds of what is read: nothing that Encode writes comes near them.
const (
	maxPacked   = 4 << 20
	maxReasons  = 64
	maxText     = 300
	maxReplicas = 10_000
	// maxNumber bounds every number, so that sums of them stay numbers.
	maxNumber = math.MaxInt64 >> 16
)

// errPacked is what every text that Decode refuses is told.
var errPacked = errors.New("the history must be text that this version's Encode wrote, whole and unchanged")

// ErrLater is that a history is of a version that this program does not know.
var ErrLater = errors.New("this program knows version 1 alone")

// Decode reads a history from text. Empty text is a history that knows nothing. An error says that the text is none, or that it is of a version that this program does not know (ErrLater); what to do
// about it differs, so whoever tells people of it adds that.
func Decode(text string) (*History, error) {
	h := NewHistory()
	if text == "" {
		return h, nil
	}
	body, ok := strings.CutPrefix(text, encodingPrefix)
	if !ok {
		version, _, _ := strings.Cut(text, ":")
		if len(version) > 0 && len(version) < 5 && strings.Trim(version, "0123456789") == "" {
			return nil, fmt.Errorf("the history is of version %s, and %w", version, ErrLater)
		}
		return nil, errPacked
	}
	packed, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return nil, errPacked
	}
	rest := bytes.NewReader(packed)
	squeezed, err := zlib.NewReader(rest)
	if err != nil {
		return nil, errPacked
	}
	data, err := io.ReadAll(io.LimitReader(squeezed, maxPacked))
	if err != nil || len(data) == maxPacked || rest.Len() > 0 {
		return nil, errPacked
	}
	u := &unpacker{data: bytes.NewReader(data)}
	u.history(h)
	if u.failed || u.data.Len() > 0 {
		return nil, errPacked
	}
	return h, nil
}

// unpacker reads what a packer wrote. After a failure it reads zeros.
type unpacker struct {
	data   *bytes.Reader
	failed bool
}

func (u *unpacker) fail() { u.failed = true }

func (u *unpacker) natural() int64 {
	n, err := binary.ReadUvarint(u.data)
	if err != nil || n > maxNumber {
		u.fail()
		return 0
	}
	return int64(n)
}

func (u *unpacker) signed() int64 {
	n, err := binary.ReadVarint(u.data)
	if err != nil || n > maxNumber || n < -maxNumber {
		u.fail()
		return 0
	}
	return n
}

// count is a number of at most so many.
func (u *unpacker) count(most int) int {
	n := u.natural()
	if n > int64(most) {
		u.fail()
		return 0
	}
	return int(n)
}

func (u *unpacker) digest() uint64 {
	var eight [8]byte
	if _, err := io.ReadFull(u.data, eight[:]); err != nil {
		u.fail()
	}
	return binary.BigEndian.Uint64(eight[:])
}

func (u *unpacker) text() string {
	text := make([]byte, u.count(maxText))
	if _, err := io.ReadFull(u.data, text); err != nil {
		u.fail()
	}
	return string(text)
}

// within is a signed number between two.
func (u *unpacker) within(n, least, most int64) int {
	if n < least || n > most {
		u.fail()
		return int(least)
	}
	return int(n)
}

func (u *unpacker) history(h *History) {
	h.since, h.through, h.retention, h.late = u.natural(), u.natural(), u.natural(), u.count(math.MaxInt32)
	if h.through < h.since {
		u.fail()
	}
	for i := range models {
		h.open[i] = opening{level: u.count(math.MaxInt32), digest: u.digest()}
		h.licensed[i] = u.within(u.signed(), NotLicensed, math.MaxInt32)
	}
	reasons := make([]string, u.count(maxReasons))
	for i := range reasons {
		reasons[i] = u.text()
	}
	for i := range h.rings {
		u.ring(&h.rings[i], reasons)
	}
	for _, s := range []*spreads{&h.days, &h.weeks} {
		u.spreads(s)
	}
	for range u.count(maxReplicas) {
		replica := u.text()
		h.told[replica] = u.tally(reasons)
	}
	u.signIns(&h.signIns)
	if u.data.Len() > 0 {
		if h.disputed = u.natural(); h.disputed <= h.through {
			u.fail()
		}
	}
}

func (u *unpacker) ring(r *ring, reasons []string) {
	r.buckets = make([]bucket, u.count(2*r.keep))
	last := int64(0)
	for i := range r.buckets {
		step := u.natural()
		if step == 0 && i > 0 || step > maxNumber/r.length {
			u.fail()
			return
		}
		last += step
		r.buckets[i].start = last * r.length
	}
	for i := range r.buckets {
		r.buckets[i].covered = r.length - int64(u.count(int(r.length)))
	}
	for m := range models {
		before := int64(0)
		for i := range r.buckets {
			before = int64(u.within(before+u.signed(), NotLicensed, math.MaxInt32))
			r.buckets[i].uses[m].licensed = int(before)
		}
		for i := range r.buckets {
			seconds := likeness(r, i, m) + u.signed()
			if seconds < 0 || seconds > maxNumber {
				u.fail()
				return
			}
			r.buckets[i].uses[m].seconds = seconds
		}
		for i := range r.buckets {
			r.buckets[i].uses[m].peak = u.within(meanOf(r.buckets[i], m)+u.signed(), 0, math.MaxInt32)
		}
		for i := range r.buckets {
			r.buckets[i].uses[m].grants = u.count(math.MaxInt32)
		}
	}
	for i := range r.buckets {
		r.buckets[i].want = u.count(math.MaxInt32)
	}
	for _, reason := range reasons {
		u.reason(r.buckets, reason)
	}
}

// reason reads the columns of one reason's denials.
func (u *unpacker) reason(buckets []bucket, reason string) {
	counts := make([]Count, len(buckets))
	for i := range counts {
		counts[i].Denied = u.count(math.MaxInt32)
	}
	for i := range counts {
		counts[i].True = u.count(math.MaxInt32)
	}
	for i, n := range counts {
		if n == (Count{}) {
			continue
		}
		if buckets[i].denials == nil {
			buckets[i].denials = map[string]Count{}
		}
		buckets[i].denials[reason] = n
	}
}

func (u *unpacker) denials(reasons []string) map[string]Count {
	n := u.count(len(reasons))
	if n == 0 {
		return nil
	}
	denials := make(map[string]Count, n)
	for range n {
		i := u.count(len(reasons) - 1)
		denials[reasons[i]] = Count{Denied: u.count(math.MaxInt32), True: u.count(math.MaxInt32)}
	}
	return denials
}

func (u *unpacker) spreads(s *spreads) {
	s.list = make([]spread, u.count(2*s.keep))
	last := int64(-1)
	for i := range s.list {
		n := u.natural()
		if n <= last || n > maxNumber/s.length {
			u.fail()
			return
		}
		last = n
		s.list[i].start = n*s.length + s.offset
		s.list[i].seconds = make([]int64, u.count(stepOf(math.MaxInt32)+1))
		for k := range s.list[i].seconds {
			s.list[i].seconds[k] = int64(u.count(int(s.length)))
		}
	}
}

func (u *unpacker) signIns(s *signIns) {
	s.crowded = u.natural()
	user := int64(0)
	for range u.count(maxSignIns) {
		user += u.natural()
		if user > math.MaxUint32 {
			u.fail()
			return
		}
		s.days[uint32(user)] = u.natural() //nolint:gosec // at most MaxUint32, as just seen
	}
}

func (u *unpacker) tally(reasons []string) Tally {
	tally := Tally{}
	for range u.count(1000) {
		start := u.natural()
		if start > maxNumber/fineLength {
			u.fail()
			return nil
		}
		tally[start*fineLength] = u.denials(reasons)
	}
	return tally
}
