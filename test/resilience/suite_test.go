// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package resilience_test breaks what Seatkeeper runs on, while real clients use it: replicas are killed, paused, cut off and replaced, the API server goes away,
// a pool is deleted. Nobody who works may be signed off, no seat may be sold twice, and none may be lost (docs/design.md, the invariants).
package resilience_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	ginkgotypes "github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/seatkeeper/seatkeeper/test/controlplane"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

const (
	root = "../.."
	// suiteTimeout is for slow, busy machines; two and a half minutes are usual.
	suiteTimeout = 10 * time.Minute
)

var (
	// binaries is the folder of the control plane's programs, operator is the built one.
	binaries, operator string
	// shared is the control plane of all scenarios that leave it alone.
	shared *world
)

func TestResilience(t *testing.T) {
	RegisterFailHandler(func(message string, skip ...int) {
		// Of failures in several goroutines Ginkgo reports one.
		at := ginkgotypes.NewCodeLocation(1)
		if len(skip) > 0 {
			at = ginkgotypes.NewCodeLocation(skip[0] + 1)
		}
		AddReportEntry("failed", at, message)
		Fail(message, append(skip, 0)[0]+1)
	})
	RunSpecs(t, "Replicas, against a real control plane, while things break")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(90 * time.Second)
	SetDefaultEventuallyPollingInterval(100 * time.Millisecond)
	EnforceDefaultTimeoutsWhenUsingContexts()

	ctrllog.SetLogger(GinkgoLogr)
	var err error
	binaries, err = replica.Assets(ctx, root)
	Expect(err).NotTo(HaveOccurred())
	shared = newWorld(ctx)
	DeferCleanup(func() { shared.close() })
}, NodeTimeout(12*time.Minute))

// world is a control plane with the operator's kinds and permissions, and all that is ever written to it.
type world struct {
	*replica.Installation
	history *history
	dir     string
	end     context.CancelFunc
}

// newWorld starts a control plane. The first one builds the operator.
func newWorld(ctx context.Context) *world {
	GinkgoHelper()
	dir, err := os.MkdirTemp("", "seatkeeper-resilience-")
	Expect(err).NotTo(HaveOccurred())
	cluster, err := controlplane.Start(ctx, controlplane.Options{BinDir: binaries, UnsafeNoFsync: true})
	Expect(err).NotTo(HaveOccurred())
	w := &world{dir: dir}
	if operator == "" {
		w.Installation, err = replica.Install(ctx, cluster, root, binaries, dir)
		operator = filepath.Join(dir, "seatkeeper")
	} else {
		w.Installation, err = replica.InstallBuilt(ctx, cluster, operator, root, binaries, dir)
	}
	Expect(err).NotTo(HaveOccurred())
	var watching context.Context
	watching, w.end = context.WithCancel(context.WithoutCancel(ctx))
	w.history, err = follow(watching, cluster.EtcdURL())
	Expect(err).NotTo(HaveOccurred())
	return w
}

func (w *world) close() {
	GinkgoHelper()
	w.end()
	Expect(w.Cluster.Stop()).To(Succeed())
	Expect(os.RemoveAll(w.dir)).To(Succeed())
}

// starting bounds how many scenarios start their processes at a time: a few cores serve them sooner one after the other.
var starting = make(chan struct{}, 2)

// together plays scenarios at the same time, each with replicas of its own: most of them wait for periods that the schema does not let be shorter. SCENARIO in the environment, a regular
// expression, leaves out all whose function's name it does not match.
func together(ctx context.Context, scenarios ...func(context.Context)) {
	var all sync.WaitGroup
	wanted := regexp.MustCompile(os.Getenv("SCENARIO"))
	for _, play := range scenarios {
		if !wanted.MatchString(runtime.FuncForPC(reflect.ValueOf(play).Pointer()).Name()) {
			continue
		}
		all.Go(func() {
			defer GinkgoRecover()
			play(ctx)
		})
	}
	all.Wait()
}

// measured reports a measurement.
func measured(format string, args ...any) {
	AddReportEntry("measured", Offset(1), fmt.Sprintf(format, args...))
}

// seconds is a duration that people can read.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// sleepUntil waits for a time, or fails when the context ends before.
func sleepUntil(ctx context.Context, t time.Time) {
	GinkgoHelper()
	select {
	case <-ctx.Done():
		Expect(ctx.Err()).NotTo(HaveOccurred())
	case <-time.After(time.Until(t)):
	}
}
