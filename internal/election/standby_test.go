// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package election

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	leasesclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/clock"
)

// leases is an API server with one Lease at the most.
type leases struct {
	leasesclient.LeaseInterface

	mu      sync.Mutex
	now     *coordinationv1.Lease
	away    bool
	watches []*watch.FakeWatcher
}

func (l *leases) Get(context.Context, string, metav1.GetOptions) (*coordinationv1.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.away:
		return nil, errors.New("away")
	case l.now == nil:
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "leases"}, "lead")
	}
	return l.now.DeepCopy(), nil
}

func (l *leases) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return nil, errors.New("away")
	}
	w := watch.NewFakeWithChanSize(100, false)
	l.watches = append(l.watches, w)
	return w, nil
}

// renew is a leader's write; the watches tell of it, unless they hang.
func (l *leases) renew(holder string, hang bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: new(metav1.NewMicroTime(time.Now()))}}
	if n := len(l.watches); n > 0 && !hang {
		l.watches[n-1].Modify(l.now.DeepCopy())
	}
}

func (l *leases) last() *watch.FakeWatcher {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.watches[len(l.watches)-1]
}

// waits runs a standby, and what happens meanwhile; it returns how long after that the lead could be had, and from whom.
func waits(t *testing.T, l *leases, happens func()) (took time.Duration, free resourcelock.LeaderElectionRecord) {
	t.Helper()
	done := make(chan time.Time)
	go func() {
		s := &standby{leases: l, name: "lead", identity: "me", clock: clock.RealClock{}}
		var err error
		if free, err = s.free(t.Context()); err != nil {
			t.Error(err)
		}
		done <- time.Now()
	}()
	synctest.Wait()
	happens()
	happened := time.Now()
	return (<-done).Sub(happened), free
}

func TestALeadThatIsGivenUpIsTakenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &leases{}
		l.renew("other", false)
		took, free := waits(t, l, func() {
			time.Sleep(14 * time.Second)
			l.renew("other", false)
			time.Sleep(14 * time.Second)
			l.renew("", false)
		})
		if took != 0 || free.HolderIdentity != "" {
			t.Errorf("after %s, from %+v", took, free)
		}
	})
}

func TestADeadLeadersLeadIsTakenWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &leases{}
		l.renew("other", false)
		took, free := waits(t, l, func() {
			time.Sleep(14 * time.Second)
			l.renew("other", false)
		})
		if took != leaseDuration || free.HolderIdentity != "other" {
			t.Errorf("after %s, from %+v", took, free)
		}
	})
}

// A watch that hangs must not make a leader look dead.
func TestALeaderThatRenewsUnseenLeadsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &leases{}
		l.renew("other", false)
		took, _ := waits(t, l, func() {
			for range 20 {
				time.Sleep(retryPeriod)
				l.renew("other", true)
			}
		})
		if took < leaseDuration {
			t.Errorf("the lead was taken %s after the last renewal", took)
		}
	})
}

func TestAnAPIServerThatIsAwayIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &leases{away: true}
		took, free := waits(t, l, func() {
			time.Sleep(time.Minute)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.away = false
		})
		if took > time.Second || free.HolderIdentity != "" {
			t.Errorf("after %s, from %+v", took, free)
		}
	})
}

func TestAWatchThatBreaksIsOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &leases{}
		l.renew("other", false)
		took, _ := waits(t, l, func() {
			for range 5 {
				l.last().Stop()
				time.Sleep(retryPeriod)
				l.renew("other", false)
			}
			l.renew("", false)
		})
		if took != 0 || len(l.watches) != 6 {
			t.Errorf("after %s and %d watches", took, len(l.watches))
		}
	})
}

// What was its own before the process lost it, or what nobody has made yet, is there to be taken.
func TestWhatIsFreeIsTakenAtOnce(t *testing.T) {
	for _, holder := range []string{"", "me"} {
		l := &leases{}
		l.renew(holder, false)
		s := &standby{leases: l, name: "lead", identity: "me", clock: clock.RealClock{}}
		if free, err := s.free(t.Context()); err != nil || free.HolderIdentity != holder {
			t.Errorf("held by %q: %+v, %v", holder, free, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &standby{leases: &leases{away: true}, name: "lead", identity: "me", clock: clock.RealClock{}}
	if _, err := s.free(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
