// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/callers"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

const (
	// reviewTime bounds how long the API server may take to say who calls, and what it may do.
	reviewTime = 5 * time.Second
	// lookupTime bounds a live look at one object.
	lookupTime = 3 * time.Second
	bearerWord = "bearer "
)

// bearer is the token that a request carries. Two Authorization headers are none: which of them counts would be a guess.
func bearer(r *http.Request) (string, bool) {
	values := r.Header["Authorization"]
	if len(values) != 1 || len(values[0]) <= len(bearerWord) || !strings.EqualFold(values[0][:len(bearerWord)], bearerWord) {
		return "", false
	}
	token := strings.Trim(values[0][len(bearerWord):], " ")
	return token, token != "" && !strings.ContainsAny(token, " \t")
}

// caller is the application server that calls, once it is known that it may sign users on in the namespace. The body is not read before.
func (g *Gateway) caller(r *http.Request, namespace, pool string) (callers.Caller, *problem) {
	token, ok := bearer(r)
	if !ok {
		return callers.Caller{}, unauthenticated()
	}
	now := g.Clock.Now()
	from := neighbourhood(g.Proxies.Of(r))
	if !g.addresses.take(from, now) {
		return callers.Caller{}, tooMany()
	}
	// Whose token it is costs the API server a review, so that who tries many is stopped before.
	if !g.Callers.Knows(token) && !g.reviews.take(from, now) {
		return callers.Caller{}, tooMany()
	}
	ctx, cancel := context.WithTimeout(r.Context(), reviewTime)
	defer cancel()
	caller, err := g.Callers.Authenticate(ctx, token)
	if err != nil {
		return callers.Caller{}, accessProblem(err, namespace)
	}
	if !g.callersOf.take(caller.Username, now) {
		return callers.Caller{}, tooMany()
	}
	if len(validation.IsDNS1123Label(namespace)) > 0 {
		return callers.Caller{}, refused(gatewayapi.ReasonPoolNotFound, "The path must state a namespace's name: lower case letters, digits and '-'.")
	}
	if pool != "" && len(validation.IsDNS1123Subdomain(pool)) > 0 {
		return callers.Caller{}, refused(gatewayapi.ReasonPoolNotFound, "The path must state a LicensePool's name: lower case letters, digits, '-' and '.'.")
	}
	if err := g.Callers.Authorize(ctx, caller, namespace); err != nil {
		return callers.Caller{}, accessProblem(err, namespace)
	}
	if len(g.Namespaces) > 0 && !slices.Contains(g.Namespaces, namespace) {
		return callers.Caller{}, refused(gatewayapi.ReasonPoolNotFound, "Seatkeeper does not serve namespace %s.", namespace)
	}
	return caller, nil
}

// neighbourhood is whose calls are counted together: an IPv4 address's, or those of an IPv6 network of 64 bits, all of whose addresses one sender may have.
func neighbourhood(addr netip.Addr) string {
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.String()
		}
	}
	return addr.String()
}

func accessProblem(err error, namespace string) *problem {
	switch {
	case errors.Is(err, callers.ErrUnauthenticated):
		return unauthenticated()
	case errors.Is(err, callers.ErrForbidden):
		return refused(gatewayapi.ReasonForbidden, "The caller must be allowed to create usersessions.licensing.seatkeeper.dev in namespace %s.", namespace)
	default:
		return apiAway()
	}
}

// session is the session whose token the request carries. Whether it still lives is another question.
func (g *Gateway) session(r *http.Request) (sessiontoken.Session, *problem) {
	token, ok := bearer(r)
	if !ok {
		return sessiontoken.Session{}, unauthenticated()
	}
	return g.sessionOf(r, token)
}

