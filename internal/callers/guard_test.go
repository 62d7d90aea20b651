// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package callers

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

const audience = "seatkeeper"

// server answers reviews as an API server does.
type server struct {
	*fake.Clientset
	tokens   func(*authenticationv1.TokenReview) (*authenticationv1.TokenReview, error)
	accesses func(*authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReview, error)
	asked    atomic.Int64
}

// newServer knows the tokens "token-of-ann", "token-of-bob", ...: each of the user of that name, made for our audience; "token-of-pod" is the default
// token of a pod. The user ann may sign users on, in the namespace itsm.
func newServer() *server {
	s := &server{Clientset: fake.NewClientset()}
	s.tokens = func(r *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error) {
		name, good := strings.CutPrefix(r.Spec.Token, "token-of-")
		r.Status.Authenticated = good
		if !good {
			r.Status.Error = "[invalid bearer token]"
			return r, nil
		}
		r.Status.Audiences = r.Spec.Audiences
		if name == "pod" {
			r.Status.Audiences = nil
		}
		r.Status.User = authenticationv1.UserInfo{
			Username: name, UID: "uid-" + name, Groups: []string{"servers"}, Extra: map[string]authenticationv1.ExtraValue{"pod": {"a", "b"}},
		}
		return r, nil
	}
	s.accesses = func(r *authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReview, error) {
		a := r.Spec.ResourceAttributes
		asked := a.Namespace == "itsm" && a.Verb == "create" && a.Group == "licensing.seatkeeper.dev" && a.Resource == "usersessions"
		r.Status.Allowed = asked && r.Spec.User == "ann" && r.Spec.UID == "uid-ann" && slices.Equal(r.Spec.Groups, []string{"servers"}) &&
			reflect.DeepEqual(r.Spec.Extra, map[string]authorizationv1.ExtraValue{"pod": {"a", "b"}})
		return r, nil
	}
	s.PrependReactor("create", "tokenreviews", func(action kubetesting.Action) (bool, runtime.Object, error) {
		s.asked.Add(1)
		review, err := s.tokens(action.(kubetesting.CreateAction).GetObject().(*authenticationv1.TokenReview).DeepCopy())
		return true, review, err
	})
	s.PrependReactor("create", "subjectaccessreviews", func(action kubetesting.Action) (bool, runtime.Object, error) {
		s.asked.Add(1)
		review, err := s.accesses(action.(kubetesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview).DeepCopy())
		return true, review, err
	})
	return s
}

func (s *server) guard(by clock.PassiveClock) *Guard {
	return newGuard(s.AuthenticationV1().TokenReviews(), s.AuthorizationV1().SubjectAccessReviews(), audience, by)
}

func (s *server) wantAsked(t *testing.T, want int64) {
	t.Helper()
	if got := s.asked.Load(); got != want {
		t.Errorf("the API server was asked %d times, want %d", got, want)
	}
}

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestACallerIsKnownByItsToken(t *testing.T) {
	s := newServer()
	g := New(s.AuthenticationV1().TokenReviews(), s.AuthorizationV1().SubjectAccessReviews(), audience)
	ann, err := g.Authenticate(t.Context(), "token-of-ann")
	want := Caller{Username: "ann", UID: "uid-ann", Groups: []string{"servers"}, Extra: map[string][]string{"pod": {"a", "b"}}}
	if err != nil || !reflect.DeepEqual(ann, want) {
		t.Errorf("ann is %+v, %v", ann, err)
	}
	if err := g.Authorize(t.Context(), ann, "itsm"); err != nil {
		t.Error(err)
	}
	if err := g.Authorize(t.Context(), ann, "sales"); !errors.Is(err, ErrForbidden) {
		t.Errorf("ann in sales: %v", err)
	}
	bob, err := g.Authenticate(t.Context(), "token-of-bob")
	if err != nil || bob.Username != "bob" {
		t.Errorf("bob is %+v, %v", bob, err)
	}
	if err := g.Authorize(t.Context(), bob, "itsm"); !errors.Is(err, ErrForbidden) {
		t.Errorf("bob: %v", err)
	}
	if err := g.Authorize(t.Context(), ann, ""); !errors.Is(err, ErrForbidden) {
		t.Errorf("ann in all namespaces: %v", err)
	}
	if err := g.Authorize(t.Context(), Caller{}, "itsm"); !errors.Is(err, ErrForbidden) {
		t.Errorf("nobody: %v", err)
	}
	// Who differs in anything is another.
	other := want
	other.Extra = map[string][]string{"pod": {"a"}}
	if err := g.Authorize(t.Context(), other, "itsm"); !errors.Is(err, ErrForbidden) {
		t.Errorf("ann from another pod: %v", err)
	}
}

func TestWhoIsNotAuthenticated(t *testing.T) {
	s := newServer()
	g := s.guard(clock.RealClock{})
	for what, token := range map[string]string{
		"nothing": "", "garbage": "garbage", "a pod's default token": "token-of-pod", "a user without a name": "token-of-", "too long": "token-of-" + strings.Repeat("a", maxToken),
	} {
		if caller, err := g.Authenticate(t.Context(), token); !errors.Is(err, ErrUnauthenticated) || errors.Is(err, ErrUnavailable) || caller.Username != "" {
			t.Errorf("%s: %+v, %v", what, caller, err)
		}
	}
	s.wantAsked(t, 3)
	// The answer names other audiences only, as that of a server without audiences does.
	s.tokens = func(r *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error) {
		r.Status = authenticationv1.TokenReviewStatus{
			Authenticated: true, Audiences: []string{"https://kubernetes.default.svc", "seatkeeper2"}, User: authenticationv1.UserInfo{Username: "ann"},
		}
		return r, nil
	}
	if _, err := g.Authenticate(t.Context(), "token-of-cid"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("another audience: %v", err)
	}
	none := New(s.AuthenticationV1().TokenReviews(), s.AuthorizationV1().SubjectAccessReviews(), "")
	if _, err := none.Authenticate(t.Context(), "token-of-dan"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("no audience at all: %v", err)
	}
}

