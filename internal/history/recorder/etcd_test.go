// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package recorder_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/seatkeeper/seatkeeper/internal/history"
	"github.com/seatkeeper/seatkeeper/internal/history/recorder"
	"github.com/seatkeeper/seatkeeper/test/controlplane"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// All that is written is recorded once and in order, whatever restarts: the API server, or etcd.
func TestEtcdTellsAllOverRestarts(t *testing.T) {
	ctx := t.Context()
	bin, err := replica.Assets(ctx, root)
	check(t, err)
	cluster, err := controlplane.Start(ctx, controlplane.Options{BinDir: bin, UnsafeNoFsync: true})
	check(t, err)
	t.Cleanup(func() { check(t, cluster.Stop()) })
	s, err := replica.Install(ctx, cluster, root, bin, t.TempDir())
	check(t, err)
	check(t, s.API.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}))
	pool := MakeLicensePool("p").Namespace(ns).Concurrent(1).Obj()
	check(t, s.API.Create(ctx, pool))

	var mu sync.Mutex
	var told []string
	seen := uint64(0)
	recording, stop := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	r := &recorder.Etcd{URL: cluster.EtcdURL(), Clock: clock.RealClock{}, Log: logr.Discard(), Ready: func() { close(ready) }, Write: func(e history.Entry) error {
		mu.Lock()
		defer mu.Unlock()
		seen = max(seen, e.Revision)
		if e.Object != nil {
			told = append(told, fmt.Sprintf("%s %s %s", e.Type, e.Object.GetName(), e.Object.GetResourceVersion()))
		}
		return nil
	}}
	go func() { ended <- r.Run(recording) }()
	<-ready
	want := []string{"LISTED p " + pool.ResourceVersion}
	for _, again := range []struct {
		what          string
		stop, restart func() error
	}{
		{"apiserver", cluster.StopAPIServer, func() error { return cluster.RestartAPIServer(ctx) }},
		{"etcd", cluster.StopEtcd, func() error { return cluster.RestartEtcd(ctx) }},
	} {
		session := MakeUserSession("s-" + again.what).Namespace(ns).Pool("p").User("ann").Obj()
		check(t, s.API.Create(ctx, session))
		want = append(want, "ADDED "+session.Name+" "+session.ResourceVersion)
		check(t, again.stop())
		check(t, again.restart())
		eventually(t, "the API server writes after "+again.what+" was restarted", func() (bool, error) {
			session.Labels = map[string]string{"restarted": again.what}
			err := s.API.Update(ctx, session)
			return err == nil, err
		})
		want = append(want, "MODIFIED "+session.Name+" "+session.ResourceVersion)
		check(t, s.API.Delete(ctx, session))
		revision, err := r.Revision(ctx)
		check(t, err)
		eventually(t, "all is recorded", func() (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			return seen >= revision, fmt.Errorf("up to %d of %d", seen, revision)
		})
	}
	stop()
	check(t, <-ended)
	mu.Lock()
	defer mu.Unlock()
	got := strings.Join(told, "\n")
	for _, line := range want {
		if strings.Count(got, line) != 1 {
			t.Errorf("%s must be recorded once", line)
		}
	}
	if strings.Count(got, "DELETED s-apiserver") != 1 || strings.Count(got, "DELETED s-etcd") != 1 || len(told) != len(want)+2 {
		t.Errorf("recorded:\n%s", got)
	}
}

// What etcd compacted before it was read leaves a gap, which is told; what cannot be written ends the recording.
func TestEtcdThatForgotLeavesAGap(t *testing.T) {
	watches := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v3/kv/range" {
			key := base64.StdEncoding.EncodeToString([]byte("/registry/licensing.seatkeeper.dev/others/n/o")) // of no kind that is recorded
			fmt.Fprintf(w, `{"header":{"revision":"%d"},"kvs":[{"key":%q,"value":"e30=","mod_revision":"50"}]}`, 100*(watches+1), key)
			return
		}
		if watches++; watches == 1 {
			fmt.Fprintln(w, `{"result":{"created":true,"canceled":true,"compact_revision":"150"}}`)
			return
		}
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var told []string
	r := &recorder.Etcd{URL: server.URL, Clock: clock.RealClock{}, Log: logr.Discard(), Write: func(e history.Entry) error {
		if e.Type != history.Marked {
			told = append(told, fmt.Sprintf("%s %d-%d", e.Type, e.After, e.Revision))
		}
		if e.Type == history.Missed {
			cancel()
		}
		return nil
	}}
	check(t, r.Run(ctx))
	if got := strings.Join(told, ", "); got != "BEGAN 0-100, MISSED 100-200" {
		t.Errorf("recorded: %s", got)
	}
	full := errors.New("no space left")
	r.Write = func(history.Entry) error { return full }
	if err := r.Run(t.Context()); !errors.Is(err, full) {
		t.Errorf("Run returned %v", err)
	}
}
