// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// awaitShadows is the priority of specs that await what takes its time, aloneLast of those after which no other can run.
const (
	awaitShadows SpecPriority = -10
	atTheEnd     SpecPriority = -20
	afterAll     SpecPriority = -30
)

// shadow is what takes its time, such as an idle timeout: it begins with the suite and goes on beside the other specs, and a spec of its own awaits it at the end.
type shadow struct {
	// begin prepares it, with the suite's assertions, and returns what goes on meanwhile, which has its own. The context lasts as long as that does.
	begin func(ctx context.Context) func(ctx context.Context, g Gomega)
	done  chan struct{}
	err   error
}

var shadows []*shadow

// inShadow registers one, and the spec that awaits it.
//
//nolint:unparam // it gives a value so that it can stand at the top level, as It does
func inShadow(text string, begin func(ctx context.Context) func(ctx context.Context, g Gomega)) bool {
	s := &shadow{begin: begin, done: make(chan struct{})}
	shadows = append(shadows, s)
	return It(text, awaitShadows, func(ctx SpecContext) {
		select {
		case <-s.done:
			Expect(s.err).NotTo(HaveOccurred())
		case <-ctx.Done():
			Fail("it still goes on")
		}
	}, NodeTimeout(11*time.Minute))
}

// failed is a failed assertion of a shadow.
type failed string

func startShadows() {
	GinkgoHelper()
	beside, cancel := context.WithTimeout(context.Background(), 11*time.Minute)
	DeferCleanup(func() { cancel() })
	for _, s := range shadows {
		run := s.begin(beside)
		go func() {
			defer close(s.done)
			defer func() {
				switch why := recover().(type) {
				case nil:
				case failed:
					s.err = fmt.Errorf("%s", string(why))
				default:
					s.err = fmt.Errorf("panicked: %v", why)
				}
			}()
			g := NewGomega(func(message string, _ ...int) { panic(failed(message)) })
			g.SetDefaultEventuallyTimeout(60 * time.Second)
			g.SetDefaultEventuallyPollingInterval(250 * time.Millisecond)
			run(beside, g)
		}()
	}
}
