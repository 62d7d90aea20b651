// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package election

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lease is a Lease that somebody holds.
type lease struct {
	resourcelock.Interface

	holder string
	err    error
}

func (l *lease) Identity() string { return "me" }

func (l *lease) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	return &resourcelock.LeaderElectionRecord{HolderIdentity: l.holder}, nil, l.err
}

func TestALeaseThatAnotherHoldsOrNobodyIsLost(t *testing.T) {
	for _, c := range []struct {
		lease lease
		taken bool
		lost  bool
	}{
		{lease{holder: "me"}, true, false},
		{lease{holder: "other"}, true, true},
		{lease{holder: "other"}, false, true},
		{lease{holder: "dead"}, false, false},
		{lease{holder: "dead"}, true, true},
		{lease{holder: ""}, true, true},
		{lease{err: errors.New("away")}, true, false},
	} {
		lost := false
		own := &ownLock{Interface: &c.lease, free: resourcelock.LeaderElectionRecord{HolderIdentity: "dead"}, taken: c.taken, lost: func() { lost = true }}
		if _, _, err := own.Get(t.Context()); !errors.Is(err, c.lease.err) || lost != c.lost {
			t.Errorf("held by %q, taken before %v: lost %v, %v", c.lease.holder, c.taken, lost, err)
		}
	}
}

// Update is refused when another was quicker.
func (l *lease) Update(context.Context, resourcelock.LeaderElectionRecord) error { return l.err }

func TestWhoWasTooLateIsAStandbyAgain(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "leases"}, "lead", errors.New("changed"))
	for _, c := range []struct {
		err         error
		taken, lost bool
	}{{nil, false, false}, {conflict, false, true}, {conflict, true, false}, {errors.New("away"), false, false}} {
		lost := false
		own := &ownLock{Interface: &lease{err: c.err}, taken: c.taken, lost: func() { lost = true }}
		if err := own.Update(t.Context(), resourcelock.LeaderElectionRecord{}); !errors.Is(err, c.err) || lost != c.lost || own.taken != (c.taken || c.err == nil) {
			t.Errorf("%v, taken before %v: lost %v, taken %v", err, c.taken, lost, own.taken)
		}
	}
}

// The library would watch a dead leader's lease for another fifteen seconds.
func TestADeadLeadersLeaseIsShownAsNobodys(t *testing.T) {
	dead := resourcelock.LeaderElectionRecord{HolderIdentity: "dead"}
	own := &ownLock{Interface: &lease{holder: "dead"}, free: dead, lost: func() {}}
	if record, _, err := own.Get(t.Context()); err != nil || record.HolderIdentity != "" {
		t.Errorf("held by %q, %v", record.HolderIdentity, err)
	}
}

func TestLeadingEndsWithTheLeaseAndWithTheProcess(t *testing.T) {
	e := &Election{Log: logr.Discard(), Lead: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	held, lose := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, lose)
	if err := e.leadWhile(t.Context(), held); err != nil {
		t.Error("a lead that was lost is no error:", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, stop)
	if err := e.leadWhile(ctx, t.Context()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Without an election a replica leads, and tries again when it could not.
func TestWithoutAnElectionAReplicaLeads(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	leads := 0
	e := &Election{Log: logr.Discard(), Lead: func(context.Context) error {
		if leads++; leads == 2 {
			stop()
		}
		return errors.New("no")
	}}
	if err := e.Start(ctx); err != nil || leads != 2 {
		t.Errorf("led %d times: %v", leads, err)
	}
}
