// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"encoding/base64"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var allReasons = []string{
	"SeatsExhausted", "WaitExpired", "AccountRequired", "AccountDisabled", "AccountNotLicensed", "ModelNotLicensed", "PoolNotInForce", "UserLimitReached",
}

// busyYears is two years of a pool with so many seats of each model, whose levels go up and down through the whole range each day, by their own ways, with denials day and night.
func busyYears(seats int) *History {
	random := rand.New(rand.NewPCG(1, 2))
	h := NewHistory()
	h.begin(eight.Add(-731 * 24 * time.Hour).Unix())
	level := func(second int64) opening {
		of := 12*hour - mod(second, day)
		if of < 0 {
			of = -of
		}
		return opening{level: min(seats, max(0, seats*int(12*hour-of)/int(12*hour)+random.IntN(seats/10)-seats/20))}
	}
	for h.through < eight.Unix() {
		h.add(h.through+20+random.Int64N(20), [2]opening{level(h.through), level(h.through + 5000)}, [2]int{seats, seats})
		if random.IntN(20) == 0 {
			h.addDenials(h.through-1, allReasons[random.IntN(4)], Count{1 + random.IntN(3), random.IntN(2)})
			h.addGrant(h.through-1, models[random.IntN(2)], 0)
		}
	}
	for range 6 {
		tally := Tally{}
		for range 12 {
			tally.Add(eight.Add(-time.Duration(random.IntN(60))*time.Minute), allReasons[random.IntN(len(allReasons))], Count{random.IntN(1000), random.IntN(100)})
		}
		h.Fold(map[string]Tally{"seatkeeper-" + strings.Repeat("r", random.IntN(60)): tally}, eight)
	}
	return h
}

func TestTheLargestHistoryFits(t *testing.T) {
	h := busyYears(10_000)
	if n := [3]int{len(h.rings[0].buckets), len(h.rings[1].buckets), len(h.rings[2].buckets)}; n != [3]int{fineKept, hoursKept, daysKept} {
		t.Fatalf("the rings are not full: %v", n)
	}
	raw := len(h.bytes())
	text := h.Encode()
	t.Logf("%d bytes packed, %d as text", raw, len(text))
	if len(text) > MaxEncoded {
		t.Errorf("%d bytes", len(text))
	}
	if n := [3]int{len(h.rings[0].buckets), len(h.rings[1].buckets), len(h.rings[2].buckets)}; n != [3]int{fineKept, hoursKept, daysKept} {
		t.Errorf("it lost some of its past: %v", n)
	}
}

// TestNothingIsTooLarge: what nothing can press together, with a million seats, loses of its oldest hours and days.
func TestNothingIsTooLarge(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	h := NewHistory()
	h.since, h.through = eight.Add(-731*24*time.Hour).Unix(), eight.Unix()
	for i := range h.rings {
		r := &h.rings[i]
		for n := r.keep - 1; n >= 0; n-- {
			b := r.at(eight.Unix() - 1 - int64(n)*r.length)
			b.covered = random.Int64N(r.length)
			for m := range b.uses {
				b.uses[m] = use{seconds: random.Int64N(r.length * 1_000_000), peak: random.IntN(1_000_000), licensed: random.IntN(1_000_000), grants: random.IntN(1_000_000)}
			}
			b.denials = map[string]Count{}
			for _, reason := range allReasons {
				b.denials[reason] = Count{random.IntN(100_000), random.IntN(100_000)}
			}
		}
	}
	for _, s := range []*spreads{&h.days, &h.weeks} {
		for n := s.keep - 1; n >= 0; n-- {
			one := s.at(eight.Unix() - 1 - int64(n)*s.length)
			for level := 0; level < 1_000_000; level += 1 + level/16 {
				one.add(level, random.Int64N(1000))
			}
		}
	}
	before := len(h.rings[1].buckets)
	text := h.Encode()
	if len(text) > MaxEncoded {
		t.Fatalf("%d bytes", len(text))
	}
	stored, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes; %d of %d hours, %d of %d fine buckets, %d of %d days are left", len(text), len(stored.rings[1].buckets), before, len(stored.rings[0].buckets), fineKept, len(stored.rings[2].buckets), daysKept)
	if len(stored.rings[0].buckets) < 400 || len(stored.rings[1].buckets) < 6*24 || len(stored.rings[2].buckets) < 80 {
		t.Error("it lost too much")
	}
	if len(stored.weeks.list) != spreadWeeksKept || len(stored.days.list) != spreadDaysKept {
		t.Error("it lost of its levels")
	}
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		stored, err := Decode(h.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(plainHistory(stored), plainHistory(h)) {
			t.Errorf("%+v\nand not\n%+v", stored, h)
		}
		if again := stored.Encode(); again != h.Encode() {
			t.Error("encoded again it is another text: each write would change it")
		}
	})
}