func TestAnswersAreUsedAgainForSeconds(t *testing.T) {
	s, c := newServer(), clocktesting.NewFakePassiveClock(now)
	g := s.guard(c)
	ask := func(token string, want error) {
		t.Helper()
		if _, err := g.Authenticate(t.Context(), token); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", token, err, want)
		}
	}
	may := func(namespace string, want error) {
		t.Helper()
		ann := Caller{Username: "ann", UID: "uid-ann", Groups: []string{"servers"}, Extra: map[string][]string{"pod": {"a", "b"}}}
		if err := g.Authorize(t.Context(), ann, namespace); !errors.Is(err, want) {
			t.Errorf("ann in %s: %v, want %v", namespace, err, want)
		}
	}
	all := func() {
		t.Helper()
		ask("token-of-ann", nil)
		ask("garbage", ErrUnauthenticated)
		may("itsm", nil)
		may("sales", ErrForbidden)
	}
	all()
	all()
	s.wantAsked(t, 4)
	c.SetTime(now.Add(rememberNo - 1))
	all()
	s.wantAsked(t, 4)
	c.SetTime(now.Add(rememberNo))
	all()
	s.wantAsked(t, 6)
	c.SetTime(now.Add(rememberYes))
	all()
	s.wantAsked(t, 10)
	// Set back: an answer of the future is not used.
	c.SetTime(now)
	all()
	s.wantAsked(t, 14)
}

func TestAFailureIsNotRemembered(t *testing.T) {
	s := newServer()
	g := s.guard(clock.RealClock{})
	tokens, accesses := s.tokens, s.accesses
	for what, failure := range map[string]error{
		"away":              errors.New("connection refused"),
		"no permission":     apierrors.NewForbidden(schema.GroupResource{Resource: "tokenreviews"}, "", errors.New("may not")),
		"too many requests": apierrors.NewTooManyRequests("later", 1),
		"shows the token":   errors.New("cannot review token-of-ann"),
	} {
		t.Run(what, func(t *testing.T) {
			s.tokens = func(*authenticationv1.TokenReview) (*authenticationv1.TokenReview, error) {
				return nil, failure
			}
			s.accesses = func(*authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReview, error) {
				return nil, failure
			}
			_, err := g.Authenticate(t.Context(), "token-of-ann")
			if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnauthenticated) || strings.Contains(err.Error(), "token-of-ann") {
				t.Errorf("Authenticate: %v", err)
			}
			if err := g.Authorize(t.Context(), Caller{Username: "ann"}, "itsm"); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrForbidden) {
				t.Errorf("Authorize: %v", err)
			}
		})
	}
	s.tokens, s.accesses = tokens, accesses
	ann, err := g.Authenticate(t.Context(), "token-of-ann")
	if err == nil {
		err = g.Authorize(t.Context(), ann, "itsm")
	}
	if err != nil {
		t.Errorf("after the API server came back: %v", err)
	}
}

func TestStrangersDoNotPushCallersOut(t *testing.T) {
	s := newServer()
	g := s.guard(clocktesting.NewFakePassiveClock(now))
	if _, err := g.Authenticate(t.Context(), "token-of-ann"); err != nil {
		t.Fatal(err)
	}
	s.tokens = func(r *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error) { return r, nil }
	for i := range 2 * remembered {
		// As a review would, which costs much more here.
		g.strangers.put(digest{byte(i), byte(i >> 8), 1}, struct{}{})
	}
	if _, err := g.Authenticate(t.Context(), "token-of-ann"); err != nil {
		t.Error(err)
	}
	if n := len(g.strangers.answers); n != remembered {
		t.Errorf("%d strangers are remembered", n)
	}
	s.wantAsked(t, 1)
}

func TestMemoryForgetsTheOldestFirst(t *testing.T) {
	c := clocktesting.NewFakePassiveClock(now)
	m := newMemory[int](c, time.Minute, 3)
	for i, id := range []byte{1, 2, 1, 3, 4} {
		m.put(digest{id}, i)
	}
	for id, want := range map[byte]int{1: 2, 3: 3, 4: 4} {
		if got, ok := m.get(digest{id}); !ok || got != want {
			t.Errorf("%d is %d, %t; want %d", id, got, ok, want)
		}
	}
	if got, ok := m.get(digest{2}); ok || len(m.answers) != 3 {
		t.Errorf("%d is remembered beyond the bound (%d answers)", got, len(m.answers))
	}
}

func BenchmarkRemembered(b *testing.B) {
	s := newServer()
	g := s.guard(clocktesting.NewFakePassiveClock(now))
	b.ReportAllocs()
	for b.Loop() {
		caller, err := g.Authenticate(b.Context(), "token-of-ann")
		if err == nil {
			err = g.Authorize(b.Context(), caller, "itsm")
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
