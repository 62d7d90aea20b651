// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Demo runs all of Seatkeeper on one machine for `make demo`: a control plane, the operator with the permissions it ships with, a small pool,
// and simulated users who sign in, work and leave. It follows the seats on screen until Ctrl-C. With DEMO_SECONDS it ends by itself, and says
// by its exit code whether everything that a demo shows was there to be seen.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

const (
	// readyTimeout is how long the operator has to count the pool's named accounts, after it was started.
	readyTimeout = time.Minute
	// leaveTimeout is how long users take to sign off when they are told to.
	leaveTimeout = 30 * time.Second
	// leastSeconds is how long it takes all users to come.
	leastSeconds = 5
)

// namedAccounts is how many pool.yaml has.
const namedAccounts = 4

func main() {
	d := &demo{pool: types.NamespacedName{Namespace: "itsm", Name: "service-desk"}}
	flag.StringVar(&d.stage.kubeconfig, "kubeconfig", "bin/demo.kubeconfig", "where the administrator's kubeconfig is written")
	flag.Parse()
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // who asks twice is not made to wait
	if err := d.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

type demo struct {
	stage stage
	pool  types.NamespacedName
	// lasts is how long to run unattended; 0: until interrupted.
	lasts time.Duration
	seats *seats
	app   *application
}

func (d *demo) run(interrupted context.Context) (err error) {
	if d.lasts, err = duration(os.Getenv("DEMO_SECONDS")); err != nil {
		return err
	}
	if d.stage.kubectl, err = kubectl(); err != nil {
		return err
	}
	release, err := claim(filepath.Dir(d.stage.kubeconfig))
	if err != nil {
		return err
	}
	defer release()
	defer func() {
		fmt.Println("Stopping...")
		err = errors.Join(err, d.stage.tearDown())
	}()
	ctx, stop := context.WithCancelCause(interrupted)
	defer stop(nil)
	err = d.play(ctx, stop)
	switch failed := (*failure)(nil); {
	case errors.As(context.Cause(ctx), &failed):
		return failed
	case interrupted.Err() == nil:
		return err
	case d.lasts > 0:
		return errors.New("interrupted before its time was over")
	default:
		return nil
	}
}

// play sets the stage, lets users come and go, and draws it, until the context or the time is over.
func (d *demo) play(ctx context.Context, stop context.CancelCauseFunc) error {
	began := time.Now()
	if err := d.stage.setUp(ctx, func(line string) { fmt.Println(line + "...") }); err != nil {
		return err
	}
	go func() {
		if err := d.stage.wait(ctx); err != nil {
			stop(&failure{err})
		}
	}()
	if err := d.watch(ctx); err != nil {
		return err
	}
	if err := d.awaitReady(ctx); err != nil {
		return err
	}
	var err error
	if d.app, err = newApplication(ctx, d.stage.cluster.RESTConfig(), d.stage.gateway, d.pool); err != nil {
		return err
	}
	ready := time.Now()
	fmt.Printf("Ready after %.0f s.\n", ready.Sub(began).Seconds())

	open, closeNow := ctx, context.CancelFunc(func() {})
	if d.lasts > 0 {
		open, closeNow = context.WithTimeout(ctx, d.lasts)
	}
	defer closeNow()
	left := make(chan error, 1)
	go func() {
		err := newCrowd(d.app.gateway, d.seats, d.pool).run(open)
		if err != nil {
			stop(&failure{err})
		}
		left <- err
	}()
	newScreen(os.Stdout, d.hints(), ready).follow(open, d.seats.changed, d.picture)
	if ctx.Err() != nil {
		summarize(os.Stdout, d.picture(), time.Since(ready))
		return context.Cause(ctx)
	}
	return d.close(ctx, left, ready)
}

// picture is how things stand now.
func (d *demo) picture() picture {
	p := d.seats.picture()
	p.calls = d.app.traffic.counted()
	return p
}

// close lets all users leave and judges the run.
func (d *demo) close(ctx context.Context, left <-chan error, ready time.Time) error {
	fmt.Println("Closing time: all users leave...")
	select {
	case err := <-left:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(leaveTimeout):
		return fmt.Errorf("users could not leave within %s", leaveTimeout)
	}
	picture := d.seats.settle(ctx)
	picture.calls = d.app.traffic.counted()
	summarize(os.Stdout, picture, time.Since(ready))
	if list := missing(picture, time.Since(ready)); len(list) > 0 {
		return errors.New("this is not as it should be:\n  - " + strings.Join(list, "\n  - "))
	}
	fmt.Println("All of it is as it should be.")
	return nil
}

// watch begins to follow pool and sessions.
func (d *demo) watch(ctx context.Context) error {
	scheme := runtime.NewScheme()
	if err := licensing.AddToScheme(scheme); err != nil {
		return err
	}
	config := d.stage.cluster.RESTConfig()
	api, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	informers, err := cache.New(config, cache.Options{Scheme: scheme, DefaultNamespaces: map[string]cache.Config{d.pool.Namespace: {}}})
	if err != nil {
		return err
	}
	d.seats = newSeats(d.pool, func(ctx context.Context) (*licensing.LicensePool, error) {
		pool := &licensing.LicensePool{}
		return pool, api.Get(ctx, d.pool, pool)
	})
	go func() { _ = informers.Start(ctx) }() // it returns no error but when started twice
	pools, err := informers.GetInformer(ctx, &licensing.LicensePool{})
	if err != nil {
		return err
	}
	sessions, err := informers.GetInformer(ctx, &licensing.UserSession{})
	if err != nil {
		return err
	}
	if _, err := pools.AddEventHandler(d.seats.poolHandler()); err != nil {
		return err
	}
	_, err = sessions.AddEventHandler(d.seats.sessionHandler(ctx))
	return err
}

// awaitReady waits until the operator counts the pool and all its named accounts.
func (d *demo) awaitReady(ctx context.Context) error {
	timeout := time.After(readyTimeout)
	for {
		if p := d.seats.picture(); p.counted && p.holders() == namedAccounts {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timeout:
			return fmt.Errorf("the operator did not count the pool within %s", readyTimeout)
		case <-d.seats.changed:
		}
	}
}

// failure is an end that nobody asked for.
type failure struct{ error }

func (f *failure) Unwrap() error { return f.error }

func duration(seconds string) (time.Duration, error) {
	if seconds == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(seconds)
	if err != nil || n < leastSeconds {
		return 0, fmt.Errorf("DEMO_SECONDS must be a number of seconds, at least %d: it is %q", leastSeconds, seconds)
	}
	return time.Duration(n) * time.Second, nil
}

// claim makes sure that one demo at a time runs in a folder. The claim ends with the process.
func claim(folder string) (release func(), err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	dir, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = dir.Close()
		return nil, fmt.Errorf("another demo seems to run in this folder (%s is locked: %w)", folder, err)
	}
	return func() { _ = dir.Close() }, nil
}

// kubectl is that of the control plane's binaries, or else the machine's.
func kubectl() (string, error) {
	own := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	if _, err := os.Stat(own); !errors.Is(err, fs.ErrNotExist) {
		return own, err
	}
	return exec.LookPath("kubectl")
}
