// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// headerTimeout bounds the time to send a request's headers, bodyTimeout all of it, writeTimeout each write of an answer.
	headerTimeout = 5 * time.Second
	bodyTimeout   = 30 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	maxHeader     = 16 << 10
	// callTimeout bounds what a page waits for the API server.
	callTimeout = 20 * time.Second
	// stopTimeout is for answers that are under way when the console is told to stop.
	stopTimeout = 3 * time.Second
)

// Options say what a console shows, and to whom.
type Options struct {
	// API is the cluster as the person may use it. Its scheme must know Seatkeeper's kinds and those of authorization.k8s.io/v1 and authentication.k8s.io/v1.
	API client.WithWatch
	// Namespace is the one that is shown; empty: all.
	Namespace string
	// Context is what the person calls the cluster; it is shown, and may be empty.
	Context string
	Clock   clock.WithTicker
	// Refresh asks the gateways what they know; nil: the records are read anew.
	Refresh Refresher
	// Opened is told the next URL that lets somebody in, whenever one was used; may be nil.
	Opened func(url string)
}

// Console is the page's server.
type Console struct {
	options Options
	door    *door
	board   *board
	access  *access
	streams atomic.Int32
	// who is whom the API server takes the person for.
	who struct {
		mu   sync.Mutex
		name string
		at   time.Time
	}
	// address is the first that is listened on.
	address string
}

// New makes a console. Serve makes it work.
func New(o Options) *Console {
	return &Console{options: o, door: newDoor(), board: newBoard(), access: newAccess(o.API, o.Clock)}
}

// Serve reads the cluster and answers on the listeners (see Listen), which it closes, until the context ends. ready is told the URL to open, once.
func (c *Console) Serve(ctx context.Context, listeners []net.Listener, ready func(url string)) error {
	hosts := make([]string, len(listeners))
	for i, l := range listeners {
		hosts[i] = l.Addr().String()
	}
	c.address = hosts[0]
	ctx, stop := context.WithCancel(ctx)
	followed := c.follow(ctx)
	server := &http.Server{
		Handler:           &guard{hosts: hosts, door: c.door, next: c.routes()},
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		// What browsers do wrong is nothing that the person at the terminal could act on.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { ended <- server.Serve(l) }()
	}
	ready(c.door.url(c.address))
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	stop()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if failed := server.Shutdown(last); failed != nil {
		err = errors.Join(err, server.Close())
	}
	<-followed
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /enter", c.enter)
	mux.HandleFunc("GET /assets/chart.css", chartStyle)
	mux.Handle("GET /assets/", http.FileServerFS(assets))
	in := c.door.place
	mux.HandleFunc("GET "+in+"/{$}", c.page)
	mux.HandleFunc("GET "+in+"/pools", c.pools)
	mux.HandleFunc("GET "+in+"/usage", c.usage)
	mux.HandleFunc("GET "+in+"/sessions", c.sessions)
	mux.HandleFunc("GET "+in+"/sessions/found", c.found)
	mux.HandleFunc("GET "+in+"/session", c.session)
	mux.HandleFunc("GET "+in+"/events", c.events)
	mux.HandleFunc("POST "+in+"/refresh", c.refresh)
	mux.HandleFunc("POST "+in+"/terminate", c.terminate)
	return deadlines(mux)
}

// deadlines bounds the time to take an answer. Streams set their own for each write.
func deadlines(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A writer without deadlines is a test's.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout + callTimeout)) //nolint:forbidigo // the network's time, not a decision's
		next.ServeHTTP(w, r)
	})
}

// enter lets in who has the secret. The answer leads on by itself, as a step of this site's own: a browser does not bring a strict cookie to where another site's link led it.
func (c *Console) enter(w http.ResponseWriter, r *http.Request) {
	if !c.door.open(r.URL.Query().Get("secret")) {
		closed(w, r)
		return
	}
	http.SetCookie(w, c.door.pass())
	render(w, http.StatusOK, "enter.html", c.door.place+"/")
	if c.options.Opened != nil {
		c.options.Opened(c.door.url(c.address))
	}
}
