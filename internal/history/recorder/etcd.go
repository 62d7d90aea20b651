// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/seatkeeper/seatkeeper/internal/history"
)

// stored is where the API server keeps the project's kinds in etcd, and the first key behind them.
const stored, behindStored = "/registry/licensing.seatkeeper.dev/", "/registry/licensing.seatkeeper.dev0"

// Etcd records the same as a Recorder, but for Events, from etcd itself. An API server that was restarted no longer tells what happened right before its end, so that a Recorder has gaps then;
// etcd tells all, over its own restarts as well, unless five minutes of it were compacted before they were read. It is for tests: it speaks to etcd without TLS, and knows how the API server stores.
type Etcd struct {
	// URL is where etcd serves its clients.
	URL string
	// Write takes each entry, one at a time: changes in the order of revisions, marks as they come. An error from it ends the recording.
	Write func(history.Entry) error
	Clock clock.WithTicker
	Log   logr.Logger
	// Ready, if there is one, is called once what there is at the beginning is written down.
	Ready func()

	mu      sync.Mutex
	last    int64 // the revision up to which all is written down
	objects map[string]client.Object
}

// pair is a key with its value, as etcd's JSON has it.
type pair struct {
	Key      []byte `json:"key"`
	Value    []byte `json:"value"`
	Revision int64  `json:"mod_revision,string"`
}

type header struct {
	Revision int64 `json:"revision,string"`
}

// Run records until the context ends, and then returns nil; or until the history cannot be written.
func (r *Etcd) Run(ctx context.Context) error {
	if err := r.list(ctx, false); err != nil {
		return endOf(ctx, err)
	}
	if r.Ready != nil {
		r.Ready()
	}
	marking, stop := context.WithCancel(ctx)
	marked := make(chan error, 1)
	go func() { marked <- r.markTime(marking) }()
	err := r.follow(ctx)
	stop()
	return endOf(ctx, errors.Join(err, <-marked))
}

// follow reads the changes, and goes on where it was when the stream breaks.
func (r *Etcd) follow(ctx context.Context) error {
	for {
		err := r.watch(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errUnwritten) {
			return err
		}
		if errors.Is(err, errCompacted) {
			r.Log.Info("The history has a gap", "after", r.last)
			err = r.list(ctx, true)
		}
		if err != nil {
			r.Log.V(1).Info("The stream of changes broke; it goes on from where it was", "after", r.last, "why", err.Error())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.Clock.After(retryAfter):
		}
	}
}

// list writes down all there is: a beginning, or what is found after a gap. It is tried until it succeeds.
func (r *Etcd) list(ctx context.Context, gap bool) error {
	for {
		var answer struct {
			Header header `json:"header"`
			KVs    []pair `json:"kvs"`
		}
		err := r.call(ctx, "/v3/kv/range", map[string]any{"key": []byte(stored), "range_end": []byte(behindStored)}, &answer)
		if err == nil {
			return r.take(answer.Header.Revision, answer.KVs, gap)
		}
		r.Log.V(1).Info("Listing failed; trying again", "why", err.Error())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.Clock.After(retryAfter):
		}
	}
}

// take writes down what a list shows.
func (r *Etcd) take(revision int64, kvs []pair, gap bool) error {
	now := r.Clock.Now()
	head := history.Entry{Type: history.Began, Revision: uint64(revision), Seen: now} //nolint:gosec // revisions are positive
	if gap {
		head.Type, head.After, head.Why = history.Missed, uint64(r.last), errCompacted.Error() //nolint:gosec // as above
	}
	entries := []history.Entry{head}
	r.objects = map[string]client.Object{}
	for _, kv := range kvs {
		if !recorded(kv) {
			continue
		}
		object, err := readStored(kv)
		if err != nil {
			return fmt.Errorf("%w: %w", errUnwritten, err)
		}
		r.objects[string(kv.Key)] = object
		entries = append(entries, history.Entry{Type: history.Listed, Revision: head.Revision, Object: object, Seen: now})
	}
	for _, e := range entries {
		if err := r.write(e); err != nil {
			return err
		}
	}
	r.last = revision
	return nil
}

