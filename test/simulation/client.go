// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/activity"
)

const namespace = "itsm"

// visit is one login and what came of it, as those know who see everything.
type visit struct {
	name, pool, user string
	uid              types.UID
	// known: its client was told, by a replica, that it has been made.
	known bool
	// gateway: it was made for a client; otherwise with kubectl.
	gateway bool
	// here: its client runs, and takes the session for its own. gone is when it went.
	here bool
	gone time.Time
	// unsaved says that its user has unsaved work, and saved when its client last said otherwise.
	unsaved bool
	saved   time.Time
	// beats are those that were answered.
	beats []beat
	// ended: the client knows that the session has ended.
	ended bool
	// told are the actions that Events told of.
	told []string
	// end is how its record ended, by whom and when; nil: it has not.
	end *endOfVisit
}

// beat is a heartbeat that was answered: when it was heard and by whom, and when the user had last done something.
type beat struct {
	heard, activity time.Time
	by              *process
	// unsaved: it told of unsaved work.
	unsaved bool
}

type endOfVisit struct {
	at      time.Time
	action  string
	by      *connection
	deleted bool
}

// client is somebody who signs on, works, idles, leaves, and comes again. It keeps to what a client is assumed to do: it beats every interval and a quarter at the most, and tries another replica within
// seconds when one does not answer.
func (w *World) client(t *task) {
	t.sleep(w.between(10*time.Millisecond, 60*time.Second))
	for !w.ending {
		if v := w.login(t); v != nil {
			w.work(t, v)
		}
		t.sleep(w.between(100*time.Millisecond, 60*time.Second))
	}
}

