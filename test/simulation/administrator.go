// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

// administrate is what administrators and pipelines do: they edit, remove and apply pools, make, change and remove accounts, end and delete sessions, and sign on with kubectl.
func (w *World) administrate(t *task) {
	a := &connection{w: w, patience: 10 * time.Second}
	for i := range w.scenario.Users {
		if w.chance(0.25) {
			w.makeAccount(a, i)
		}
	}
	for {
		t.sleep(w.between(50*time.Millisecond, w.scenario.Administration))
		if w.ending {
			return
		}
		switch x := w.IntN(100); {
		case x < 30:
			w.editPool(a)
		case x < 42:
			w.removePool(t, a)
		case x < 49:
			w.makeAccount(a, w.IntN(w.scenario.Users))
		case x < 62:
			w.changeAccount(a)
		case x < 72:
			w.endSession(a)
		case x < 80:
			if s := w.anySession(); s != nil {
				_ = a.Delete(context.Background(), s)
			}
		case x < 90:
			w.signOnByHand(a)
		default:
			w.annotate(a)
		}
	}
}

// ruled is a pool's spec and since when it has been in force.
type ruled struct {
	since time.Time
	pool  *licensing.LicensePool // nil: there was none
}

// drawPool draws a pool's spec.
func (w *World) drawPool(name string) *licensing.LicensePool {
	number := func(of ...int32) *int32 { return new(of[w.IntN(len(of))]) }
	p := &licensing.LicensePool{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	spec := &p.Spec
	if w.chance(0.92) {
		spec.Concurrent = &licensing.Seats{Seats: number(0, 1, 1, 1, 2, 2, 3, 4, 6)}
	}
	if spec.Concurrent == nil || w.chance(0.35) {
		spec.Named = &licensing.Seats{Seats: number(0, 1, 1, 2, 3)}
	}
	spec.Enrollment = licensing.EnrollmentOpen
	if w.chance(0.07) {
		spec.Enrollment = licensing.EnrollmentAccountsOnly
	}
	spec.UserNameCase = licensing.UserNameCaseInsensitive
	spec.Sharing = &licensing.Sharing{SeatPer: []licensing.SeatDimension{licensing.SeatPerUser}}
	if w.chance(0.3) {
		spec.Sharing.SeatPer = append(spec.Sharing.SeatPer, licensing.SeatPerModule)
	}
	beat := []int32{5, 10, 15}[w.IntN(3)]
	rules := &licensing.SessionRules{HeartbeatIntervalSeconds: &beat, RetentionSeconds: number(10, 60, 3600)}
	spec.Sessions = rules
	if w.chance(0.85) {
		rules.IdleTimeoutSeconds = number(60, 60, 90, 150)
		if w.chance(0.3) {
			rules.Prompt = &licensing.Prompt{LeadSeconds: number(5, 20), Modules: []licensing.ModuleName{"Web"}}
		}
	}
	if w.chance(0.9) {
		rules.LostAfterSeconds = new(max(20, beat*[]int32{3, 4, 6}[w.IntN(3)]))
	}
	if w.chance(0.1) {
		rules.MaxLifetimeSeconds = number(60, 120, 200)
	}
	if w.chance(0.3) {
		rules.MaxPerUser = &licensing.UserLimit{Sessions: *number(1, 1, 2), WhenExceeded: []licensing.LimitAction{licensing.LimitDeny, licensing.LimitTerminateOldest}[w.IntN(2)]}
	}
	if w.wide != nil {
		w.wide.pool(spec, w.now)
	}
	return p
}

// applyPool makes a pool at once, without a call.
func (w *World) applyPool(name string) {
	w.apply(nil, apimodel.NewCreate(w.drawPool(name)))
}

func (w *World) poolNow(name string) *licensing.LicensePool {
	if p, ok := w.server.Object(apimodel.Pools, types.NamespacedName{Namespace: namespace, Name: name}).(*licensing.LicensePool); ok {
		return p.DeepCopy()
	}
	return nil
}

func (w *World) editPool(a *connection) {
	if !w.scenario.Edits {
		return
	}
	p := w.poolNow(poolName(w.IntN(w.scenario.Pools)))
	if p == nil {
		return
	}
	drawn := w.drawPool(p.Name)
	switch w.IntN(4) {
	case 0:
		p.Spec = drawn.Spec
	case 1:
		p.Spec.Sessions = drawn.Spec.Sessions
	default:
		if p.Spec.Concurrent != nil && drawn.Spec.Concurrent != nil {
			p.Spec.Concurrent = drawn.Spec.Concurrent
		}
		if p.Spec.Named != nil && drawn.Spec.Named != nil {
			p.Spec.Named = drawn.Spec.Named
		}
	}
	_ = a.Update(context.Background(), p)
}

// removePool deletes a pool, and mostly applies it again after a while.
func (w *World) removePool(t *task, a *connection) {
	if !w.scenario.Removals {
		return
	}
	p := w.poolNow(poolName(w.IntN(w.scenario.Pools)))
	if p == nil {
		return
	}
	_ = a.Delete(context.Background(), p)
	if w.chance(0.1) {
		return
	}
	again := &licensing.LicensePool{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}, Spec: p.Spec}
	if w.chance(0.2) {
		again.Spec = w.drawPool(p.Name).Spec
	}
	away := w.between(time.Millisecond, 2*time.Second)
	if w.chance(0.3) {
		away = w.between(2*time.Second, 3*w.scenario.PoolRemovalGrace)
	}
	t.sleep(away)
	_ = a.Create(context.Background(), again)
}

