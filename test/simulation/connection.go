// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

// connection is one connection to the API server: client.Client for those who are given it. Each call waits on its way there and back, while others go on; and it may fail in all the ways in which calls do.
type connection struct {
	client.Client // what nobody calls

	w  *World
	of *process // whose it is; nil: an administrator's, which never fails
	// lead is whose it is, if it is one's.
	lead *lead
	// patience is how long an answer is waited for.
	patience time.Duration
	// stopped says that calls are broken off, since their context has ended; nil: it never does.
	stopped func() bool
	// cached are the watches that reads are served from; nil: from the API server.
	cached *watches
	// bend changes a request before it is sent; a test of what a rule is good for breaks it here. It may answer in the API server's place.
	bend func(*apimodel.Request) (*apimodel.Request, *apimodel.Answer)
}

// errAway is what a call gets that could not be made.
var errAway = apierrors.NewServiceUnavailable("the API server could not be reached")

// errNoAnswer is what a call gets whose answer did not come in time.
var errNoAnswer = apierrors.NewTimeoutError("the API server did not answer in time", 1)

// do makes a call.
func (c *connection) do(r *apimodel.Request) apimodel.Answer {
	if c.bend != nil {
		bent, answer := c.bend(r)
		if answer != nil {
			return *answer
		}
		r = bent
	}
	w := c.w
	if w.current == nil || w.current.of != c.of {
		panic("a call must be made by a task of the process whose connection it is: " + r.String())
	}
	if c.stopped != nil && c.stopped() {
		return apimodel.Answer{Err: context.Canceled}
	}
	w.counts.Calls++
	if c.lead != nil {
		w.underWay++
		defer func() { w.underWay-- }()
	}
	fault := w.draw(c.of, r)
	if fault != none {
		w.counts.Faults[fault]++
		w.note("%s: %s: %s", w.current.name, r, fault)
	}
	return c.send(r, fault)
}

// send carries a request to the API server and its answer back, as far as they get.
func (c *connection) send(r *apimodel.Request, fault fault) apimodel.Answer {
	w, t := c.w, c.w.current
	there, back := w.latency(), w.latency()
	var answer apimodel.Answer
	answered, wake := false, t.waker()
	apply := func() {
		answer = w.apply(c, r)
		if fault == repeated {
			w.after(w.between(time.Millisecond, 2*time.Second), nil, func() { answer = w.apply(c, r) })
			back += 2 * time.Second
		}
		if fault == crashAfter && c.of != nil {
			c.of.crash("right after " + r.String() + " arrived")
		}
	}
	arrive := func() {
		if w.cutOff(c.of) {
			return // it went into the void
		}
		apply()
		if fault != answerLost {
			w.after(back, c.of, func() {
				if !w.cutOff(c.of) {
					answered = true
					wake()
				}
			})
		}
	}
	patience := min(c.patience, w.between(time.Second, 45*time.Second))
	switch fault {
	case crashBefore:
		c.of.crash("right before " + r.String())
	case refused:
		t.sleep(there)
		return apimodel.Answer{Err: errAway}
	case requestLost:
	case landsLate:
		w.after(patience+w.between(time.Millisecond, 30*time.Second), nil, arrive)
	case slow:
		w.after(w.between(200*time.Millisecond, patience), nil, arrive)
	case pauseBefore:
		w.after(there, nil, arrive)
		c.of.pause(w.pauseLength())
	case pauseAfter:
		w.after(there, nil, func() {
			arrive()
			c.of.pause(w.pauseLength())
		})
	default:
		if w.cutOff(c.of) && w.chance(0.7) {
			t.sleep(there)
			return apimodel.Answer{Err: errAway}
		}
		w.after(there, nil, arrive)
	}
	w.after(patience, c.of, wake)
	t.park()
	switch {
	case c.stopped != nil && c.stopped():
		return apimodel.Answer{Err: context.Canceled}
	case answered:
		return answer
	default:
		return apimodel.Answer{Err: errNoAnswer}
	}
}

// Get is client.Reader's.
func (c *connection) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	if c.cached != nil {
		if _, watched := c.cached.informers[apimodel.KindOf(obj)]; watched {
			if c.bend != nil {
				if _, answer := c.bend(apimodel.NewGet(key, obj)); answer != nil {
					answer.Deliver(obj)
					return answer.Err
				}
			}
			return c.cached.get(key, obj)
		}
	}
	answer := c.do(apimodel.NewGet(key, obj))
	if answer.Err == nil {
		answer.Deliver(obj)
	}
	return answer.Err
}

// List is client.Reader's.
func (c *connection) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if c.cached != nil {
		return errors.New("nobody lists from a watch's view")
	}
	answer := c.do(apimodel.NewList(list, opts...))
	if answer.Err == nil {
		answer.DeliverList(list)
	}
	return answer.Err
}

// write makes a call that changes an object, which is then what the API server has made of it.
func (c *connection) write(r *apimodel.Request, obj client.Object) error {
	answer := c.do(r)
	if answer.Err == nil {
		answer.Deliver(obj)
	}
	return answer.Err
}

// Create is client.Writer's.
func (c *connection) Create(_ context.Context, obj client.Object, _ ...client.CreateOption) error {
	return c.write(apimodel.NewCreate(obj), obj)
}

// Update is client.Writer's.
func (c *connection) Update(_ context.Context, obj client.Object, _ ...client.UpdateOption) error {
	return c.write(apimodel.NewUpdate(obj, false), obj)
}

// Patch is client.Writer's.
func (c *connection) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	return c.patch(obj, patch, false)
}

func (c *connection) patch(obj client.Object, patch client.Patch, status bool) error {
	r, err := apimodel.NewPatch(obj, patch, status)
	if err != nil {
		return err
	}
	return c.write(r, obj)
}

// Delete is client.Writer's.
func (c *connection) Delete(_ context.Context, obj client.Object, opts ...client.DeleteOption) error {
	return c.do(apimodel.NewDelete(obj, opts...)).Err
}

// Status is client.StatusClient's.
func (c *connection) Status() client.SubResourceWriter { return statusConnection{c: c} }

// statusConnection writes statuses.
type statusConnection struct {
	client.SubResourceWriter // what nobody calls

	c *connection
}

// Update is client.SubResourceWriter's.
func (s statusConnection) Update(_ context.Context, obj client.Object, _ ...client.SubResourceUpdateOption) error {
	return s.c.write(apimodel.NewUpdate(obj, true), obj)
}

// Patch is client.SubResourceWriter's.
func (s statusConnection) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	return s.c.patch(obj, patch, true)
}
