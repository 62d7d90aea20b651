// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"net/http"
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/internal/callers"
	"github.com/seatkeeper/seatkeeper/internal/clientip"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
	"github.com/seatkeeper/seatkeeper/internal/usage"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// Gateway answers the calls of pkg/gatewayapi. Its fields are set before the first use and not changed from then on.
type Gateway struct {
	// Client is the operator's own: it creates sessions, asks for their end, and withdraws logins whose callers went away.
	Client client.Client
	// Live reads from the API server itself.
	Live client.Reader
	// Cache feeds the view of the pools; the manager's.
	Cache cache.Cache
	// Recorder takes heartbeats and knows every session; it is fed by the same cache.
	Recorder *activity.Recorder
	// Tokens has the keys of session tokens.
	Tokens *sessiontoken.Keeper
	// Callers knows who calls with a service-account token, and what it may do.
	Callers *callers.Guard
	// Proxies are those whose word on a client's address is believed.
	Proxies clientip.Proxies
	// Namespaces are those that the operator serves; none: all.
	Namespaces []string
	// Replica is this replica's name, which the sessions that it signs on bear.
	Replica string
	Clock   clock.PassiveClock
	Log     logr.Logger
	Limits  Limits
	// Denials counts those that this replica decides by itself, for the histories of pools' use; nil: nobody wants to know.
	Denials *usage.Counter
	// CutOff says whether this replica has not reached the API server for so long that its clients had better be heard by another; nil: never. It is asked with every request.
	CutOff func() bool

	once       sync.Once
	view       *view
	addresses  *buckets
	reviews    *buckets
	questions  *buckets
	callersOf  *buckets
	sessionsOf *buckets
	waiting    *places
	streams    *places
	attempts   *attempts
	gone       *remembered
	lookups    chan struct{}
	background background
	stopping   context.Context //nolint:containedctx // the gateway's own life, not a request's
	stop       context.CancelFunc
}

// maxLookups bounds the sessions that are looked up live at a time, because no watch has shown them yet.
const maxLookups = 32

func (g *Gateway) prepare() {
	g.once.Do(func() {
		g.Limits = g.Limits.withDefaults()
		g.view = newView()
		g.view.denials = g.Denials
		g.addresses = newBuckets(g.Limits.AddressRate)
		g.reviews = newBuckets(g.Limits.ReviewRate)
		g.questions = newBuckets(questionRate)
		g.callersOf = newBuckets(g.Limits.CallerRate)
		g.sessionsOf = newBuckets(g.Limits.SessionRate)
		g.waiting = newPlaces(g.Limits.Waiting, max(1, g.Limits.Waiting*9/10))
		g.streams = newPlaces(g.Limits.Streams, g.Limits.StreamsPerSession)
		g.attempts = newAttempts()
		g.gone = newRemembered()
		g.lookups = make(chan struct{}, maxLookups)
		g.stopping, g.stop = context.WithCancel(context.Background())
	})
}

// Handler answers the calls.
func (g *Gateway) Handler() http.Handler {
	g.prepare()
	mux := http.NewServeMux()
	gatewayapi.HandlerWithOptions(calls{g}, gatewayapi.StdHTTPServerOptions{BaseRouter: mux, ErrorHandlerFunc: badParameter})
	mux.HandleFunc("/", notFound(mux))
	return &front{Gateway: g, mux: mux}
}

// follow begins to feed the view of the pools.
func (g *Gateway) follow(ctx context.Context) error {
	g.prepare()
	return g.view.follow(ctx, g.Cache)
}

// drain tells streams and waiting logins to end.
func (g *Gateway) drain() {
	g.prepare()
	g.stop()
}

func (g *Gateway) draining() bool { return g.stopping.Err() != nil }

// cutOff says whether clients had better be heard by another replica.
func (g *Gateway) cutOff() bool { return g.CutOff != nil && g.CutOff() }

// calls are the calls of the API; see gatewayapi.ServerInterface.
type calls struct{ *Gateway }

var _ gatewayapi.ServerInterface = calls{}
