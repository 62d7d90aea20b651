// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package resilience_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// recorded is where the API server keeps the kinds, and the first key behind them.
const recorded, behindRecorded = "/registry/licensing.seatkeeper.dev/", "/registry/licensing.seatkeeper.dev0"

// history is every revision of a control plane's sessions and pools, read from etcd itself: a watch of the API server has gaps when that goes away. It looks at each revision for what must never be.
type history struct {
	mu       sync.Mutex
	revision int64
	pools    map[types.NamespacedName]*seats
	sessions map[types.NamespacedName]*licensing.UserSession
	ended    map[types.UID]*licensing.UserSession
	// kept are the sessions that must not end.
	kept   map[types.UID]kept
	faults map[string][]string // by namespace
	broken error
}

// seats are a pool's, and who has them: the sessions of each connection.
type seats struct {
	licensed    int
	connections map[string]map[types.UID]bool
	// most is the most connections there were at a time.
	most int
}

// kept says whose session must not end, or not before a time.
type kept struct {
	who   string
	until time.Time // zero: never
}

// mayEnd says whether the session may end at that time.
func (k kept) mayEnd(at time.Time) bool { return !k.until.IsZero() && !at.Before(k.until) }

func newHistory() *history {
	return &history{
		pools: map[types.NamespacedName]*seats{}, sessions: map[types.NamespacedName]*licensing.UserSession{},
		ended: map[types.UID]*licensing.UserSession{}, kept: map[types.UID]kept{}, faults: map[string][]string{},
	}
}

// follow reads the history from its beginning until the context ends.
func follow(ctx context.Context, etcd string) (*history, error) {
	type watch struct {
		Key           []byte `json:"key"`
		RangeEnd      []byte `json:"range_end"`
		StartRevision string `json:"start_revision"`
	}
	body, err := json.Marshal(map[string]watch{"create_request": {[]byte(recorded), []byte(behindRecorded), "1"}})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, etcd+"/v3/watch", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request) //nolint:bodyclose // it is, when the history ends
	if err != nil {
		return nil, err
	}
	h := newHistory()
	go func() {
		defer answer.Body.Close()
		err := h.read(json.NewDecoder(answer.Body))
		h.mu.Lock()
		defer h.mu.Unlock()
		if ctx.Err() == nil {
			h.broken = err
		}
	}()
	return h, nil
}

// change is one key's, as etcd tells it.
type change struct {
	Type string `json:"type"`
	KV   struct {
		Key      []byte `json:"key"`
		Value    []byte `json:"value"`
		Revision string `json:"mod_revision"`
	} `json:"kv"`
}

func (h *history) read(stream *json.Decoder) error {
	for {
		var message struct {
			Result struct {
				Events   []change `json:"events"`
				Canceled bool     `json:"canceled"`
			} `json:"result"`
		}
		if err := stream.Decode(&message); err != nil {
			return fmt.Errorf("reading the history: %w", err)
		}
		if message.Result.Canceled {
			return errors.New("etcd ended the watch of the history")
		}
		for _, c := range message.Result.Events {
			if err := h.take(c); err != nil {
				return err
			}
		}
	}
}

// take takes in one change.
func (h *history) take(c change) error {
	revision, err := strconv.ParseInt(c.KV.Revision, 10, 64)
	if err != nil {
		return fmt.Errorf("a revision of the history: %w", err)
	}
	parts := strings.Split(strings.TrimPrefix(string(c.KV.Key), recorded), "/")
	if len(parts) != 3 {
		return nil
	}
	key := types.NamespacedName{Namespace: parts[1], Name: parts[2]}
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.revision = revision }()
	switch {
	case parts[0] == "licensepools" && c.Type != "DELETE":
		pool := &licensing.LicensePool{}
		if err := json.Unmarshal(c.KV.Value, pool); err != nil {
			return fmt.Errorf("a pool of the history: %w", err)
		}
		licensed := 0
		if pool.Spec.Concurrent != nil && pool.Spec.Concurrent.Seats != nil {
			licensed = int(*pool.Spec.Concurrent.Seats)
		}
		h.pool(key).licensed = licensed
	case parts[0] == "usersessions":
		var now *licensing.UserSession
		if c.Type != "DELETE" {
			now = &licensing.UserSession{}
			if err := json.Unmarshal(c.KV.Value, now); err != nil {
				return fmt.Errorf("a session of the history: %w", err)
			}
		}
		h.session(key, now, revision)
	}
	return nil
}

func (h *history) pool(key types.NamespacedName) *seats {
	if h.pools[key] == nil {
		h.pools[key] = &seats{connections: map[string]map[types.UID]bool{}}
	}
	return h.pools[key]
}

