// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

const (
	// urgentGap is the least time between two heartbeats, however often the user answers a prompt.
	urgentGap = time.Second
	// tokenRefusals is how many heartbeats in a row must be refused for their token before the session is given up: one replica may be behind the others for a moment.
	tokenRefusals = 5
	// changesAgain is how many heartbeats later the applications and attributes are reported again, in case that the replica that heard of them is gone.
	changesAgain = 20
)

// report is a heartbeat to send, and what the gateway knows once it was answered.
type report struct {
	body     gatewayapi.HeartbeatReport
	activity uint64
	version  uint64
	streamed uint64
}

// keepAlive sends a heartbeat every interval until the session is over. A failure is tried again sooner, but never ends the session: only the gateway's word does.
func (s *Session) keepAlive(ctx context.Context, first time.Duration) {
	pause, failures, refusals := first, pace{}, 0
	for s.untilBeat(ctx, pause) {
		r := s.report()
		answer, err := s.send(ctx, r)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			failures.reset()
			refusals = 0
			s.heard(r, answer)
			pause = jittered(s.beatInterval())
			continue
		}
		if end, ended := endOf(err); ended {
			s.finish(end)
			return
		}
		var refusal *refusal
		if errors.As(err, &refusal) && refusal.status == http.StatusUnauthorized && refusal.problem != nil {
			if refusals++; refusals == tokenRefusals {
				s.finish(End{Reason: gatewayapi.ReasonUnauthenticated, Message: "The gateway no longer takes the session's token."})
				return
			}
		} else {
			refusals = 0
		}
		s.failed(r, err)
		failures.longest = min(s.beatInterval(), 30*time.Second)
		pause = failures.after(err)
	}
}

// untilBeat waits for the time of the next heartbeat, or until one is wanted at once; false: the session is over.
func (s *Session) untilBeat(ctx context.Context, pause time.Duration) bool {
	began := now()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	wake := s.wake
	if s.isFailing() {
		wake = nil // it is tried soon anyhow, and not more often
	}
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-wake:
		return sleep(ctx, min(pause, max(0, urgentGap-now().Sub(began))))
	}
}

// beatNow asks for a heartbeat at once.
func (s *Session) beatNow() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Session) isFailing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failing
}

func (s *Session) beatInterval() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.interval
}

// report is what to say now.
func (s *Session) report() report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := report{activity: s.activity, version: s.changed.version, streamed: s.streamed}
	r.body.Active = s.activity > s.told
	if !s.lastActive.IsZero() {
		r.body.IdleSeconds = new(min(int64(now().Sub(s.lastActive)/time.Second), gatewayapi.MaxIdleSeconds))
	}
	r.body.UnsavedWork = s.unsaved
	if s.changed.beats++; s.changed.version > s.changed.reported || s.changed.beats%changesAgain == 0 {
		r.body.Applications, r.body.SessionAttributes = s.changed.applications, s.changed.attributes
	}
	return r
}

func (s *Session) send(ctx context.Context, r report) (gatewayapi.Heartbeat, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answer := gatewayapi.Heartbeat{}
	if err := read(&answer, func() (*http.Response, error) { return s.client.api.SendHeartbeat(ctx, r.body, asSession(s.token)) }); err != nil {
		return answer, err
	}
	if answer.HeartbeatIntervalSeconds <= 0 {
		return answer, &unreadable{errors.New("the answer lacks the heartbeat interval")}
	}
	return answer, nil
}

// heard takes a heartbeat's answer in.
func (s *Session) heard(r report, answer gatewayapi.Heartbeat) {
	s.mu.Lock()
	s.told = r.activity
	s.changed.reported = max(s.changed.reported, r.version)
	s.interval = time.Duration(answer.HeartbeatIntervalSeconds) * time.Second
	recovered := s.failing
	s.failing = false
	news := r.streamed == s.streamed
	s.mu.Unlock()
	if recovered && s.options.OnProblem != nil {
		s.tell(func() { s.options.OnProblem(nil) })
	}
	if news {
		s.prompted(answer.Prompt, answer.TimeoutTime)
	}
}

// failed notes a heartbeat that was not answered well.
func (s *Session) failed(r report, err error) {
	s.mu.Lock()
	s.failing = true
	var refusal *refusal
	if errors.As(err, &refusal) && refusal.problem != nil && refusal.status >= 400 && refusal.status < 500 && (r.body.Applications != nil || r.body.SessionAttributes != nil) &&
		refusal.status != http.StatusUnauthorized && refusal.status != http.StatusForbidden && refusal.status != http.StatusTooManyRequests {
		// What the gateway does not take must not keep it from hearing that the client lives.
		if s.changed.version == r.version {
			s.changed.applications, s.changed.attributes = nil, nil
			s.changed.reported = r.version
		}
	}
	s.mu.Unlock()
	if s.options.OnProblem != nil {
		s.tell(func() { s.options.OnProblem(err) })
	}
}

// prompted takes in whether the user should be asked, and tells of a change.
func (s *Session) prompted(prompt bool, timeout *time.Time) {
	s.mu.Lock()
	change := prompt != s.prompt
	s.prompt = prompt
	active := s.activity > s.told
	s.mu.Unlock()
	if !change {
		return
	}
	if prompt && active {
		s.beatNow() // the user did something that the gateway does not know of yet
	}
	switch {
	case prompt && s.options.OnPrompt != nil:
		var at time.Time
		if timeout != nil {
			at = *timeout
		}
		s.tell(func() { s.options.OnPrompt(at) })
	case !prompt && s.options.OnKept != nil:
		s.tell(s.options.OnKept)
	}
}
