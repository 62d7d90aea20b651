// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// diary is an API in memory with one pool and its sessions, and those who keep its history. It remembers by itself how many connections were open in each second.
type diary struct {
	t     *testing.T
	api   client.WithWatch
	clock *clocktesting.FakePassiveClock
	pool  *licensing.LicensePool
	live  map[string]*licensing.UserSession
	made  int
	// levels are the connections that are open in each second from began on.
	began  time.Time
	levels []int
	clerks []*clerk
	writes int
}

// clerk keeps the history: a manager with a view of its own.
type clerk struct {
	*diary
	r    *LicenseUsageReconciler
	next time.Time
	// deaf: it sees nothing new.
	deaf []func()
	// fault decides on a write: whether it arrives, and what the clerk is told.
	fault  func(call string) (arrives bool, err error)
	calls  int
	isDeaf bool
	// ahead is how far its clock is ahead of the right time.
	ahead  time.Duration
	events *events.FakeRecorder
}

func newDiary(t *testing.T, pool *licensing.LicensePool) *diary {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := licensing.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	d := &diary{t: t, clock: clocktesting.NewFakePassiveClock(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)), live: map[string]*licensing.UserSession{}}
	d.began = d.clock.Now()
	d.api = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&licensing.LicensePool{}, &licensing.UserSession{}, &licensing.LicenseUsage{}).Build()
	if pool != nil {
		d.apply(pool)
	}
	return d
}

func (d *diary) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// clerk starts a manager that sees what there is.
func (d *diary) clerk() *clerk { return d.clerkAhead(0) }

// clerkAhead starts one whose clock is ahead of the right time.
func (d *diary) clerkAhead(ahead time.Duration) *clerk {
	d.t.Helper()
	c := &clerk{diary: d, next: d.clock.Now(), ahead: ahead, events: events.NewFakeRecorder(100)}
	faulty := interceptor.NewClient(d.api, interceptor.Funcs{
		Create: func(ctx context.Context, api client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			return c.call("create", func() error { return api.Create(ctx, obj, opts...) })
		},
		SubResourceUpdate: func(ctx context.Context, api client.Client, sub string, obj client.Object, opts ...client.SubResourceUpdateOption) error {
			return c.call("update", func() error { return api.SubResource(sub).Update(ctx, obj, opts...) })
		},
	})
	c.r = &LicenseUsageReconciler{Client: faulty, Live: faulty, Recorder: c.events, Clock: skewed{c}, lines: map[types.NamespacedName]*line{}}
	if d.pool != nil {
		c.r.putPool(d.pool)
	}
	sessions := &licensing.UserSessionList{}
	d.must(d.api.List(d.t.Context(), sessions))
	for i := range sessions.Items {
		c.r.putSession(&sessions.Items[i])
	}
	d.clerks = append(d.clerks, c)
	c.look()
	return c
}

// skewed is a clerk's own clock.
type skewed struct{ *clerk }

func (s skewed) Now() time.Time                  { return s.clock.Now().Add(s.ahead) }
func (s skewed) Since(t time.Time) time.Duration { return s.Now().Sub(t) }

// said are the reasons of the Events since it was last asked.
func (c *clerk) said() []string {
	var reasons []string
	for {
		select {
		case e := <-c.events.Events:
			reasons = append(reasons, strings.Fields(e)[1])
		default:
			return reasons
		}
	}
}

func (c *clerk) call(verb string, do func() error) error {
	c.calls++
	arrives, told := true, error(nil)
	if c.fault != nil {
		arrives, told = c.fault(verb)
	}
	if !arrives {
		return told
	}
	err := do()
	if err == nil && verb == "update" {
		c.writes++
	}
	if told != nil {
		return told
	}
	return err
}

// see lets all who are not deaf see something; the deaf see it later.
func (d *diary) see(what func(r *LicenseUsageReconciler)) {
	for _, c := range d.clerks {
		if c.isDeaf {
			c.deaf = append(c.deaf, func() { what(c.r) })
		} else {
			what(c.r)
		}
	}
}

func (c *clerk) hears() {
	c.isDeaf = false
	for _, missed := range c.deaf {
		missed()
	}
	c.deaf = nil
}

// goes ends a clerk.
func (d *diary) goes(c *clerk) {
	for i, one := range d.clerks {
		if one == c {
			d.clerks = append(d.clerks[:i:i], d.clerks[i+1:]...)
		}
	}
}

// apply stores the pool.
func (d *diary) apply(pool *licensing.LicensePool) {
	d.t.Helper()
	d.made++
	if d.pool == nil {
		pool.UID = types.UID(fmt.Sprintf("pool-%d", d.made))
		pool.Generation = 1
		d.must(d.api.Create(d.t.Context(), pool))
	} else {
		changed := d.pool.DeepCopy()
		changed.Spec = pool.Spec
		changed.Generation++
		d.must(d.api.Update(d.t.Context(), changed))
		pool = changed
	}
	d.pool = pool
	d.see(func(r *LicenseUsageReconciler) { r.putPool(pool) })
}

func (d *diary) removePool() {
	d.t.Helper()
	d.must(d.api.Delete(d.t.Context(), d.pool))
	gone := d.pool
	d.pool = nil
	d.see(func(r *LicenseUsageReconciler) { r.dropPool(gone) })
}

// store creates a session with its status.
func (d *diary) store(s *licensing.UserSession) {
	d.t.Helper()
	d.made++
	s.UID = types.UID(fmt.Sprintf("uid-%d", d.made))
	status := s.Status
	d.must(d.api.Create(d.t.Context(), s))
	s.Status = status
	d.must(d.api.Status().Update(d.t.Context(), s))
}