// replica picks one that the load balancer takes for ready; nil: there is none.
func (w *World) replica() *process {
	var ready []*process
	for _, p := range w.processes {
		if p.ready {
			ready = append(ready, p)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	return ready[w.IntN(len(ready))]
}

// ask has a replica do something for a client, which waits for as long as it will; false: there was no answer.
func (w *World) ask(t *task, p *process, patience time.Duration, do func(*task)) bool {
	answered := false
	wake := t.waker()
	w.after(w.latency(), p, func() {
		p.spawn(p.name+" serves "+t.name, func(serving *task) {
			do(serving)
			answered = true
			w.after(w.latency(), nil, wake)
		})
	})
	w.after(patience, nil, wake)
	t.park()
	return answered
}

var modules = []licensing.ModuleName{"Web", "Desktop", "Mobile"}

// login signs a user on; nil: that did not come about.
func (w *World) login(t *task) *visit {
	w.logins++
	w.counts.Logins++
	v := &visit{name: fmt.Sprintf("s%d", w.logins), pool: poolName(w.IntN(w.scenario.Pools)), user: userName(w.IntN(w.scenario.Users)), gateway: true}
	wanted := &licensing.UserSession{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v.name},
		Spec: licensing.UserSessionSpec{PoolRef: licensing.PoolReference{Name: v.pool}, UserName: v.user, Module: modules[w.IntN(len(modules))],
			MaxWaitSeconds: []int32{0, 0, 10, 30, 60}[w.IntN(5)], SystemLogin: w.chance(0.03)},
	}
	w.wide.client(wanted)
	w.visits[v.name] = v
	patience := 12*time.Second + time.Duration(wanted.Spec.MaxWaitSeconds)*time.Second
	if w.chance(0.05) {
		patience = w.between(5*time.Millisecond, 2*time.Second)
	}
	for tries := range 4 {
		p := w.replica()
		if p == nil {
			t.sleep(w.evenly(time.Second, 3*time.Second))
			continue
		}
		var state licensing.SessionState
		w.note("%s asks %s for %s", t.name, p.name, v.name)
		w.ask(t, p, patience, func(serving *task) { state = w.serveLogin(serving, p, wanted, v, tries > 0) })
		switch state {
		case licensing.SessionActive:
			v.here = true
			w.clients = append(w.clients, v)
			w.note("%s is on as %s", t.name, v.name)
			return v
		case licensing.SessionDenied, licensing.SessionTerminated:
			return nil
		case licensing.SessionPending:
		}
		t.sleep(w.between(10*time.Millisecond, 3*time.Second))
	}
	w.note("%s gives %s up", t.name, v.name)
	v.gone = w.now
	if p := w.replica(); p != nil && w.chance(0.7) {
		w.ask(t, p, 10*time.Second, func(*task) { w.withdraw(p, v) })
	}
	return nil
}

// serveLogin is what a replica does for a login: it makes the session, and waits for its watch to show what became of it.
func (w *World) serveLogin(t *task, p *process, wanted *licensing.UserSession, v *visit, again bool) licensing.SessionState {
	session := wanted.DeepCopy()
	session.Annotations = map[string]string{licensing.AnnotationHeardBy: p.name}
	if again {
		if err := p.direct.Get(context.Background(), client.ObjectKeyFromObject(session), session); err == nil {
			w.made(v, session)
		}
	}
	for tries := 0; !v.known; tries++ {
		err := p.direct.Create(context.Background(), session)
		if apierrors.IsAlreadyExists(err) {
			if err = p.direct.Get(context.Background(), client.ObjectKeyFromObject(wanted), session); apierrors.IsNotFound(err) {
				return licensing.SessionTerminated
			}
		}
		if err == nil {
			w.made(v, session)
			break
		}
		if tries == 3 {
			return licensing.SessionPending
		}
		t.sleep(w.between(50*time.Millisecond, 2*time.Second))
	}
	for range 300 {
		known, ok := p.recorder.Session(v.uid)
		switch {
		case ok && known.Ended != nil && known.Record != nil:
			return known.Record.Status.State
		case ok && known.Ended != nil:
			return licensing.SessionTerminated
		case ok && known.Record.Status.State == licensing.SessionActive:
			return licensing.SessionActive
		}
		t.sleep(250 * time.Millisecond)
	}
	return licensing.SessionPending
}

// made: a login's client is told of its session.
func (w *World) made(v *visit, session *licensing.UserSession) {
	v.known, v.uid = true, session.UID
	w.sessions[v.uid] = v
}

// withdraw takes back a login that nobody waits for any more: deleted while it is Pending, ended when it was granted.
func (w *World) withdraw(p *process, v *visit) {
	session := &licensing.UserSession{}
	if err := p.direct.Get(context.Background(), types.NamespacedName{Namespace: namespace, Name: v.name}, session); err != nil {
		return
	}
	switch session.Status.State {
	case licensing.SessionPending, "":
		_ = p.direct.Delete(context.Background(), session, client.Preconditions{UID: &session.UID, ResourceVersion: &session.ResourceVersion})
	case licensing.SessionActive:
		w.terminate(p.direct, session, licensing.RequesterUser)
	case licensing.SessionDenied, licensing.SessionTerminated:
	}
}

// terminate asks for a session's end.
func (w *World) terminate(by *connection, session *licensing.UserSession, who licensing.Requester) {
	if session.Spec.Termination != nil {
		return
	}
	before := session.DeepCopy()
	session.Spec.Termination = &licensing.Termination{RequestedBy: who}
	_ = by.Patch(context.Background(), session, client.MergeFrom(before))
}

// work is what a client does while it is signed on: it beats, and its user does something at times.
func (w *World) work(t *task, v *visit) {
	leaves := w.now.Add(w.between(2*time.Second, 300*time.Second))
	acted := w.now
	busyUntil := w.now.Add(w.between(time.Second, 200*time.Second))
	p := w.replica()
	interval := 5 * time.Second
	for {
		t.sleep(w.evenly(interval/2, interval*6/5))
		if w.ending {
			leaves, busyUntil = w.now.Add(time.Hour), w.now.Add(time.Hour) // who is left stays, and works
		}
		if w.now.After(leaves) {
			w.leave(t, v)
			return
		}
		if w.now.Before(busyUntil) {
			acted = w.now.Add(-w.between(time.Millisecond, 3*time.Second))
		} else if w.chance(0.1) {
			busyUntil = w.now.Add(w.between(time.Second, 120*time.Second))
		}
		outcome, by := w.beat(t, v, p, acted)
		p = by
		if outcome.Heartbeat > 0 {
			interval = outcome.Heartbeat
		}
		if outcome.Ended != nil {
			w.note("%s is told that %s has ended: %s", t.name, v.name, outcome.Ended.Action)
			v.ended, v.here, v.gone = true, false, w.now
			return
		}
	}
}

// leave is how a client goes: it signs out, or is not heard of any more.
func (w *World) leave(t *task, v *visit) {
	v.here, v.gone = false, w.now
	p := w.replica()
	if p == nil || w.chance(0.4) {
		w.note("%s vanishes", t.name)
		return
	}
	w.note("%s signs out", t.name)
	w.ask(t, p, 10*time.Second, func(*task) {
		session := &licensing.UserSession{}
		if p.direct.Get(context.Background(), types.NamespacedName{Namespace: namespace, Name: v.name}, session) == nil && session.UID == v.uid {
			w.terminate(p.direct, session, licensing.RequesterUser)
		}
	})
}

// beat sends a heartbeat until it is answered, to other replicas if need be.
func (w *World) beat(t *task, v *visit, p *process, acted time.Time) (activity.Outcome, *process) {
	for {
		if p == nil || !p.ready || p.dead {
			p = w.replica()
		}
		if p == nil {
			t.sleep(w.evenly(500*time.Millisecond, 2*time.Second))
			continue
		}
		report := &activity.Report{Active: true, HasIdleFor: true, IdleFor: w.now.Sub(acted)}
		w.wide.work(v, report, w.now)
		t.sleep(w.latency())
		if !p.hears() {
			t.sleep(w.evenly(time.Second, 2*time.Second)) // no answer comes
			p = w.replica()
			continue
		}
		outcome, heard := p.recorder.Beat(v.uid, report), w.now
		if !outcome.Known {
			var found activity.Outcome // the answer of one that was given up may come later, for nobody
			by := p
			answered := w.ask(t, p, 3*time.Second, func(*task) { found = w.lookUp(by, v, report) })
			if outcome, heard = found, w.now; !answered || !outcome.Known {
				p = w.replica()
				continue
			}
		}
		if !w.ending && w.chance(w.scenario.LostBeats) {
			w.counts.Faults[lostBeat]++
			t.sleep(w.evenly(500*time.Millisecond, 2*time.Second))
			continue
		}
		w.counts.Beats++
		if outcome.Ended == nil {
			v.beats = append(v.beats, beat{heard: heard, activity: acted, by: p, unsaved: report.UnsavedWork != nil && *report.UnsavedWork})
		}
		return outcome, p
	}
}

// lookUp is what a replica does that does not know a session: it reads it.
func (w *World) lookUp(p *process, v *visit, report *activity.Report) activity.Outcome {
	session := &licensing.UserSession{}
	err := p.direct.Get(context.Background(), types.NamespacedName{Namespace: namespace, Name: v.name}, session)
	switch {
	case apierrors.IsNotFound(err), err == nil && session.UID != v.uid:
		return activity.Outcome{Known: true, Ended: &activity.End{Reason: "NotFound"}}
	case err != nil:
		return activity.Outcome{}
	}
	p.recorder.Learn(session)
	return p.recorder.Beat(v.uid, report)
}

func userName(i int) string { return fmt.Sprintf("user-%d", i) }

func poolName(i int) string { return fmt.Sprintf("p%d", i) }
