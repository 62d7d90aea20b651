// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package callers tells who calls (TokenReview) and whether it may sign users on (SubjectAccessReview). Permissions are plain RBAC; requirement B2.
package callers

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/utils/clock"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// Whoever runs this asks the API server about others.
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// What Authenticate and Authorize answer; compare with errors.Is.
var (
	// ErrUnauthenticated: the token is not valid here; HTTP 401.
	ErrUnauthenticated = errors.New("the caller's token must be a valid one that was made for this service")
	// ErrForbidden: the caller is known and may not; HTTP 403.
	ErrForbidden = errors.New("the caller must have the permission to create usersessions in this namespace")
	// ErrUnavailable: the API server gave no answer; HTTP 503.
	ErrUnavailable = errors.New("the API server did not answer who the caller is and what it may do")
)

const (
	// rememberYes and rememberNo are how long answers are used again. The API server itself takes a token for some ten seconds after its pod has gone.
	rememberYes = 10 * time.Second
	rememberNo  = 5 * time.Second
	// remembered bounds the answers of each kind. Bad tokens are remembered apart from good ones, and so never push those out.
	remembered = 4096
	// reviewTimeout bounds a review, which those share that wait for it.
	reviewTimeout = 5 * time.Second
	// maxToken bounds a token; one of a service account has about a thousand bytes.
	maxToken = 16 << 10
)

// Caller is who a token belongs to. It is shared by those who show the same token: do not change its fields' contents.
type Caller struct {
	Username, UID string
	Groups        []string
	Extra         map[string][]string
}

type digest = [sha256.Size]byte

// Guard asks the API server about callers, and remembers the answers for seconds; safe for many goroutines at once.
type Guard struct {
	authn    authenticationv1client.TokenReviewInterface
	authz    authorizationv1client.SubjectAccessReviewInterface
	audience string
	reviews  singleflight.Group

	callers    *memory[Caller]
	strangers  *memory[struct{}]
	permitted  *memory[struct{}]
	forbidding *memory[struct{}]
}

// New returns a Guard that accepts the tokens that were made for the audience. An empty audience accepts none.
func New(authn authenticationv1client.TokenReviewInterface, authz authorizationv1client.SubjectAccessReviewInterface, audience string) *Guard {
	return newGuard(authn, authz, audience, clock.RealClock{})
}

func newGuard(
	authn authenticationv1client.TokenReviewInterface, authz authorizationv1client.SubjectAccessReviewInterface, audience string, by clock.PassiveClock,
) *Guard {
	return &Guard{
		authn: authn, authz: authz, audience: audience,
		callers:    newMemory[Caller](by, rememberYes, remembered),
		strangers:  newMemory[struct{}](by, rememberNo, remembered),
		permitted:  newMemory[struct{}](by, rememberYes, remembered),
		forbidding: newMemory[struct{}](by, rememberNo, remembered),
	}
}

// Knows says whether Authenticate has an answer for the token that costs no review.
func (g *Guard) Knows(token string) bool {
	id := sha256.Sum256([]byte(token))
	if _, ok := g.callers.get(id); ok {
		return true
	}
	_, ok := g.strangers.get(id)
	return ok
}

// Authenticate tells whose token it is. ErrUnauthenticated: nobody's, or it was not made for this service; ErrUnavailable: the API server did not say,
// or ctx ended first. An answer is used again for 10 s (5 s for a bad token); a failure is not remembered.
func (g *Guard) Authenticate(ctx context.Context, token string) (Caller, error) {
	if token == "" || len(token) > maxToken || g.audience == "" {
		return Caller{}, ErrUnauthenticated
	}
	id := sha256.Sum256([]byte(token))
	if caller, ok := g.callers.get(id); ok {
		return caller, nil
	}
	if _, ok := g.strangers.get(id); ok {
		return Caller{}, ErrUnauthenticated
	}
	return shared(ctx, g, "token "+string(id[:]), func(ctx context.Context) (Caller, error) {
		caller, err := g.reviewToken(ctx, token)
		switch {
		case err == nil:
			g.callers.put(id, caller)
		case errors.Is(err, ErrUnauthenticated):
			g.strangers.put(id, struct{}{})
		}
		return caller, err
	})
}

func (g *Guard) reviewToken(ctx context.Context, token string) (Caller, error) {
	review, err := g.authn.Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{g.audience}},
	}, metav1.CreateOptions{})
	if err != nil {
		if strings.Contains(err.Error(), token) {
			err = errors.New("its error shows the token")
		}
		return Caller{}, fmt.Errorf("%w: the token review failed: %w", ErrUnavailable, err)
	}
	// An authenticator that knows nothing of audiences names none: then the token may be anybody's for anything.
	if !review.Status.Authenticated || !slices.Contains(review.Status.Audiences, g.audience) || review.Status.User.Username == "" {
		return Caller{}, ErrUnauthenticated
	}
	user := review.Status.User
	caller := Caller{Username: user.Username, UID: user.UID, Groups: user.Groups}
	if len(user.Extra) > 0 {
		caller.Extra = make(map[string][]string, len(user.Extra))
		for key, values := range user.Extra {
			caller.Extra[key] = values
		}
	}
	return caller, nil
}

// Authorize says whether the caller may create usersessions in the namespace. ErrForbidden: it may not; ErrUnavailable: the API server did not say, or ctx
// ended first. An answer is used again for 10 s (5 s for a refusal); a failure is not remembered.
func (g *Guard) Authorize(ctx context.Context, caller Caller, namespace string) error {
	if caller.Username == "" || namespace == "" {
		// Without a namespace the question would be about all of them.
		return ErrForbidden
	}
	question, err := json.Marshal(struct {
		Caller    Caller
		Namespace string
	}{caller, namespace})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	id := sha256.Sum256(question)
	if _, ok := g.permitted.get(id); ok {
		return nil
	}
	if _, ok := g.forbidding.get(id); ok {
		return ErrForbidden
	}
	_, err = shared(ctx, g, "access "+string(id[:]), func(ctx context.Context) (struct{}, error) {
		err := g.reviewAccess(ctx, caller, namespace)
		switch {
		case err == nil:
			g.permitted.put(id, struct{}{})
		case errors.Is(err, ErrForbidden):
			g.forbidding.put(id, struct{}{})
		}
		return struct{}{}, err
	})
	return err
}

func (g *Guard) reviewAccess(ctx context.Context, caller Caller, namespace string) error {
	extra := make(map[string]authorizationv1.ExtraValue, len(caller.Extra))
	for key, values := range caller.Extra {
		extra[key] = values
	}
	review, err := g.authz.Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: caller.Username, UID: caller.UID, Groups: caller.Groups, Extra: extra,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: "create",
				Group: licensing.GroupVersion.Group, Version: licensing.GroupVersion.Version, Resource: "usersessions",
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("%w: the access review failed: %w", ErrUnavailable, err)
	}
	if !review.Status.Allowed || review.Status.Denied {
		return ErrForbidden
	}
	return nil
}

// shared lets those who ask the same at the same time share one review. It has a time-out of its own, and goes on when one who waits for it leaves.
func shared[T any](ctx context.Context, g *Guard, key string, review func(context.Context) (T, error)) (T, error) {
	answers := g.reviews.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reviewTimeout)
		defer cancel()
		return review(ctx)
	})
	select {
	case answer := <-answers:
		value, _ := answer.Val.(T)
		return value, answer.Err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}
