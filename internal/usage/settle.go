// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import "time"

// eventKind is what happened. Of one second's events a denial comes before a grant: its user got in.
type eventKind int

const (
	denied eventKind = iota
	began
	ended
	licensed
)

// event is something that happened in a second.
type event struct {
	at    int64
	kind  eventKind
	model int
	// id is the session's.
	id, user string
	// text is a connection, or why somebody was denied.
	text  string
	seats [2]int
	// disputed: another clock's teller counted it as a grant.
	disputed bool
}

func (e event) before(other event) bool {
	return e.at < other.at || e.at == other.at && e.kind < other.kind
}

// maxSteps bounds what is kept for a history that cannot be written: what is older becomes a gap in it.
const maxSteps = 200_000

// events is a heap, the earliest first.
type events []event

func (e *events) push(one event) {
	*e = append(*e, one)
	h := *e
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(h[parent]) {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

func (e *events) pop() event {
	h := *e
	first, n := h[0], len(h)-1
	h[0] = h[n]
	h[n] = event{}
	h = h[:n]
	*e = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= n {
			return first
		}
		if child+1 < n && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(h[i]) {
			return first
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

// settle makes the steps up to a time (excluded).
func (t *Timeline) settle(to int64) {
	for len(t.events) > 0 && t.events[0].at < to {
		e := t.events.pop()
		at := max(e.at, t.settled)
		if e.at < t.settled && (e.kind == began || e.kind == ended) {
			t.late++
		}
		switch e.kind {
		case began:
			t.count(e, 1)
			if !e.disputed {
				t.facts = append(t.facts, fact{known: at, at: e.at, grant: true, model: models[e.model], user: userDigest(e.user)})
			}
			t.foundTrue(t.chain.Granted(e.user, time.Unix(e.at, 0)))
		case ended:
			t.count(e, -1)
		case denied:
			t.facts = append(t.facts, fact{known: at, at: e.at, reason: e.text, count: Count{Denied: 1}})
			t.foundTrue(t.chain.Denied(e.user, e.text, time.Unix(e.at, 0)))
			continue
		case licensed:
			t.now.licensed = e.seats
		}
		if t.now.at = at; len(t.steps) > 0 && t.steps[len(t.steps)-1].at == at {
			t.steps[len(t.steps)-1] = t.now
		} else {
			t.steps = append(t.steps, t.now)
		}
	}
	t.settled = max(t.settled, to)
	if len(t.steps) > maxSteps || len(t.facts) > maxSteps {
		t.forget(t.settled)
	}
	t.foundTrue(t.chain.Settle(time.Unix(t.settled, 0)))
}

// count counts a session of a connection in or out: the connection is open while it has one.
func (t *Timeline) count(e event, by int) {
	open, sessions := &t.now.open[e.model], t.sessions[e.model]
	open.digest += uint64(by) * digestOf(e.id) //nolint:gosec // digests add up and wrap around
	before := sessions[e.text]
	after := before + by
	if sessions[e.text] = after; after == 0 {
		delete(sessions, e.text)
	}
	switch {
	case before == 0 && after > 0:
		open.level++
	case before > 0 && after == 0:
		open.level--
	}
}

func (t *Timeline) foundTrue(all []TrueDenial) {
	for _, d := range all {
		at := d.At.Unix()
		t.facts = append(t.facts, fact{known: at + trueAfter + 1, at: at, reason: d.Reason, count: Count{True: 1}})
	}
}