func (w *World) makeAccount(a *connection, user int) {
	w.logins++
	kind := licensing.AccountConcurrent
	if w.chance(0.5) {
		kind = licensing.AccountNamed
	}
	_ = a.Create(context.Background(), &licensing.LicenseAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("a%d", w.logins)},
		Spec: licensing.LicenseAccountSpec{PoolRef: licensing.PoolReference{Name: poolName(w.IntN(w.scenario.Pools))}, UserName: userName(user), Type: kind}})
}

func (w *World) changeAccount(a *connection) {
	all := w.server.Objects(apimodel.Accounts)
	if len(all) == 0 {
		return
	}
	account := all[w.IntN(len(all))].DeepCopyObject().(*licensing.LicenseAccount)
	switch w.IntN(3) {
	case 0:
		_ = a.Delete(context.Background(), account)
		return
	case 1:
		account.Spec.Disabled = !account.Spec.Disabled && w.chance(0.3)
	default:
		if account.Spec.Type == licensing.AccountNamed {
			account.Spec.Type = licensing.AccountConcurrent
		} else {
			account.Spec.Type = licensing.AccountNamed
		}
	}
	_ = a.Update(context.Background(), account)
}

func (w *World) anySession() *licensing.UserSession {
	all := w.server.Objects(apimodel.Sessions)
	if len(all) == 0 {
		return nil
	}
	return all[w.IntN(len(all))].DeepCopyObject().(*licensing.UserSession)
}

func (w *World) endSession(a *connection) {
	if s := w.anySession(); s != nil {
		w.terminate(a, s, []licensing.Requester{licensing.RequesterAdministrator, licensing.RequesterSystem}[w.IntN(2)])
	}
}

// signOnByHand makes a session with kubectl: it has no client that could be heard.
func (w *World) signOnByHand(a *connection) {
	w.logins++
	w.counts.Logins++
	_ = a.Create(context.Background(), &licensing.UserSession{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("k%d", w.logins)},
		Spec: licensing.UserSessionSpec{PoolRef: licensing.PoolReference{Name: poolName(w.IntN(w.scenario.Pools))}, UserName: userName(w.IntN(w.scenario.Users)), Module: "Web",
			MaxWaitSeconds: []int32{0, 20, 60}[w.IntN(3)]}})
}

// annotate touches something, so that whoever is about to write it has to look again; a pool at times so that it lets go of what it holds.
func (w *World) annotate(a *connection) {
	var obj client.Object
	if s := w.anySession(); s != nil && w.chance(0.5) {
		obj = s
	} else if p := w.poolNow(poolName(w.IntN(w.scenario.Pools))); p != nil {
		obj = p
	}
	if obj == nil {
		return
	}
	w.logins++
	annotations := obj.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations["touched"] = fmt.Sprint(w.logins)
	if w.chance(0.3) {
		annotations[licensing.AnnotationReleaseExpiry] = w.now.UTC().Format(time.RFC3339)
	}
	obj.SetAnnotations(annotations)
	_ = a.Update(context.Background(), obj)
}