// logon logs on a user, now; all of a user's sessions are one connection.
func (d *diary) logon(name, user string) {
	d.t.Helper()
	connection := name
	for _, s := range d.live {
		if s.Spec.UserName == user {
			connection = s.Status.Connection
		}
	}
	s := MakeUserSession(name).Pool("p").User(user).Active(licensing.SeatConcurrent, connection, d.stamp()).Obj()
	d.store(s)
	d.live[name] = s
	d.see(func(r *LicenseUsageReconciler) { r.putSession(s) })
}

// stamp is what an allocator writes as the time: it is in the process of the first clerk.
func (d *diary) stamp() time.Time {
	if len(d.clerks) == 0 {
		return d.clock.Now()
	}
	return skewed{d.clerks[0]}.Now()
}

func (d *diary) logoff(name string) {
	d.t.Helper()
	s := d.live[name].DeepCopy()
	delete(d.live, name)
	s.Status.State, s.Status.TerminatedTime = licensing.SessionTerminated, new(metav1.NewTime(d.stamp()))
	d.must(d.api.Status().Update(d.t.Context(), s))
	d.see(func(r *LicenseUsageReconciler) { r.putSession(s) })
}

func (d *diary) deny(name, user, reason string) {
	d.t.Helper()
	s := MakeUserSession(name).Pool("p").User(user).Denied(reason, d.clock.Now()).Obj()
	d.store(s)
	d.see(func(r *LicenseUsageReconciler) { r.putSession(s) })
}

// delete deletes a session's record; a live one ends.
func (d *diary) delete(name string) {
	d.t.Helper()
	s := &licensing.UserSession{}
	d.must(d.api.Get(d.t.Context(), client.ObjectKey{Namespace: DefaultNamespace, Name: name}, s))
	d.must(d.api.Delete(d.t.Context(), s))
	delete(d.live, name)
	d.see(func(r *LicenseUsageReconciler) { r.dropSession(s, true) })
}

// passes lets time pass, with each clerk looking when it asked to.
func (d *diary) passes(length time.Duration) {
	d.t.Helper()
	connections := map[string]bool{}
	for _, s := range d.live {
		connections[s.Status.Connection] = true
	}
	for until := d.clock.Now().Add(length.Truncate(time.Second)); d.clock.Now().Before(until); {
		next := until
		for _, c := range d.clerks {
			if c.next.Before(next) {
				next = c.next
			}
		}
		seconds := max(1, int(next.Sub(d.clock.Now())/time.Second))
		d.levels = append(d.levels, slices.Repeat([]int{len(connections)}, seconds)...)
		d.clock.SetTime(d.clock.Now().Add(time.Duration(seconds) * time.Second))
		for _, c := range d.clerks {
			if !d.clock.Now().Before(c.next) {
				c.look()
			}
		}
	}
}

// look reconciles.
func (c *clerk) look() {
	c.t.Helper()
	result, err := c.r.Reconcile(c.t.Context(), ctrl.Request{NamespacedName: poolKey})
	switch {
	case err != nil:
		c.next = c.clock.Now().Add(5 * time.Second)
	case result.RequeueAfter > 0:
		c.next = c.clock.Now().Add(result.RequeueAfter)
	default:
		c.next = c.clock.Now().Add(24 * time.Hour)
	}
}

// stored is the history that is stored.
func (d *diary) stored() (*licensing.LicenseUsage, *usage.History) {
	d.t.Helper()
	object := &licensing.LicenseUsage{}
	d.must(d.api.Get(d.t.Context(), poolKey, object))
	h, err := usage.Decode(object.Status.History)
	d.must(err)
	return object, h
}

// check compares the day's chart with what was remembered, up to where the history goes, but for the seconds from gap[0] to gap[1].
func (d *diary) check(gap ...time.Time) {
	d.t.Helper()
	object, h := d.stored()
	if !object.Status.ThroughTime.Time.Equal(h.Through()) {
		d.t.Errorf("through %s, and %s", object.Status.ThroughTime, h.Through())
	}
	inGap := func(second time.Time) bool { return len(gap) == 2 && !second.Before(gap[0]) && second.Before(gap[1]) }
	for _, p := range h.Series(usage.Concurrent, usage.Day, d.clock.Now()).Points {
		covered, sum, peak := time.Duration(0), 0, 0
		for second := p.Start; second.Before(p.Start.Add(p.Length)); second = second.Add(time.Second) {
			if second.Before(h.Since()) || !second.Before(h.Through()) || inGap(second) {
				continue
			}
			level := d.levels[int(second.Sub(d.began)/time.Second)]
			covered, sum, peak = covered+time.Second, sum+level, max(peak, level)
		}
		mean := 0.0
		if covered > 0 {
			mean = float64(sum) / covered.Seconds()
		}
		if p.Covered != covered || p.Peak != peak || p.Mean-mean > 1e-9 || mean-p.Mean > 1e-9 {
			d.t.Errorf("%s: %s known, mean %v, peak %d, and not %s, %v, %d", p.Start.Format(time.TimeOnly), p.Covered, p.Mean, p.Peak, covered, mean, peak)
		}
	}
}

var errLost = errors.New("the answer was lost")

func serverTimeout(string) (bool, error) {
	return false, apierrors.NewServerTimeout(licensing.GroupVersion.WithResource("licenseusages").GroupResource(), "update", 1)
}
