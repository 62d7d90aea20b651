// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package recorder_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/history"
	"github.com/seatkeeper/seatkeeper/internal/history/recorder"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	"github.com/seatkeeper/seatkeeper/test/controlplane"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

const (
	root = "../../.."
	ns   = "prove"
)

// site is a control plane with the operator, and its history.
type site struct {
	*replica.Installation
	t       *testing.T
	mu      sync.Mutex
	text    bytes.Buffer
	stop    func() error
	replica *replica.Replica
}

func begin(t *testing.T) *site {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	bin, err := replica.Assets(ctx, root)
	check(t, err)
	cluster, err := controlplane.Start(ctx, controlplane.Options{BinDir: bin, UnsafeNoFsync: true})
	check(t, err)
	t.Cleanup(func() { check(t, cluster.Stop()) })
	installed, err := replica.Install(ctx, cluster, root, bin, dir)
	check(t, err)
	s := &site{Installation: installed, t: t}
	check(t, s.API.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}))
	s.replica, err = s.Start(ctx, replica.Options{Args: []string{"--pool-removal-grace=5s"}})
	check(t, err)
	s.record(ctx)
	return s
}

// record begins to record the namespace.
func (s *site) record(ctx context.Context) {
	s.t.Helper()
	api, err := dynamic.NewForConfig(s.Cluster.RESTConfig())
	check(s.t, err)
	ctx, cancel := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	r := &recorder.Recorder{Client: api, Namespace: ns, Clock: clock.RealClock{}, Log: logr.Discard(), Mark: 200 * time.Millisecond, Ready: func() { close(ready) },
		Write: func(e history.Entry) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			return history.Write(&s.text, e)
		}}
	go func() { ended <- r.Run(ctx) }()
	s.stop = func() error {
		cancel()
		return <-ended
	}
	select {
	case <-ready:
	case err := <-ended:
		s.t.Fatal("the recorder ended: ", err)
	}
}

// check checks all that is recorded up to now.
func (s *site) check() (*history.Checker, int) {
	s.t.Helper()
	s.mu.Lock()
	entries, err := history.Read(bytes.NewReader(s.text.Bytes()))
	s.mu.Unlock()
	check(s.t, err)
	c := history.NewChecker(history.Options{Grace: 5 * time.Second, SeatBound: 5 * time.Second, Events: true})
	for _, e := range entries {
		check(s.t, c.Feed(e))
	}
	return c, len(entries)
}

func (s *site) login(b *UserSessionBuilder) *licensing.UserSession {
	s.t.Helper()
	session := b.Namespace(ns).Obj()
	check(s.t, s.API.Create(s.t.Context(), session))
	return session
}

// becomes waits until a session is in a state for a reason.
func (s *site) becomes(session *licensing.UserSession, state licensing.SessionState, reason string) {
	s.t.Helper()
	want := string(state) + " " + reason
	got := ""
	eventually(s.t, session.Name+" must become "+want, func() (bool, error) {
		err := s.API.Get(s.t.Context(), client.ObjectKeyFromObject(session), session)
		if got = string(session.Status.State); meta.FindStatusCondition(session.Status.Conditions, licensing.ConditionGranted) != nil {
			got += " " + meta.FindStatusCondition(session.Status.Conditions, licensing.ConditionGranted).Reason
		}
		return got == want, err
	})
}

func (s *site) ask(session *licensing.UserSession, by licensing.Requester) {
	s.t.Helper()
	before := session.DeepCopy()
	session.Spec.Termination = &licensing.Termination{RequestedBy: by}
	check(s.t, s.API.Patch(s.t.Context(), session, client.MergeFrom(before)))
}

