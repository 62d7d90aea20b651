// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The reasons of denials for want of a seat: more seats would have prevented them. Of others, such as a disabled account, no number of seats would.
const (
	reasonSeatsExhausted = "SeatsExhausted"
	reasonWaitExpired    = "WaitExpired"
)

// DormantAfter is how long an account must not have signed in to be called dormant.
const DormantAfter = 90 * 24 * time.Hour

// headroom is what is left free where the advice says so.
const headroom = 0.10

// Unknown is a number of accounts that nobody knows.
const Unknown = -1

// Question asks for advice (A6).
type Question struct {
	Model  Model
	Period Period
	Now    time.Time
	// Share is how much of the demand may be turned away, from 0 (nobody) to 1. Concurrent seats only.
	Share float64
	// Held is the number of named seats that accounts hold (status.named.used of the pool), Dormant how many of those accounts did not sign in for 90 days
	// (status.named.dormantAccounts of the LicenseUsage). Unknown where they are not known. Named seats only.
	Held, Dormant int
}

// Advice is how many seats would have been enough, and why.
type Advice struct {
	Model  Model
	Period Period
	// From and Through are what it is about, UTC: whole days for a day, a week and a month, and whole weeks for a quarter and a year, up to what the history tells.
	From, Through time.Time
	// Covered is how much of that is known. 0: nothing is, and there is no advice but the Reasoning that says so.
	Covered time.Duration
	// Licensed is the number of seats at Through; NotLicensed: the pool lacks the model.
	Licensed int
	// Peak is the most connections open at once.
	Peak int
	// Denials are those for want of a seat, of any model; Grants the sessions of the model that got one.
	Denials Count
	Grants  int
	// Enough is the smallest number of seats that would have turned away at most Share of the demand; Unknown: it cannot be told. Comfortable is a tenth more.
	Enough, Comfortable int
	// Share is what was asked for, Turned how much of the demand Enough seats would have turned away, as far as it can be told.
	Share, Turned float64
	// Held and Dormant are as asked.
	Held, Dormant int
	// Reasoning says in sentences how it comes.
	Reasoning string
}

// Advise says how many seats would have been enough.
//
// Concurrent: with n seats, whatever use there was above n would not have found a seat. Its share of the demand is the time that connections were open above n, of all the
// time that connections were open, which is known from the time spent at each level: exactly up to level 31, above to within one part in sixteen, and never too low. Users who were truly denied
// for want of a seat are demand as well; when they alone are more than the share, more seats than there are would have been needed: at least by those
// of the worst five minutes.
//
// Named: an account needs a seat whether it is signed on or not, so what was enough is the seats held, less those of accounts that did not sign in for 90 days.
func (h *History) Advise(q Question) *Advice {
	from := q.Now.Unix() - int64(q.Period.Length()/time.Second)
	levels := &h.days
	if q.Period.Length() > Month.Length() {
		levels = &h.weeks
	}
	sum, start := levels.from(from, q.Now.Unix())
	a := &Advice{
		Model: q.Model, Period: q.Period, From: instant(max(start, h.since)), Through: h.Through(), Licensed: h.Licensed(q.Model), Share: q.Share, Held: q.Held, Dormant: q.Dormant,
		Enough: Unknown, Comfortable: Unknown,
	}
	total := newBucket(start)
	for _, b := range h.rings[2].buckets {
		if b.start >= start && b.start < q.Now.Unix() {
			total = total.merge(b)
		}
	}
	use := total.uses[q.Model.index()]
	a.Covered, a.Peak, a.Grants, a.Denials = time.Duration(total.covered)*time.Second, use.peak, use.grants, wantOf(total.denials)
	switch {
	case a.Covered == 0:
		a.Reasoning = "Nothing is known of this time yet."
	case use.licensed == NotLicensed:
		a.Reasoning = fmt.Sprintf("The pool had no %s seats in this time.", strings.ToLower(string(q.Model)))
	case q.Model == Named:
		a.adviseNamed(h)
	default:
		a.adviseConcurrent(sum, total.want)
	}
	return a
}

// wantOf adds up the denials for want of a seat.
func wantOf(denials map[string]Count) Count {
	return denials[reasonSeatsExhausted].plus(denials[reasonWaitExpired])
}

