// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package apimodel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

const guesses = "guesses"

// guesser asks for what comes to its mind: much of it is refused.
type guesser struct {
	*rand.Rand
	*twin

	model *apimodel.Server
	began time.Time
	// known are objects as the model answered with them at some time, the newest last.
	known []client.Object
	// pages are lists that are not at their end yet.
	pages []*apimodel.Request
}

var everyKind = []*apimodel.Kind{apimodel.Pools, apimodel.Accounts, apimodel.Sessions, apimodel.Leases}

func newGuesser(t *testing.T, api client.WithWatch, seed uint64) *guesser {
	t.Helper()
	namespaces := map[*apimodel.Kind]string{}
	for _, k := range everyKind {
		namespaces[k] = guesses
	}
	return &guesser{Rand: rand.New(rand.NewPCG(seed, 0)), twin: newTwin(t, api, namespaces), model: apimodel.NewServer(time.Now), began: time.Now().Truncate(time.Second)}
}

// put asks both.
func (g *guesser) put(r *apimodel.Request) apimodel.Answer {
	g.t.Helper()
	answer := g.model.Do(r)
	g.ask(r, answer, 0)
	if answer.Object != nil {
		g.known = append(g.known, answer.Object)
	}
	return answer
}

// step asks one thing.
func (g *guesser) step() {
	g.t.Helper()
	kind := everyKind[g.IntN(len(everyKind))]
	if g.IntN(3) == 0 {
		kind = apimodel.Sessions
	}
	key := types.NamespacedName{Namespace: guesses, Name: fmt.Sprintf("%s-%d", kind, g.IntN(4))}
	switch x := g.IntN(20); {
	case x < 4:
		obj := g.draw(kind, key)
		if g.IntN(20) == 0 {
			if old := g.pick(); old != nil {
				obj = old // one that was there before
			}
		}
		g.put(apimodel.NewCreate(obj))
	case x < 6:
		g.list(kind)
	case x < 8:
		g.put(apimodel.NewGet(key, newObject(kind)))
	case x < 10:
		if old := g.pick(); old != nil {
			uid, version := old.GetUID(), old.GetResourceVersion()
			g.put(apimodel.NewDelete(old, [][]client.DeleteOption{nil, {client.Preconditions{UID: &uid}}, {client.Preconditions{ResourceVersion: &version}},
				{client.Preconditions{UID: &uid, ResourceVersion: &version}}}[g.IntN(4)]...))
		}
	default:
		if old := g.pick(); old != nil {
			g.change(old)
		}
	}
}

// pick is an object as it was at some time, mostly a short one ago; nil: none is known.
func (g *guesser) pick() client.Object {
	if len(g.known) == 0 {
		return nil
	}
	return g.known[len(g.known)-1-g.IntN(min(len(g.known), 12))].DeepCopyObject().(client.Object)
}

// change updates or patches an object as it was at some time.
func (g *guesser) change(old client.Object) {
	g.t.Helper()
	_, lease := old.(*coordinationv1.Lease)
	status := g.IntN(3) > 0 && !lease
	changed := old.DeepCopyObject().(client.Object)
	g.alter(changed, status)
	if g.IntN(2) == 0 {
		switch g.IntN(12) {
		case 0:
			changed.SetResourceVersion("")
		case 1:
			changed.SetUID("")
		case 2:
			changed.SetUID("uid-99999999")
		}
		g.put(apimodel.NewUpdate(changed, status))
		return
	}
	patch := client.MergeFrom(old)
	if g.IntN(3) > 0 {
		patch = client.MergeFromWithOptions(old, client.MergeFromWithOptimisticLock{})
	}
	r, err := apimodel.NewPatch(changed, patch, status)
	if err != nil {
		g.t.Fatal(err)
	}
	g.put(r)
}

// list begins a list, or goes on with one.
func (g *guesser) list(kind *apimodel.Kind) {
	g.t.Helper()
	var r *apimodel.Request
	if n := len(g.pages); n > 0 && g.IntN(2) == 0 {
		r, g.pages = g.pages[n-1], g.pages[:n-1]
	} else {
		options := []client.ListOption{client.InNamespace(guesses), client.Limit(g.IntN(4))}
		switch {
		case kind == apimodel.Leases && g.IntN(2) == 0:
			options = append(options, client.MatchingLabels{licensing.LabelReplica: "true"})
		case kind == apimodel.Sessions && g.IntN(3) == 0:
			options = append(options, client.MatchingFields{"spec.poolRef.name": "pool-0", "status.state": string(licensing.SessionActive)})
		case kind == apimodel.Sessions && g.IntN(3) == 0:
			options = append(options, client.MatchingFields{"spec.userName": "ann"})
		case (kind == apimodel.Sessions || kind == apimodel.Accounts) && g.IntN(2) == 0:
			options = append(options, client.MatchingFields{"spec.poolRef.name": fmt.Sprintf("pool-%d", g.IntN(2))})
		}
		r = apimodel.NewList(newList(kind), options...)
	}
	if answer := g.put(r); answer.Continue != "" {
		next := *r
		next.Continue = answer.Continue
		g.pages = append(g.pages, &next)
	}
}