// watch reads one stream of changes to its end.
func (r *Etcd) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	response, err := r.post(ctx, "/v3/watch", map[string]any{"create_request": map[string]any{
		"key": []byte(stored), "range_end": []byte(behindStored), "start_revision": strconv.FormatInt(r.last+1, 10), "progress_notify": true,
	}})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	stream := json.NewDecoder(response.Body)
	for {
		var message struct {
			Result struct {
				Header   header   `json:"header"`
				Created  bool     `json:"created"`
				Canceled bool     `json:"canceled"`
				Compact  int64    `json:"compact_revision,string"`
				Events   []change `json:"events"`
			} `json:"result"`
		}
		if err := stream.Decode(&message); err != nil {
			return err
		}
		m := &message.Result
		switch {
		case m.Compact > 0:
			return errCompacted
		case m.Canceled:
			return errors.New("etcd ended the stream of changes")
		}
		for _, c := range m.Events {
			if err := r.tell(c); err != nil {
				return fmt.Errorf("%w: %w", errUnwritten, err)
			}
		}
		if len(m.Events) == 0 && !m.Created {
			r.last = max(r.last, m.Header.Revision) // all up to there was told
		}
	}
}

// change is one key's.
type change struct {
	Type string `json:"type"`
	KV   pair   `json:"kv"`
}

// tell writes down one change.
func (r *Etcd) tell(c change) error {
	if !recorded(c.KV) {
		return nil
	}
	key := string(c.KV.Key)
	before := r.objects[key]
	kind := history.Modified
	var object client.Object
	switch {
	case c.Type == "DELETE" && before == nil:
		return nil
	case c.Type == "DELETE":
		kind, object = history.Deleted, before.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy is of the same type
		object.SetResourceVersion(strconv.FormatInt(c.KV.Revision, 10))
		delete(r.objects, key)
	default:
		var err error
		if object, err = readStored(c.KV); err != nil {
			return err
		}
		if before == nil {
			kind = history.Added
		}
		r.objects[key] = object
	}
	entry, err := history.Change(kind, object, r.Clock.Now())
	if err != nil {
		return err
	}
	if err := r.write(entry); err != nil {
		return err
	}
	r.last = c.KV.Revision
	return nil
}

// recorded says whether a key is of a kind that a history has; the project has others too.
func recorded(kv pair) bool {
	kind, _, _ := strings.Cut(strings.TrimPrefix(string(kv.Key), stored), "/")
	return slices.ContainsFunc(kinds, func(k schema.GroupVersionResource) bool { return k.Resource == kind })
}

// readStored reads an object as the API server stores it: without its revision, which is the key's.
func readStored(kv pair) (client.Object, error) {
	object, err := history.ReadObject(kv.Value)
	if err != nil {
		return nil, fmt.Errorf("the value of %s: %w", kv.Key, err)
	}
	object.SetResourceVersion(strconv.FormatInt(kv.Revision, 10))
	object.SetManagedFields(nil)
	return object, nil
}

// Revision is etcd's newest: all that was acknowledged before the call is at it, or before it.
func (r *Etcd) Revision(ctx context.Context) (uint64, error) {
	var answer struct {
		Header header `json:"header"`
	}
	err := r.call(ctx, "/v3/kv/range", map[string]any{"key": []byte(stored), "count_only": true}, &answer)
	return uint64(answer.Header.Revision), err //nolint:gosec // revisions are positive
}

// markTime notes down the time now and then, with a revision that etcd has told since.
func (r *Etcd) markTime(ctx context.Context) error {
	ticker := r.Clock.NewTicker(DefaultMark)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
		began := r.Clock.Now()
		revision, err := r.Revision(ctx)
		if err != nil {
			continue // without etcd there is no revision to mark
		}
		if err := r.write(history.Entry{Type: history.Marked, Revision: revision, Seen: began}); err != nil {
			return err
		}
	}
}

func (r *Etcd) write(e history.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Write(e)
}

// callTimeout bounds a call that is answered at once.
const callTimeout = 10 * time.Second

func (r *Etcd) call(ctx context.Context, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := r.post(ctx, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

func (r *Etcd) post(ctx context.Context, path string, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(r.URL, "/")+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("etcd answered %s", response.Status)
	}
	return response, nil
}