// sessionOf is the session of a token, if it may be used from where the request comes from.
func (g *Gateway) sessionOf(r *http.Request, token string) (sessiontoken.Session, *problem) {
	keys := g.Tokens.Keyring()
	if keys == nil {
		return sessiontoken.Session{}, unavailable(time.Second, "This replica has not loaded the keys of session tokens yet.")
	}
	if !g.view.synced() { // what the session's pool wants, its address or its end at the client's exit, is not known yet
		return sessiontoken.Session{}, unavailable(time.Second, "This replica has not read the pools and sessions yet.")
	}
	s, err := keys.Verify(token)
	if err != nil {
		if g.Tokens.Stale() { // it may be under a key that this replica could not read yet
			return s, unavailable(time.Second, "This replica could not read the keys of session tokens lately; another may know the token.")
		}
		return s, unauthenticated()
	}
	if !g.sessionsOf.take(s.UID, g.Clock.Now()) {
		return s, tooMany()
	}
	if g.view.enforcing.Load() > 0 {
		return s, g.addressRefused(r, s)
	}
	return s, nil
}

// addressRefused says whether the session's pool wants it to be used from one address, and the request comes from another (B5).
func (g *Gateway) addressRefused(r *http.Request, s sessiontoken.Session) *problem {
	known, ok := g.Recorder.Session(types.UID(s.UID))
	if !ok {
		switch p := g.learn(r.Context(), s); {
		case p == nil:
			known, _ = g.Recorder.Session(types.UID(s.UID))
		case p.Reason == gatewayapi.ReasonSessionGone:
			return nil // there is nothing left to protect, and each call says in its own way that it is gone
		default:
			return p
		}
	}
	record := known.Record
	if record == nil || record.Spec.Client == nil || record.Spec.Client.IP == "" || !g.view.enforces(poolOf(record)) {
		return nil
	}
	from, err := netip.ParseAddr(record.Spec.Client.IP)
	if err != nil || from.Unmap().WithZone("") != g.Proxies.Of(r) {
		return refused(gatewayapi.ReasonClientAddressRefused, "The session must be used from the address that it was signed on from.")
	}
	return nil
}

// learn looks live at a session that the watch has not shown: it may be a moment old, or its record may be gone.
func (g *Gateway) learn(ctx context.Context, s sessiontoken.Session) *problem {
	if g.gone.has(s) {
		return sessionGone()
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	select {
	case g.lookups <- struct{}{}:
		defer func() { <-g.lookups }()
	case <-ctx.Done():
		return apiAway()
	}
	record, err := g.lookUp(ctx, s)
	switch {
	case err != nil:
		return apiAway()
	case record == nil:
		g.gone.add(s) // for good: no uid comes a second time. A uid alone may be a live session's, of which the name was stated wrongly
		return sessionGone()
	}
	g.Recorder.Learn(record)
	return nil
}

// learnGrant looks live at a session whose client has its token, and so its grant, while the watch does not show the grant yet. If that cannot be done, what the watch shows
// has to do.
func (g *Gateway) learnGrant(ctx context.Context, s sessiontoken.Session, state licensing.SessionState) bool {
	return (state == "" || state == licensing.SessionPending) && g.learn(ctx, s) == nil
}

// lookUp reads a session from the API server itself; nil: it does not exist, and its name may be another's by now.
func (g *Gateway) lookUp(ctx context.Context, s sessiontoken.Session) (*licensing.UserSession, error) {
	record := &licensing.UserSession{}
	err := g.Live.Get(ctx, types.NamespacedName{Namespace: s.Namespace, Name: s.Name}, record)
	if apierrors.IsNotFound(err) || (err == nil && s.UID != "" && string(record.UID) != s.UID) {
		return nil, nil
	}
	return record, err
}

// poolOf names a session's pool.
func poolOf(s *licensing.UserSession) types.NamespacedName {
	return types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.PoolRef.Name}
}

// maxRemembered bounds what a remembered knows; it begins anew then.
const maxRemembered = 10_000

// remembered is a bounded set.
type remembered struct {
	mu   sync.Mutex
	keys map[sessiontoken.Session]struct{}
}

func newRemembered() *remembered { return &remembered{keys: map[sessiontoken.Session]struct{}{}} }

func (m *remembered) has(key sessiontoken.Session) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.keys[key]
	return ok
}

func (m *remembered) add(key sessiontoken.Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.keys) == maxRemembered {
		clear(m.keys)
	}
	m.keys[key] = struct{}{}
}
