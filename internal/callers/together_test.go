// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package callers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	"k8s.io/utils/clock"
)

// However many ask at once, one review answers them; who leaves meanwhile does so at once, and spoils nothing for the others.
func TestOneReviewForAllWhoAskAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		g := newGuard(slow{s.AuthenticationV1().TokenReviews()}, nil, audience, clock.RealClock{})
		began := time.Now()
		first, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := g.Authenticate(first, "token-of-ann"); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
			if time.Since(began) != 0 {
				t.Error("who left waited for the answer")
			}
		})
		synctest.Wait()
		for range 50 {
			all.Go(func() {
				if caller, err := g.Authenticate(t.Context(), "token-of-ann"); err != nil || caller.Username != "ann" {
					t.Errorf("who stayed got %v, %v", caller, err)
				}
			})
		}
		synctest.Wait()
		leave()
		all.Wait()
		s.wantAsked(t, 1)
	})
}

// A review that hangs is given up after its own time.
func TestAReviewThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(hanging{}, nil, audience, clock.RealClock{})
		began := time.Now()
		if _, err := g.Authenticate(t.Context(), "token-of-ann"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != reviewTimeout {
			t.Errorf("gave up after %s", took)
		}
	})
}

func TestManyCallersAtOnce(t *testing.T) {
	s := newServer()
	g := s.guard(clock.RealClock{})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				name := fmt.Sprint("user-", (i+j)%5)
				caller, err := g.Authenticate(t.Context(), "token-of-"+name)
				if err != nil || caller.Username != name {
					t.Errorf("%s is %v, %v", name, caller, err)
				}
				if err := g.Authorize(t.Context(), caller, "itsm"); !errors.Is(err, ErrForbidden) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	all.Wait()
	if n := s.asked.Load(); n < 10 || n > 100 {
		t.Errorf("asked %d times about five callers", n)
	}
}

// slow is an API server that takes two seconds, unless who asks goes away.
type slow struct {
	authenticationv1client.TokenReviewInterface
}

func (s slow) Create(ctx context.Context, r *authenticationv1.TokenReview, o metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	select {
	case <-time.After(2 * time.Second):
		return s.TokenReviewInterface.Create(ctx, r, o)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hanging is an API server that never answers.
type hanging struct {
	authenticationv1client.TokenReviewInterface
}

func (hanging) Create(ctx context.Context, _ *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