// session takes in what became of a session; nil: it was deleted.
func (h *history) session(key types.NamespacedName, now *licensing.UserSession, revision int64) {
	before := h.sessions[key]
	fault := func(format string, args ...any) {
		h.faults[key.Namespace] = append(h.faults[key.Namespace], fmt.Sprintf("at revision %d: ", revision)+fmt.Sprintf(format, args...))
	}
	if before != nil && (now == nil || now.UID != before.UID) {
		h.leave(before)
		if k, kept := h.kept[before.UID]; kept && before.Status.State == licensing.SessionActive {
			fault("the session %s of %s was deleted", key.Name, k.who)
		}
		before = nil
	}
	delete(h.sessions, key)
	if now == nil {
		return
	}
	h.sessions[key] = now
	state := now.Status.State
	if before != nil && before.Status.State != state && (before.Status.State == licensing.SessionTerminated || before.Status.State == licensing.SessionDenied) {
		fault("the session %s was %s and became %s", key.Name, before.Status.State, state)
	}
	if state == licensing.SessionActive {
		h.join(now, fault)
		return
	}
	h.leave(now)
	if state != licensing.SessionTerminated || h.ended[now.UID] != nil {
		return
	}
	h.ended[now.UID] = now
	if k, kept := h.kept[now.UID]; kept && !k.mayEnd(endTime(now)) {
		fault("the session %s of %s was ended, and it should not have been: %s", key.Name, k.who, describe(now))
	}
}

// join takes in that a session is Active.
func (h *history) join(s *licensing.UserSession, fault func(string, ...any)) {
	if s.Status.Seat != licensing.SeatConcurrent {
		return
	}
	pool := h.pool(types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.PoolRef.Name})
	connection := s.Status.Connection
	if pool.connections[connection] == nil {
		pool.connections[connection] = map[types.UID]bool{}
		if n := len(pool.connections); n > pool.licensed {
			fault("%s made %d connections in pool %s, which has %d seats", s.Name, n, s.Spec.PoolRef.Name, pool.licensed)
		}
		pool.most = max(pool.most, len(pool.connections))
	}
	pool.connections[connection][s.UID] = true
}

// leave takes in that a session is Active no more.
func (h *history) leave(s *licensing.UserSession) {
	pool := h.pool(types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.PoolRef.Name})
	for connection, members := range pool.connections {
		if delete(members, s.UID); len(members) == 0 {
			delete(pool.connections, connection)
		}
	}
}

// describe says how a session ended, and what its record says of its times.
func describe(s *licensing.UserSession) string {
	at := func(t *metav1.Time) string {
		if t == nil {
			return "-"
		}
		return t.UTC().Format(time.TimeOnly)
	}
	status := &s.Status
	return fmt.Sprintf("%s, %q, ended %s, logon %s, last activity %s, last heartbeat %s, heard by %q", status.TerminationAction, status.Message,
		at(status.TerminatedTime), at(status.LogonTime), at(status.LastActivityTime), at(status.LastHeartbeatTime), status.HeardBy)
}

// endTime is when a session ended.
func endTime(s *licensing.UserSession) time.Time {
	if s.Status.TerminatedTime == nil {
		return time.Time{}
	}
	return s.Status.TerminatedTime.Time
}

// keep says that a session must not end from now on, or not before a time (zero: never).
func (h *history) keep(uid, who string, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := kept{who, until}
	h.kept[types.UID(uid)] = k
	if s := h.ended[types.UID(uid)]; s != nil && !k.mayEnd(endTime(s)) {
		h.faults[s.Namespace] = append(h.faults[s.Namespace], fmt.Sprintf("the session %s of %s had ended already: %s", s.Name, who, describe(s)))
	}
}

// release says that a session may end from now on.
func (h *history) release(uid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.kept, types.UID(uid))
}

// end is how a session ended; nil: it has not.
func (h *history) end(uid string) *licensing.UserSession {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended[types.UID(uid)]
}

// record is a session as it is now; nil: there is none.
func (h *history) record(namespace, name string) *licensing.UserSession {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sessions[types.NamespacedName{Namespace: namespace, Name: name}]
}

// active are the sessions of a pool that are Active now; connections is how many seats they have, mostConnections how many they had at the most.
func (h *history) active(pool types.NamespacedName) (active []*licensing.UserSession, connections, mostConnections int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, s := range h.sessions {
		if key.Namespace == pool.Namespace && s.Spec.PoolRef.Name == pool.Name && s.Status.State == licensing.SessionActive {
			active = append(active, s)
		}
	}
	p := h.pool(pool)
	return active, len(p.connections), p.most
}

// seen says whether a revision has been read.
func (h *history) seen(revision string) (bool, error) {
	n, err := strconv.ParseInt(revision, 10, 64)
	if err != nil {
		return false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.revision >= n, h.broken
}

// faultsIn are what was found in a namespace that must never be.
func (h *history) faultsIn(namespace string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	faults := append([]string{}, h.faults[namespace]...)
	if h.broken != nil {
		faults = append(faults, h.broken.Error())
	}
	return faults
}