// wanted is what must have been answered for the guesses to have been worth something.
var wanted = []string{
	"create session: AlreadyExists", "create pool: Invalid", "create session: Invalid", "update pool/status: OK", "update pool/status: Conflict", "patch session/status: OK",
	"patch session/status: Conflict", "patch session/status: Invalid", "patch session/status: NotFound", "patch session: Invalid", "update account: Invalid", "delete session: OK",
	"delete session: Conflict", "delete session: NotFound", "update lease: OK", "update lease: Conflict", "list session: OK", "get session: NotFound",
}

// draw is a new object; what a schema fills in is mostly left to it.
func (g *guesser) draw(kind *apimodel.Kind, key types.NamespacedName) client.Object {
	named := metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}
	pool := licensing.PoolReference{Name: fmt.Sprintf("pool-%d", g.IntN(2))}
	switch kind {
	case apimodel.Pools:
		p := &licensing.LicensePool{ObjectMeta: named}
		p.Status.ObservedGeneration = 7 // which is not for who makes it to say
		g.alterPool(&p.Spec)
		return p
	case apimodel.Accounts:
		a := &licensing.LicenseAccount{ObjectMeta: named, Spec: licensing.LicenseAccountSpec{PoolRef: pool, UserName: g.user()}}
		if g.IntN(2) == 0 {
			a.Spec.Type = licensing.AccountNamed
		}
		return a
	case apimodel.Leases:
		l := &coordinationv1.Lease{ObjectMeta: named}
		g.alterLease(l)
		return l
	default:
		s := &licensing.UserSession{ObjectMeta: named, Spec: licensing.UserSessionSpec{PoolRef: pool, UserName: g.user(), MaxWaitSeconds: []int32{0, 0, 30}[g.IntN(3)]}}
		if g.IntN(2) == 0 {
			s.Spec.Module, s.Spec.Client = "Desktop", &licensing.Client{HostName: "pc"}
		}
		if g.IntN(6) == 0 {
			s.Spec.Termination = &licensing.Termination{Message: "at once"}
		}
		if g.IntN(3) == 0 {
			s.Annotations = map[string]string{licensing.AnnotationHeardBy: "r1"}
		}
		s.Status.State = licensing.SessionActive // which is not for who makes it to say
		return s
	}
}

func (g *guesser) user() string { return []string{"ann", "bob", "bob", "ann", "ann", ""}[g.IntN(6)] }

// alter changes an object: its status, or its spec and annotations.
func (g *guesser) alter(obj client.Object, status bool) {
	if !status && g.IntN(2) == 0 {
		obj.SetAnnotations(map[string]string{"n": fmt.Sprint(g.IntN(3))})
	}
	if !status && g.IntN(4) == 0 {
		obj.SetLabels(map[string]string{"n": fmt.Sprint(g.IntN(2))})
	}
	switch o := obj.(type) {
	case *licensing.LicensePool:
		if status {
			g.alterPoolStatus(o)
		} else if g.IntN(2) == 0 {
			g.alterPool(&o.Spec)
		}
	case *licensing.LicenseAccount:
		switch x := g.IntN(6); {
		case status && x < 3:
			o.Status.PoolUID = []string{"", "u1", string(o.UID)}[x]
		case status:
			o.Status.Conditions = g.conditions("Licensed")
		case x == 0:
			o.Spec.UserName = g.user()
		case x == 1:
			o.Spec.Type = []licensing.AccountType{licensing.AccountNamed, licensing.AccountConcurrent, ""}[g.IntN(3)]
		default:
			o.Spec.Disabled = g.IntN(2) == 0
		}
		if status && g.IntN(3) == 0 {
			o.Spec.Disabled = !o.Spec.Disabled // which is not for who writes the status to say
		}
	case *licensing.UserSession:
		switch x := g.IntN(6); {
		case status:
			g.alterSessionStatus(o)
		case x == 0:
			o.Spec.UserName = g.user()
		case x == 1:
			o.Spec.Client = []*licensing.Client{nil, {}, {HostName: "pc"}}[g.IntN(3)]
		case x < 5:
			o.Spec.Termination = []*licensing.Termination{nil, {}, {RequestedBy: licensing.RequesterUser}, {RequestedBy: licensing.RequesterSystem, Message: "m"}}[g.IntN(4)]
		}
		if !status && g.IntN(3) == 0 {
			o.Status.State, o.Status.Message = licensing.SessionTerminated, "not this way"
		}
	case *coordinationv1.Lease:
		g.alterLease(o)
	}
}