func drawHistory(t *rapid.T) *History {
	h := NewHistory()
	h.begin(eight.Unix())
	for range rapid.IntRange(0, 30).Draw(t, "stretches") {
		to := h.through + rapid.Int64Range(1, 3*day).Draw(t, "lasts")
		switch rapid.IntRange(0, 4).Draw(t, "what") {
		case 0:
			h.begin(to)
		case 1: // a teller whose clock says something else
			h.Resume(instant(max(0, h.through+rapid.Int64Range(-60*365*day, 400*day).Draw(t, "clock"))))
		default:
			opened := func(name string) opening {
				return opening{level: rapid.IntRange(0, 20_000).Draw(t, name), digest: rapid.Uint64().Draw(t, "digest")}
			}
			h.add(to, [2]opening{opened("named"), opened("concurrent")}, [2]int{rapid.IntRange(-1, 30).Draw(t, "named seats"), rapid.IntRange(-1, 20_000).Draw(t, "seats")})
			h.addDenials(to-1, rapid.SampledFrom(allReasons).Draw(t, "reason"), Count{rapid.IntRange(1, 100).Draw(t, "denied"), rapid.IntRange(0, 100).Draw(t, "true")})
			h.addGrant(to-1, Concurrent, 0)
		}
	}
	h.retention, h.late = rapid.Int64Range(0, 30*day).Draw(t, "retention"), rapid.IntRange(0, 9).Draw(t, "late")
	return h
}

// plainHistory is a history in which what is empty is so in one way.
func plainHistory(h *History) *History {
	c := *h
	if c.disputed <= c.through {
		c.disputed = 0
	}
	for i := range c.rings {
		if len(c.rings[i].buckets) == 0 {
			c.rings[i].buckets = nil
		}
	}
	for _, s := range []*spreads{&c.days, &c.weeks} {
		if len(s.list) == 0 {
			s.list = nil
		}
	}
	return &c
}

func TestWhatIsNoHistoryIsRefusedInOneSentence(t *testing.T) {
	good := busyYears(40).Encode()
	squeezed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(good, encodingPrefix))
	if err != nil {
		t.Fatal(err)
	}
	squeezed[len(squeezed)/2] ^= 0x10
	for name, text := range map[string]string{
		"another text": "hello", "cut off": good[:len(good)-9], "the prefix alone": "1:", "no base64": "1:%%%%", "changed": encodingPrefix + base64.StdEncoding.EncodeToString(squeezed),
		"doubled": good + good[2:],
	} {
		if h, err := Decode(text); err == nil {
			t.Errorf("%s: accepted, through %s", name, h.Through())
		} else if !strings.Contains(err.Error(), "must be text that this version's Encode wrote") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Decode("2:eJw="); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("a later version: %v", err)
	}
	if h, err := Decode(""); err != nil || !h.Since().IsZero() {
		t.Errorf("no text at all: %+v, %v", h, err)
	}
}

// FuzzDecode: whatever is decoded is a history that can be asked, told more and encoded; nothing panics.
func FuzzDecode(f *testing.F) {
	f.Add("", false)
	f.Add(NewHistory().Encode(), false)
	h := NewHistory()
	h.begin(eight.Unix())
	h.add(h.through+400, [2]opening{{level: 2}, {level: 3, digest: 7}}, [2]int{5, NotLicensed})
	h.begin(h.through + 9000)
	h.add(h.through+30*hour, [2]opening{{}, {level: 40}}, [2]int{NotLicensed, 50})
	h.addDenials(h.through-7, reasonSeatsExhausted, Count{3, 2})
	h.addGrant(h.through-7, Concurrent, 0)
	h.Fold(map[string]Tally{"r": {h.through - mod(h.through, fineLength): {"A": {5, 1}}}}, instant(h.through))
	f.Add(h.Encode(), false)
	f.Add(string(h.bytes()), true)
	h.Resume(eight)
	f.Add(string(NewHistory().bytes()), true)
	f.Add(string(h.bytes()), true)
	f.Fuzz(func(t *testing.T, text string, raw bool) {
		if raw { // past the checksum
			text = wrap([]byte(text))
		}
		h, err := Decode(text)
		if err != nil {
			return
		}
		for _, period := range Periods() {
			for _, model := range models {
				h.Series(model, period, eight)
				h.Advise(Question{Model: model, Period: period, Now: eight})
			}
		}
		line := NewTimeline(eight)
		line.License(eight, 5, NotLicensed)
		h.Resume(eight)
		line.Tell(h, eight.Add(time.Minute), time.Hour)
		if n := len(h.Encode()); n > MaxEncoded {
			t.Errorf("%d bytes", n)
		}
	})
}
