// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// visit is one session as its user knows it.
type visit struct {
	*user
	fate    string
	key     string
	client  *client.Client
	session *client.Session

	mu sync.Mutex
	// heard is when the last heartbeat was sent that a gateway answered well, active the latest activity that it can have told of.
	heard, active time.Time
	// back is when the user last came back after so long a pause that the session was due to end by then.
	back time.Time
	// granted is when the user knew of the grant, left when the user gave the seat back, or stopped its client.
	granted, left time.Time
	// uid and token are the session's.
	uid, name, token string
	// asked says that the user asked for the end, and that it was acknowledged.
	asked bool
	end   *client.End
}

func newVisit(u *user, fate string) *visit {
	v := &visit{user: u, fate: fate, key: rand.Text()}
	var err error
	v.client, err = client.New(client.Options{URL: u.crowd.scene.front.URL(), Token: u.crowd.scene.token.get, HTTPClient: &http.Client{Transport: v}})
	if err != nil {
		panic(err) // the balancer's address is one
	}
	return v
}

// RoundTrip passes a call on, and notes which heartbeats were heard.
func (v *visit) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/session/heartbeat") {
		return v.transport.RoundTrip(r)
	}
	sent := time.Now()
	var report gatewayapi.HeartbeatReport
	if r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			text, _ := io.ReadAll(body)
			_ = json.Unmarshal(text, &report)
		}
	}
	answer, err := v.transport.RoundTrip(r)
	switch {
	case err != nil:
		v.crowd.scene.tally.add(beats, "failed")
		return answer, err
	case answer.StatusCode != http.StatusOK:
		v.crowd.scene.tally.add(beats, fmt.Sprintf("answered %d", answer.StatusCode))
		return answer, err
	}
	v.crowd.scene.tally.add(beats, "heard")
	v.mu.Lock()
	defer v.mu.Unlock()
	heard, active := later(v.heard, sent), v.active
	if report.IdleSeconds != nil {
		active = later(active, sent.Add(-time.Duration(*report.IdleSeconds+1)*time.Second)) // whole seconds are told
	}
	if active.Sub(v.active) > v.pool.idle-rounding || heard.Sub(v.heard) > v.pool.lost-rounding {
		v.back = sent
	}
	v.heard, v.active = heard, active
	return answer, err
}

// signOn signs on, and notes the grant.
func (v *visit) signOn(login gatewayapi.Login) bool {
	ctx, cancel := context.WithTimeout(v.crowd.living, patience)
	defer cancel()
	began := time.Now()
	session, err := v.client.SignOn(ctx, namespace, v.pool.name, login, v.options())
	if err != nil {
		if v.crowd.living.Err() == nil {
			v.crowd.scene.tally.add(denials, refusal(err))
		}
		return false
	}
	v.crowd.scene.tally.grant(v.pool.name)
	v.mu.Lock()
	v.session, v.uid, v.name, v.token = session, session.UID(), session.Name(), session.Token()
	v.granted = time.Now()
	v.heard, v.active = later(v.heard, began), later(v.active, began) // the grant is the first heartbeat, and came after
	v.mu.Unlock()
	v.crowd.arrived(v)
	return true
}

func (v *visit) options() client.SessionOptions {
	return client.SessionOptions{
		Wait: v.pool.wait, IdempotencyKey: v.key, WithoutEvents: v.number%2 == 0,
		OnPrompt: func(time.Time) {
			v.mu.Lock()
			session := v.session
			v.mu.Unlock()
			if v.fate == "answers" && session != nil {
				session.Active()
			}
		},
		OnEnd: func(end client.End) {
			v.mu.Lock()
			v.end = &end
			v.mu.Unlock()
			v.crowd.ended(v)
		},
	}
}

// works lets the user do something every few seconds for a while, and as long as it lasts when nobody comes any more; false: the session is over.
func (v *visit) works(d time.Duration) bool {
	over := time.After(d)
	ticker := time.NewTicker(4 * time.Second)
	defer ticker.Stop()
	for {
		v.session.Active()
		if v.crowd.closed() {
			over = nil
		}
		select {
		case <-v.session.Done():
			return false
		case <-v.crowd.living.Done():
			return false
		case <-over:
			return true
		case <-ticker.C:
		}
	}
}

// waits lets the user do nothing, until the session ends by itself or the user has waited for so long.
func (v *visit) waits(longest time.Duration) {
	select {
	case <-v.session.Done():
	case <-v.crowd.living.Done():
	case <-v.crowd.coming:
	case <-time.After(longest):
	}
}

// closes stops the program without a word.
func (v *visit) closes() {
	v.leave(false)
	v.session.Close()
	v.transport.CloseIdleConnections()
}

// comesBack takes the session up again, by the token or with the key of the login; false: it has ended meanwhile.
func (v *visit) comesBack(byToken bool) bool {
	ctx, cancel := context.WithTimeout(v.crowd.living, patience)
	defer cancel()
	uid, began := v.uid, time.Now()
	var session *client.Session
	var err error
	if byToken {
		session, err = v.client.Resume(ctx, v.token, v.options())
	} else {
		session, err = v.client.SignOn(ctx, namespace, v.pool.name, client.Login{UserName: v.user.name, Module: v.module}, v.options())
	}
	if err != nil {
		if v.crowd.living.Err() == nil {
			v.crowd.scene.tally.add(denials, "coming back: "+refusal(err))
		}
		return false
	}
	v.mu.Lock()
	v.session, v.left = session, time.Time{}
	if session.UID() != uid {
		v.crowd.judges.Go(func() { v.mayBeAnother(uid, session.UID(), time.Now().Add(knownWithin)) })
		v.uid, v.name, v.token = session.UID(), session.Name(), session.Token()
		v.granted = time.Now()
		v.heard, v.active = later(v.heard, began), later(v.active, began)
	}
	v.mu.Unlock()
	v.crowd.arrived(v)
	return true
}

// leaves gives the seat back, or closes the last window.
func (v *visit) leaves(how func(*client.Session, context.Context) error) {
	if v.crowd.living.Err() != nil {
		v.session.Close()
		return
	}
	select {
	case <-v.session.Done():
		return
	default:
	}
	v.leave(false)
	ctx, cancel := context.WithTimeout(v.crowd.living, patience)
	defer cancel()
	if how(v.session, ctx) == nil && v.fate != "exits" {
		v.leave(true)
		v.crowd.left(v)
	}
}

// leave notes that the user gives the seat back now; asked: and that this was acknowledged.
func (v *visit) leave(asked bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.left.IsZero() {
		v.left = time.Now()
	}
	v.asked = v.asked || asked
}

// over notes that the visit is over for its user.
func (v *visit) over() {
	if v.session != nil {
		v.session.Close()
	}
	v.crowd.gone(v)
}

// beat sends one heartbeat by hand, and returns how it was answered.
func (v *visit) beat(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, v.crowd.scene.front.URL()+"/v1/session/heartbeat", bytes.NewReader([]byte("{}")))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+v.token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := v.transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