// The operator at work, in each way that a session can come and go within the time of a test, breaks no promise. Then an administrator does.
func TestARealHistoryHasNoFindingsUntilOneIsPlanted(t *testing.T) {
	s := begin(t)
	ctx := t.Context()
	check(t, s.API.Create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(2).Named(1).Obj()))
	check(t, s.API.Create(ctx, MakeLicensePool("one").Namespace(ns).Concurrent(5).MaxPerUser(1, licensing.LimitTerminateOldest).SeatPer(licensing.SeatPerModule).Obj()))
	check(t, s.API.Create(ctx, MakeLicensePool("lossy").Namespace(ns).Concurrent(5).HeartbeatInterval(5*time.Second).LostAfter(10*time.Second).Obj()))
	check(t, s.API.Create(ctx, MakeLicensePool("gone").Namespace(ns).Concurrent(5).Obj()))
	check(t, s.API.Create(ctx, MakeLicenseAccount("nina").Namespace(ns).Pool("p").User("nina").Named().Obj()))
	check(t, s.API.Create(ctx, MakeLicenseAccount("nils").Namespace(ns).Pool("p").User("nils").Named().Obj()))

	// A client that is lost, while all the rest happens.
	token, err := s.AppServer(ctx, ns, "desk")
	check(t, err)
	lost, err := s.replica.Gateway().SignOn(ctx, token, ns, "lossy", gatewayapi.Login{UserName: "lost"}, replica.SignOnOptions{})
	check(t, err)
	if lost.OK == nil {
		t.Fatal(lost)
	}
	bereft := s.login(MakeUserSession("bereft").Pool("gone").User("bo"))
	s.becomes(bereft, licensing.SessionActive, "SeatGranted")
	check(t, s.API.Delete(ctx, MakeLicensePool("gone").Namespace(ns).Obj()))

	var on []*licensing.UserSession
	for _, user := range []string{"ann", "ben", "Ann", "nina"} {
		session := s.login(MakeUserSession("s-" + strings.ToLower(user) + fmt.Sprint(len(on))).Pool("p").User(user))
		on = append(on, session)
		s.becomes(session, licensing.SessionActive, map[bool]string{true: "SeatShared", false: "SeatGranted"}[user == "Ann"])
	}
	system := s.login(MakeUserSession("system").Pool("p").User("cron").SystemLogin())
	s.becomes(system, licensing.SessionActive, "SystemLogin")
	s.becomes(s.login(MakeUserSession("denied").Pool("p").User("dan")), licensing.SessionDenied, "SeatsExhausted")
	var queue []*licensing.UserSession
	for i := range 3 {
		session := s.login(MakeUserSession(fmt.Sprintf("q%d", i)).Pool("p").User(fmt.Sprintf("q%d", i)).MaxWait(5 * time.Minute))
		queue = append(queue, session)
		s.becomes(session, licensing.SessionPending, "Waiting")
	}
	s.ask(on[1], licensing.RequesterUser)
	s.becomes(on[1], licensing.SessionTerminated, "Terminated")
	s.becomes(queue[0], licensing.SessionActive, "SeatGranted")
	check(t, s.API.Delete(ctx, on[0])) // its user's other session keeps the seat
	check(t, s.API.Delete(ctx, on[2]))
	s.becomes(queue[1], licensing.SessionActive, "SeatGranted")
	s.ask(queue[2], licensing.RequesterAdministrator)
	s.becomes(queue[2], licensing.SessionTerminated, "Terminated")

	for i := range 4 { // each displaces the one before
		s.becomes(s.login(MakeUserSession(fmt.Sprintf("d%d", i)).Pool("one").User("max").Module(licensing.ModuleName(fmt.Sprintf("M%d", i)))), licensing.SessionActive, "SeatGranted")
	}
	for _, seats := range []int32{1, 3} {
		pool := &licensing.LicensePool{}
		check(t, s.API.Get(ctx, client.ObjectKey{Namespace: ns, Name: "p"}, pool))
		before := pool.DeepCopy()
		pool.Spec.Concurrent.Seats = &seats
		check(t, s.API.Patch(ctx, pool, client.MergeFrom(before)))
		s.becomes(s.login(MakeUserSession(fmt.Sprintf("when-%d", seats)).Pool("p").User(fmt.Sprintf("when-%d", seats))),
			map[int32]licensing.SessionState{1: licensing.SessionDenied, 3: licensing.SessionActive}[seats], map[int32]string{1: "SeatsExhausted", 3: "SeatGranted"}[seats])
	}
	s.becomes(bereft, licensing.SessionTerminated, "Terminated")
	session := &licensing.UserSession{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: lost.OK.Name}}
	s.becomes(session, licensing.SessionTerminated, "Terminated")
	check(t, s.replica.Kill()) // a crash, and another takes over
	s.replica, err = s.Start(ctx, replica.Options{Args: []string{"--pool-removal-grace=5s"}})
	check(t, err)
	s.becomes(s.login(MakeUserSession("late").Pool("p").User("late")), licensing.SessionDenied, "SeatsExhausted")

	// All is quiet once counts are right and Events have come.
	eventually(t, "no findings once all is quiet", func() (bool, error) {
		c, n := s.check()
		c.Settle()
		if len(c.Findings()) > 0 {
			return false, fmt.Errorf("%v", c.Findings())
		}
		t.Logf("%d entries, up to revision %d, no findings", n, c.Revision())
		return true, nil
	})

	// The administrator's own hands: one more than there are seats.
	planted := s.login(MakeUserSession("planted").Pool("p").User("eve"))
	s.becomes(planted, licensing.SessionDenied, "SeatsExhausted")
	check(t, s.replica.Stop())
	planted = s.login(MakeUserSession("planted-2").Pool("p").User("eve"))
	planted.Status = MakeUserSession("").Active(licensing.SeatConcurrent, string(planted.UID), time.Now()).Obj().Status
	check(t, s.API.Status().Update(ctx, planted))
	eventually(t, "the planted session must be found", func() (bool, error) {
		c, _ := s.check()
		found := slices.ContainsFunc(c.Findings(), func(f history.Finding) bool {
			return f.Invariant == history.NeverOversold && strings.Contains(f.String(), "planted-2") && strings.Contains(f.Message, "does not have")
		})
		return found && len(c.Findings()) == 1, fmt.Errorf("findings: %v", c.Findings())
	})
	check(t, s.stop())
}

func eventually(t *testing.T, what string, is func() (bool, error)) {
	t.Helper()
	last := errors.New("")
	for end := time.Now().Add(45 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		ok, err := is()
		if ok {
			return
		}
		last = err
	}
	t.Fatalf("%s: %v", what, last)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