func (a *Advice) adviseConcurrent(levels spread, want int) {
	denied := 0.0
	if a.Denials.True > 0 {
		denied = float64(a.Denials.True) / float64(a.Denials.True+a.Grants)
	}
	if denied > a.Share {
		a.Enough, a.Turned = max(a.Peak, a.Licensed)+want, 0
	} else {
		// The share that is turned away falls as seats are added: look for the first that are enough.
		low, high := 0, a.Peak
		for low < high {
			if middle := (low + high) / 2; denied+levels.above(middle, a.Peak) <= a.Share {
				high = middle
			} else {
				low = middle + 1
			}
		}
		a.Enough, a.Turned = low, denied+levels.above(low, a.Peak)
	}
	a.Comfortable = a.Enough
	if a.Enough > 0 {
		a.Comfortable = max(a.Enough+1, int(math.Round(float64(a.Enough)*(1+headroom))))
	}

	say := []string{fmt.Sprintf("%d of %s was the most ever in use in %s.", a.Peak, seatsText(a.Licensed), a.span())}
	if a.Denials.True > 0 {
		say = append(say, fmt.Sprintf("%s truly denied for want of a seat, %d of them within the same five minutes; %s in.", plural(a.Denials.True, "login was", "logins were"), want, plural(a.Grants, "login got", "logins got")))
	}
	switch {
	case denied > a.Share:
		say = append(say, fmt.Sprintf("%d seats would have been needed at least to let those in as well.", a.Enough))
	case a.Share > 0 && a.Enough < a.Peak:
		say = append(say, fmt.Sprintf("With %d, %s of the demand would have been turned away (at most %s was asked for).", a.Enough, percent(a.Turned), percent(a.Share)))
	case a.Denials.True == 0:
		say = append(say, "Nobody was truly denied for want of a seat.")
	}
	if a.Enough > 0 {
		say = append(say, fmt.Sprintf("%d would leave 10%% headroom.", a.Comfortable))
	}
	a.Reasoning = strings.Join(say, " ")
}

// above is the share of use that was above so many connections.
func (s spread) above(seats, peak int) float64 {
	over, all := 0.0, 0.0
	for step, seconds := range s.seconds {
		level := min(topOf(step), peak)
		all += float64(level) * float64(seconds)
		over += float64(max(0, level-seats)) * float64(seconds)
	}
	if all == 0 {
		return 0
	}
	return over / all
}

func (a *Advice) adviseNamed(h *History) {
	say := []string{}
	if a.Held != Unknown {
		say = append(say, fmt.Sprintf("%d of %s are held by accounts.", a.Held, seatsText(a.Licensed)))
	}
	say = append(say, fmt.Sprintf("At most %d of their users were signed on at once in %s.", a.Peak, a.span()))
	switch {
	case a.Held == Unknown:
		say = append(say, "How many accounts hold a seat is not known, so neither is how many seats would be enough.")
	case a.Dormant == Unknown:
		a.Enough = a.Held
		say = append(say, fmt.Sprintf("Which accounts are not needed is not known before the history is 90 days old; it began on %s.", h.Since().Format(time.DateOnly)))
	default:
		a.Enough = max(0, a.Held-a.Dormant)
		say = append(say, fmt.Sprintf("%s not sign in for 90 days, so %d seats would be enough.", plural(a.Dormant, "account did", "accounts did"), a.Enough))
	}
	a.Comfortable = a.Enough
	a.Reasoning = strings.Join(say, " ")
}

// span names what is known of the time.
func (a *Advice) span() string {
	known := a.Covered.Hours() / 24
	switch days := int(math.Round(known)); {
	case a.Covered < time.Hour:
		return plural(max(1, int(math.Round(a.Covered.Minutes()))), "minute", "minutes")
	case known < 1:
		return plural(max(1, int(math.Round(a.Covered.Hours()))), "hour", "hours")
	case days == 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", days)
	}
}

func seatsText(licensed int) string {
	if licensed == NotLicensed {
		return "no seats"
	}
	return fmt.Sprintf("%d seats", licensed)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func percent(share float64) string { return fmt.Sprintf("%.3g%%", 100*share) }
