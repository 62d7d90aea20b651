// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package operator_test

import (
	"bytes"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/seatkeeper/seatkeeper/test/make"
)

var _ = Describe("An operator that starts", Ordered, func() {
	It("says in one line what it serves where, for how many pools, and whether it leads", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(namespace(ctx)).Concurrent(1).Obj())
		forgetReplicas(ctx)
		said := &lines{}
		o := startOperatorTo(said, "--gateway-bind-address=127.0.0.1:0", "--gateway-tls=off", "--metrics-bind-address=127.0.0.1:0")
		Eventually(said.String).Should(MatchRegexp(`"Serving","leads":true,"pools":[1-9]\d*,"namespaces":"all","gateway":"127\.0\.0\.1:[1-9]\d*","metrics":"127\.0\.0\.1:0","probes":"127\.0\.0\.1:\d+"`))
		o.stop()
		Expect(strings.Count(said.String(), `"Serving"`)).To(Equal(1))
	})

	DescribeTable("at an address that is taken says so in one sentence, and exits with status 1", func(ctx SpecContext, flag string) {
		taken, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(taken.Close)
		var said bytes.Buffer
		cmd := exec.CommandContext(ctx, filepath.Join(files, "seatkeeper"), "--kubeconfig", operatorKubeconfig(), "--leader-elect=false", "--gateway-tls=off", "--"+flag, taken.Addr().String())
		cmd.Stderr = &said
		err = cmd.Run()
		Expect(err).To(HaveField("ExitCode()", 1), said.String())
		text := said.String()
		Expect(text).To(HaveSuffix("seatkeeper: --" + flag + " must be an address that is free: listen tcp " + taken.Addr().String() + ": bind: address already in use\n"))
		Expect(text).NotTo(ContainSubstring(".go:"), "a stack trace")
	},
		Entry("the gateway's", "gateway-bind-address", NodeTimeout(time.Minute)),
		Entry("the metrics'", "metrics-bind-address", NodeTimeout(time.Minute)),
		Entry("the probes'", "health-probe-bind-address", NodeTimeout(time.Minute)),
	)
})

// lines is what a process says, while it says it.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(data)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
