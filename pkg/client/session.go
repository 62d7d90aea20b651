// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// ErrClosed is a session's Err after Close, Exit or SignOut: nobody keeps it alive here any more.
var ErrClosed = errors.New("the session was closed here")

// End is why a session is over. It is an error, too.
type End struct {
	// Action is how it ended; empty: nobody knows any more.
	Action gatewayapi.TerminationAction
	// Reason is the gateway's word: Terminated, SessionGone, or Unauthenticated for a token that the gateway no longer takes.
	Reason gatewayapi.Reason
	// Message says why in a sentence; it may be empty.
	Message string
	// Time is when, by the gateway's clock; zero: not known.
	Time time.Time
}

// Error says how and why.
func (e End) Error() string {
	text := "the session has ended"
	if e.Action != "" {
		text += " (" + string(e.Action) + ")"
	} else if e.Reason != "" {
		text += " (" + e.Reason + ")"
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// endOf is the end that an answer tells of.
func endOf(err error) (End, bool) {
	var problem *gatewayapi.Problem
	if !errors.As(err, &problem) || problem.Status != http.StatusGone {
		return End{}, false
	}
	end := End{Action: problem.TerminationAction, Reason: problem.Reason, Message: problem.Detail}
	if problem.TerminatedTime != nil {
		end.Time = *problem.TerminatedTime
	}
	return end, true
}

// Session is a user who is signed on. Its methods may be called at the same time.
type Session struct {
	client  *Client
	options SessionOptions
	token   string

	namespace, name, uid string

	// stop ends the background; running counts its goroutines; wake asks for a heartbeat now.
	stop    context.CancelFunc
	running sync.WaitGroup
	wake    chan struct{}
	done    chan struct{}
	teller  teller

	mu  sync.Mutex
	err error // why done is closed

	// What the user does. lastActive zero: not known (a resumed session whose user did nothing yet).
	lastActive time.Time
	activity   uint64 // counts calls of Active; told is the last one that the gateway knows of
	told       uint64
	unsaved    *bool
	changed    change

	// What the gateway said.
	interval time.Duration
	prompt   bool
	streamed uint64 // counts what the stream said of the prompt: it is newer than the answer of a heartbeat that was sent before
	failing  bool
}

// change is the applications and attributes to report.
type change struct {
	applications *[]string
	attributes   *map[string]string
	version      uint64 // counts changes; reported is the last one that the gateway knows of
	reported     uint64
	beats        int
}

func newSession(c *Client, token string, o SessionOptions) *Session {
	return &Session{
		client: c, options: o, token: token,
		stop: func() {}, wake: make(chan struct{}, 1), done: make(chan struct{}),
		interval: 30 * time.Second,
	}
}

// start begins to keep the session alive. It outlives the context that it was signed on with, and keeps its values.
func (s *Session) start(ctx context.Context, first time.Duration) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.keepAlive(ctx, first) })
	if !s.options.WithoutEvents {
		s.running.Go(func() { s.follow(ctx) })
	}
}

// Namespace is that of the pool.
func (s *Session) Namespace() string { return s.namespace }

// Name is the UserSession's.
func (s *Session) Name() string { return s.name }

// UID is the UserSession's.
func (s *Session) UID() string { return s.uid }

// Token proves the session; keep it secret, and keep it to Resume after a restart.
func (s *Session) Token() string { return s.token }

// Done is closed when nobody keeps the session alive any more: it ended, or was signed out or closed.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is nil until Done; then an End, or ErrClosed.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Active notes that the user did something just now. It costs next to nothing and sends nothing by itself, unless the user is being asked whether to keep the session.
func (s *Session) Active() {
	s.mu.Lock()
	s.lastActive = now()
	s.activity++
	urgent := s.prompt
	s.mu.Unlock()
	if urgent {
		s.beatNow()
	}
}

