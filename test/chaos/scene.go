// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/seatkeeper/seatkeeper/test/controlplane"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

const (
	root = "."
	// namespace has the pools.
	namespace = "chaos"
	// replicas is how many operator processes there are.
	replicas = 3
)

// scene is a control plane, the operator's replicas and their users.
type scene struct {
	*replica.Installation
	o     options
	dir   string
	began time.Time
	front *replica.Balancer
	pools []*pool

	places  [replicas]*place
	token   *token
	history *watcher
	crowd   *crowd
	tally   *tally

	mu      sync.Mutex
	elect   bool
	current map[string]string // what is broken now, by lane
}

func newScene(ctx context.Context, o options) (s *scene, err error) {
	ctrllog.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	dir, err := os.MkdirTemp("", "seatkeeper-chaos-")
	if err != nil {
		return nil, err
	}
	s = &scene{o: o, dir: dir, began: time.Now(), elect: true, pools: poolsFor(o.users), tally: newTally(), current: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(true))
		}
	}()
	binaries, err := replica.Assets(ctx, root)
	if err != nil {
		return nil, err
	}
	cluster, err := controlplane.Start(ctx, controlplane.Options{BinDir: binaries, DataDir: filepath.Join(dir, "controlplane"), UnsafeNoFsync: true})
	if err != nil {
		return nil, err
	}
	if s.Installation, err = replica.Install(ctx, cluster, root, binaries, dir); err != nil {
		return nil, errors.Join(err, cluster.Stop())
	}
	if s.history, err = watch(dir, cluster.EtcdURL(), s.tally.find); err != nil {
		return nil, err
	}
	if err := s.API.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return nil, err
	}
	for _, p := range s.pools {
		for _, object := range p.objects() {
			if err := s.API.Create(ctx, object); err != nil {
				return nil, err
			}
		}
	}
	text, err := s.AppServer(ctx, namespace, "portal")
	if err != nil {
		return nil, err
	}
	s.token = &token{installation: s.Installation, text: text, got: time.Now()}
	if err := s.startReplicas(ctx); err != nil {
		return nil, err
	}
	s.crowd, s.began = newCrowd(s), time.Now()
	return s, nil
}

// startReplicas starts the operator's processes, each with a connection to the API server of its own that can be broken, and the balancer before them.
func (s *scene) startReplicas(ctx context.Context) error {
	var backends []*replica.Replica
	for i := range s.places {
		proxy, err := s.Cluster.Proxy()
		if err != nil {
			return err
		}
		s.places[i] = &place{scene: s, number: i + 1, proxy: proxy, kubeconfig: filepath.Join(s.dir, fmt.Sprintf("replica-%d.kubeconfig", i+1))}
		if err := s.KubeconfigVia(s.places[i].kubeconfig, proxy.URL()); err != nil {
			return err
		}
		if err := s.places[i].launch(); err != nil {
			return err
		}
		backends = append(backends, s.places[i].replica)
	}
	for _, r := range backends {
		if err := r.WaitReady(ctx); err != nil {
			return err
		}
	}
	var err error
	s.front, err = replica.NewBalancer(ctx, backends...)
	return err
}

// electing says whether replicas that start now elect a leader.
func (s *scene) electing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.elect
}

// close ends everything. What is worth looking at is kept after a broken promise.
func (s *scene) close(keep bool) error {
	var errs []error
	if s.crowd != nil {
		s.crowd.stop()
	}
	if s.front != nil {
		s.front.Close()
	}
	for _, p := range s.places {
		if p != nil {
			errs = append(errs, p.close())
		}
	}
	if s.history != nil {
		errs = append(errs, s.history.close())
	}
	if s.Installation != nil {
		errs = append(errs, s.Cluster.Stop())
	}
	if !keep {
		return errors.Join(append(errs, os.RemoveAll(s.dir))...)
	}
	errs = append(errs, os.RemoveAll(filepath.Join(s.dir, "controlplane", "etcd")))
	fmt.Printf("The history (history.jsonl.gz) and the logs are kept in %s\n", s.dir)
	return errors.Join(errs...)
}

// place is where one replica runs after another.
type place struct {
	scene      *scene
	number     int
	proxy      *controlplane.Proxy
	kubeconfig string

	mu       sync.Mutex
	replica  *replica.Replica
	name     string
	expected bool // its end is our doing
	logs     []string
}

// keptLogs is how many logs of earlier processes are kept of each place: they tell of the last minutes, and not of hours.
const keptLogs = 8

// launch starts a replica, at the same address as the one before.
func (p *place) launch() error {
	o := replica.Options{LeaderElect: p.scene.electing(), Kubeconfig: p.kubeconfig}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.replica != nil {
		o.Address = p.replica.Address
	}
	r, err := p.scene.Launch(o)
	if err != nil {
		return err
	}
	p.replica, p.name, p.expected = r, "", false
	if p.scene.front != nil {
		p.scene.front.Replace(p.number-1, r)
	}
	if p.logs = append(p.logs, r.LogPath()); len(p.logs) > keptLogs {
		_ = os.Remove(p.logs[0])
		p.logs = p.logs[1:]
	}
	go p.mourn(r)
	return nil
}

// mourn finds replicas that end though nobody ended them.
func (p *place) mourn(r *replica.Replica) {
	<-r.Ended()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.replica == r && !p.expected {
		p.scene.tally.find(fmt.Sprintf("replica %d ended by itself; the end of its log:\n%s", p.number, tail(r.Log(), 30)))
	}
}

// now is the replica that runs here. What is done to it next may end it.
func (p *place) now(ends bool) *replica.Replica {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = p.expected || ends
	return p.replica
}

// named is what the replica calls itself; empty: it has not said so yet.
func (p *place) named() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.name == "" {
		p.name = p.replica.Name()
	}
	return p.name
}

func (p *place) close() error {
	if p.replica == nil {
		return p.proxy.Close()
	}
	r := p.now(true)
	return errors.Join(r.Resume(), r.Kill(), p.proxy.Close())
}

// token is the application server's, which is good for an hour.
type token struct {
	installation *replica.Installation

	mu   sync.Mutex
	text string
	got  time.Time
}

func (t *token) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.got) < 20*time.Minute {
		return t.text, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	text, err := t.installation.Token(ctx, namespace, "portal", replica.Audience)
	if err != nil {
		t.got = t.got.Add(30 * time.Second) // the API server is away: the old one is good for a while, and asked for anew soon
		return t.text, nil
	}
	t.text, t.got = text, time.Now()
	return text, nil
}

// random is a source of chance of its own for each who needs one, so that a seed decides the same however they interleave.
func (o options) random(who uint64) *rand.Rand {
	return rand.New(rand.NewPCG(o.seed, who))
}