func (g *guesser) alterLease(l *coordinationv1.Lease) {
	l.Labels = map[string]string{licensing.LabelReplica: []string{"true", "false"}[g.IntN(2)]}
	l.Spec.HolderIdentity = new("r1")
	l.Spec.LeaseDurationSeconds = new(int32(25))
	l.Spec.RenewTime = new(metav1.NewMicroTime(g.began.Add(time.Duration(g.IntN(3)) * 1234567 * time.Nanosecond)))
}

func (g *guesser) alterPool(spec *licensing.LicensePoolSpec) {
	switch g.IntN(8) {
	case 0:
		spec.Concurrent, spec.Named = nil, nil
	case 1:
		spec.Named = &licensing.Seats{Seats: new(g.Int32N(3))}
	default:
		spec.Concurrent = &licensing.Seats{Seats: new(g.Int32N(3))}
	}
	if g.IntN(3) == 0 {
		spec.Sharing = []*licensing.Sharing{nil, {}, {SeatPer: []licensing.SeatDimension{licensing.SeatPerUser, licensing.SeatPerModule}}}[g.IntN(3)]
	}
	if g.IntN(2) == 0 {
		rules := &licensing.SessionRules{}
		if g.IntN(2) == 0 {
			rules.IdleTimeoutSeconds = new(int32(60))
			rules.Prompt = []*licensing.Prompt{nil, {}, {LeadSeconds: new(int32(20))}, {Modules: []licensing.ModuleName{"Web", "Desktop"}}}[g.IntN(4)]
		}
		if g.IntN(2) == 0 {
			rules.HeartbeatIntervalSeconds = new(int32(15))
			rules.LostAfterSeconds = new([]int32{60, 20}[g.IntN(2)])
		}
		if g.IntN(3) == 0 {
			rules.MaxPerUser = &licensing.UserLimit{Sessions: 1, WhenExceeded: []licensing.LimitAction{"", licensing.LimitTerminateOldest}[g.IntN(2)]}
		}
		spec.Sessions = rules
	}
}

func (g *guesser) alterPoolStatus(p *licensing.LicensePool) {
	p.Status.ObservedGeneration = int64(g.IntN(2) + 1)
	switch g.IntN(4) {
	case 0:
		p.Status.Grants = nil
	case 1:
		p.Status.Conditions = g.conditions("Ready")
	default:
		p.Status.Grants = &licensing.GrantLog{Term: fmt.Sprint("t", g.IntN(3)), SessionsFenced: g.IntN(2) == 0}
		for n := range g.IntN(3) {
			p.Status.Grants.Intents = append(p.Status.Grants.Intents, licensing.GrantIntent{Kind: "UserSession", Name: fmt.Sprintf("session-%d", n), UID: p.UID, Seat: licensing.SeatConcurrent})
		}
	}
	if g.IntN(3) == 0 {
		p.Spec.DisplayName = "not this way"
	}
}

func (g *guesser) conditions(of string) []metav1.Condition {
	return []metav1.Condition{{Type: of, Status: []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse}[g.IntN(2)], Reason: "Guessed", LastTransitionTime: *g.time()}}
}

func (g *guesser) time() *metav1.Time {
	return new(metav1.NewTime(g.began.Add(time.Duration(g.IntN(3)) * time.Second).Add(300 * time.Millisecond)))
}

func (g *guesser) alterSessionStatus(o *licensing.UserSession) {
	s := &o.Status
	switch g.IntN(12) {
	case 0, 1, 2:
		s.State, s.Seat, s.Connection, s.LogonTime = licensing.SessionActive, licensing.SeatConcurrent, "c", g.time()
	case 3:
		s.State, s.Seat, s.LogonTime = licensing.SessionActive, licensing.SeatUncounted, g.time()
	case 4:
		s.State, s.TerminatedTime, s.TerminationAction = licensing.SessionTerminated, g.time(), licensing.RequestedByUser
	case 5:
		s.State, s.TerminatedTime = licensing.SessionDenied, g.time()
	case 6:
		s.State = []licensing.SessionState{licensing.SessionPending, licensing.SessionActive, licensing.SessionTerminated, ""}[g.IntN(4)]
	case 7:
		s.Connection = "d"
	case 8:
		s.TerminatedTime = []*metav1.Time{nil, g.time()}[g.IntN(2)]
	case 9:
		*s = licensing.UserSessionStatus{}
	case 10:
		s.Conditions = g.conditions("Granted")
	default:
		s.LastActivityTime, s.UnsavedWork, s.Message = g.time(), g.IntN(2) == 0, fmt.Sprint(g.IntN(2))
	}
}