// UnsavedWork says whether the user has unsaved work, for which the pool's longer idle period holds.
func (s *Session) UnsavedWork(unsaved bool) {
	s.mu.Lock()
	s.unsaved = &unsaved
	urgent := s.prompt
	s.mu.Unlock()
	if urgent {
		s.beatNow()
	}
}

// SetApplications says which applications are open from now on: at most 64, of at most 128 characters.
func (s *Session) SetApplications(applications ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.applications = new(append([]string{}, applications...))
	s.changed.version++
}

// SetAttributes replaces the session's attributes: at most 64, names of at most 128 and values of at most 1,024 characters.
func (s *Session) SetAttributes(attributes map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	attributes = maps.Clone(attributes)
	if attributes == nil {
		attributes = map[string]string{}
	}
	s.changed.attributes = &attributes
	s.changed.version++
}

// Record is what the gateway knows of the session. While the gateway is away it tries again until ctx ends.
func (s *Session) Record(ctx context.Context) (*gatewayapi.Session, error) {
	record := &gatewayapi.Session{}
	err := retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		*record = gatewayapi.Session{}
		if err := read(record, func() (*http.Response, error) { return s.client.api.GetSession(ctx, asSession(s.token)) }); err != nil {
			return err
		}
		if record.Name == "" || record.State == "" {
			return &unreadable{errors.New("the answer lacks the session's name or state")}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return record, nil
}

// SignOut ends the session and gives its seat back. Nobody keeps it alive from then on, whether or not the gateway could be told; while the gateway is away it tries again
// until ctx ends. It may be called again.
func (s *Session) SignOut(ctx context.Context) error {
	s.Close()
	return s.leave(ctx, func(ctx context.Context) (*http.Response, error) {
		return s.client.api.SignOut(ctx, asSession(s.token))
	})
}

// Exit says that the client's last window was closed: the session ends or is kept, as the pool says. Like SignOut otherwise.
func (s *Session) Exit(ctx context.Context) error {
	s.Close()
	return s.leave(ctx, func(ctx context.Context) (*http.Response, error) {
		return s.client.api.ExitSessionWithBody(ctx, "application/json", http.NoBody, asSession(s.token))
	})
}

func (s *Session) leave(ctx context.Context, call func(context.Context) (*http.Response, error)) error {
	var end End
	if errors.As(s.Err(), &end) && end.Reason != gatewayapi.ReasonUnauthenticated {
		return nil
	}
	err := retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		return read(nil, func() (*http.Response, error) { return call(ctx) })
	})
	if _, ended := endOf(err); ended {
		return nil
	}
	return err
}

// Close stops the heartbeats and keeps the seat, for as long as the pool lets a silent client have it; Resume takes the session up again.
func (s *Session) Close() {
	s.finish(ErrClosed)
	s.running.Wait()
}

// finish closes Done, once, and tells of an end.
func (s *Session) finish(why error) {
	s.mu.Lock()
	first := s.err == nil
	if first {
		s.err = why
	}
	s.mu.Unlock()
	if !first {
		return
	}
	s.stop()
	close(s.done)
	var end End
	if errors.As(why, &end) && s.options.OnEnd != nil {
		s.teller.tell(func() { s.options.OnEnd(end) })
	}
}

// tell calls a callback, unless the session is over by then.
func (s *Session) tell(callback func()) {
	s.teller.tell(func() {
		if s.Err() == nil {
			callback()
		}
	})
}

// teller calls back, one after the other and in order, without holding up who has something to tell.
type teller struct {
	mu    sync.Mutex
	queue []func()
	busy  bool
}

func (t *teller) tell(callback func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append(t.queue, callback)
	if !t.busy {
		t.busy = true
		go t.work()
	}
}

func (t *teller) work() {
	for {
		t.mu.Lock()
		if len(t.queue) == 0 {
			t.busy = false
			t.mu.Unlock()
			return
		}
		callback := t.queue[0]
		t.queue = slices.Delete(t.queue, 0, 1)
		t.mu.Unlock()
		callback()
	}
}
