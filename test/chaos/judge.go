// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

const (
	// knownWithin is how soon a session's end that a user was told of must be in the history, and refused everywhere: longer than any fault lasts.
	knownWithin = 3 * time.Minute
	// rounding is by how much whole seconds on a record, and the way of a heartbeat, may differ from what a user's clock says.
	rounding = 3 * time.Second
	// tooLate is for how long a session that was due when its user came back may still end: until its replica has written that, for which the API server must be there.
	tooLate = 30 * time.Second
)

// stay is how long a user had a seat for certain.
type stay struct{ from, to time.Time }

// arrived notes a session that its user knows of.
func (c *crowd) arrived(v *visit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on[v] = true
}

// left notes a session whose end its user has asked for.
func (c *crowd) left(v *visit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.on, v)
	c.leaves = append(c.leaves, leave{v.user.name, v.pool.name, v.name, v.uid})
}

// gone notes that a visit is over.
func (c *crowd) gone(v *visit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.on, v)
	if v.pool.loneSeats && v.uid != "" {
		v.mu.Lock()
		defer v.mu.Unlock()
		c.stays[v.pool.name] = append(c.stays[v.pool.name], stay{v.granted, v.certainUntil()})
	}
}

// certainUntil is until when the user had the seat for certain: it was not given back, and had not ended.
func (v *visit) certainUntil() time.Time {
	until := v.left
	if until.IsZero() {
		until = time.Now()
	}
	end, ended := v.crowd.scene.history.endOf(v.uid)
	switch {
	case v.end != nil && !ended, ended && end.deleted:
		return earlier(until, v.heard) // when it ended is not known
	case ended:
		return earlier(until, end.at)
	default:
		return until
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// ended judges an end that a user was told of.
func (c *crowd) ended(v *visit) {
	reachable := c.scene.front.Reachable()
	c.judges.Go(func() {
		c.mu.Lock()
		delete(c.on, v)
		c.mu.Unlock()
		v.judge(reachable)
	})
}

// judge compares what the user was told with what is on record, and sees that the session is refused from then on.
func (v *visit) judge(reachable time.Time) {
	told := *v.end
	v.crowd.scene.tally.add(tolds, string(told.Action)+map[bool]string{true: "unknown"}[told.Action == ""])
	find := func(format string, args ...any) {
		v.crowd.scene.tally.find(fmt.Sprintf("%s of %s (%s), session %s: ", v.user.name, v.pool.name, v.fate, v.name) + fmt.Sprintf(format, args...))
	}
	if told.Reason == gatewayapi.ReasonUnauthenticated {
		find("the token of a session is no longer taken")
		return
	}
	limit := time.Now().Add(knownWithin)
	end, known := v.crowd.scene.history.endOf(v.uid)
	for !known && time.Now().Before(limit) {
		if !v.wait() {
			return
		}
		end, known = v.crowd.scene.history.endOf(v.uid)
	}
	switch {
	case !known:
		find("the user was told that the session had ended (%s), and it has not", told)
		return
	case string(told.Action) != string(end.action) && (told.Action != "" || !end.deleted): // who did not see a deletion cannot know how it came about
		find("the session ended as %s, and the user was told %q (%s)", end.action, told.Action, told)
	case end.action == licensing.ExpiredSessionTerminated:
		v.mayExpire(end, reachable, find)
	}
	v.refused(limit, find)
}

// mayExpire finds users who were signed off though they worked, by what they themselves know: the last heartbeat that was answered well says when the session could be ended at the earliest.
func (v *visit) mayExpire(end ending, reachable time.Time, find func(string, ...any)) {
	v.mu.Lock()
	heard, active, back := v.heard, v.active, v.back
	v.mu.Unlock()
	at := end.at.Add(rounding)
	if !at.Before(active.Add(v.pool.idle)) || !at.Before(heard.Add(v.pool.lost)) {
		return
	}
	if !back.IsZero() && end.at.Sub(back) < tooLate {
		v.crowd.scene.tally.add(excepted, "the user came back when the time was over")
		return
	}
	// Who could reach no ready replica for three heartbeats has no promise (docs/design.md, what it assumes).
	if reachable.IsZero() || end.at.Sub(reachable) < 3*v.pool.interval {
		v.crowd.scene.tally.add(excepted, "no replica was ready for long enough")
		return
	}
	find("the session expired at %s, though the user was active at %s (idle timeout %s) and was heard at %s (lost after %s)",
		end.at.Format(time.TimeOnly), active.Format(time.TimeOnly), v.pool.idle, heard.Format(time.TimeOnly), v.pool.lost)
}

// mayBeAnother finds users who came back with the key of a login and got another session, unless the session had been deleted: then there is nothing left to come back to.
func (v *visit) mayBeAnother(uid, got string, limit time.Time) {
	end, known := v.crowd.scene.history.endOf(uid)
	for !known && time.Now().Before(limit) && v.wait() {
		end, known = v.crowd.scene.history.endOf(uid)
	}
	if end.deleted {
		v.crowd.scene.tally.add(excepted, "the session had been deleted when its user came back")
		return
	}
	v.crowd.scene.tally.find(fmt.Sprintf("%s of %s came back with the key of session %s and got another session, %s", v.user.name, v.pool.name, uid, got))
}

// refused sees that a heartbeat of the ended session is answered 410.
func (v *visit) refused(limit time.Time, find func(string, ...any)) {
	for {
		status, err := v.beat(v.crowd.living)
		if status == http.StatusGone {
			return
		}
		last := fmt.Sprint(status)
		if err != nil {
			last = err.Error()
		}
		if time.Now().After(limit) {
			find("a heartbeat of the ended session must be answered 410, and is answered %s", last)
			return
		}
		if !v.wait() {
			return
		}
	}
}

// wait waits a little; false: it is all over.
func (v *visit) wait() bool {
	select {
	case <-v.crowd.living.Done():
		return false
	case <-time.After(2 * time.Second):
		return true
	}
}

// reckon judges, when all is quiet, what is left: who believes to be signed on is, who signed out is not, and nobody had a seat beyond those that there are.
func (c *crowd) reckon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, find := c.scene.history, c.scene.tally.find
	for v := range c.on {
		v.mu.Lock()
		told, left := v.end != nil, !v.left.IsZero()
		v.mu.Unlock()
		if end, ended := h.endOf(v.uid); ended && !told && !left {
			find(fmt.Sprintf("%s of %s: the session %s ended as %s, and the user was not told", v.user.name, v.pool.name, v.name, end.action))
		}
		if v.pool.loneSeats {
			c.stays[v.pool.name] = append(c.stays[v.pool.name], stay{v.granted, v.certainUntil()})
		}
	}
	for _, l := range c.leaves {
		if _, ended := h.endOf(l.uid); !ended {
			find(fmt.Sprintf("%s of %s signed out of the session %s, and it has not ended", l.who, l.pool, l.name))
		}
	}
	for _, p := range c.scene.pools {
		if most, when := mostAtOnce(c.stays[p.name]); p.loneSeats && most > p.seats {
			find(fmt.Sprintf("the pool %s has %d seats, and %d users had one at %s", p.name, p.seats, most, when.Format(time.TimeOnly)))
		}
	}
}

// mostAtOnce is how many stays there were at a time at the most, and when.
func mostAtOnce(stays []stay) (most int, when time.Time) {
	type turn struct {
		at time.Time
		by int
	}
	var turns []turn
	for _, s := range stays {
		if s.to.After(s.from) {
			turns = append(turns, turn{s.from, 1}, turn{s.to, -1})
		}
	}
	slices.SortFunc(turns, func(a, b turn) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.by - b.by // who leaves makes room
	})
	n := 0
	for _, t := range turns {
		if n += t.by; n > most {
			most, when = n, t.at
		}
	}
	return most, when
}
