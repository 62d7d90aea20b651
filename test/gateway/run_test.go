// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

var _ = Describe("seatkeeper run", func() {
	var p *place
	BeforeEach(func(ctx SpecContext) {
		p = somewhere(ctx, MakeLicensePool("p").Concurrent(1).HeartbeatInterval(5*time.Second).Obj())
	})

	// start runs a shell script with a seat of the pool p.
	start := func(r *replica.Replica, script string, flags ...string) *gexec.Session {
		GinkgoHelper()
		args := append([]string{"run", "--pool", "p", "--namespace", p.ns, "--gateway", r.URL, "--token-file", p.tokenFile(), "--user", "ann"}, flags...)
		cmd := exec.Command(op.Binary, append(args, "--", "sh", "-c", script)...)
		cmd.Env = append(os.Environ(), "SEATKEEPER_TOKEN=")
		session, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { session.Kill().Wait(30 * time.Second) })
		return session
	}

	It("takes a seat, keeps it while the command lives, and gives it back with the command's exit code", func(ctx SpecContext) {
		fifo := filepath.Join(GinkgoT().TempDir(), "go-on")
		Expect(syscall.Mkfifo(fifo, 0o600)).To(Succeed())
		session := start(first, "echo session $SEATKEEPER_SESSION; read line < '"+fifo+"'; exit 42")
		live := p.only(ctx)
		Expect(live.Spec.UserName).To(Equal("ann"))
		Eventually(session).Should(gbytes.Say("session " + live.Name))
		p.seen(ctx, one, 1)
		Consistently(session).WithTimeout(500 * time.Millisecond).ShouldNot(gexec.Exit())
		Expect(p.signOn(ctx, one, user("bob"), now)).To(be("409 SeatsExhausted"))
		Expect(os.WriteFile(fifo, []byte("\n"), 0o600)).To(Succeed())
		Eventually(session).Should(gexec.Exit(42))
		p.seated(ctx, 0)
		Expect(p.record(ctx, live.Name).Status.TerminationAction).To(Equal(licensing.RequestedByUser))
	})

	It("ends with 0 for a command that did, over HTTPS as well", func(ctx SpecContext) {
		Eventually(start(secure, "exit 0", "--insecure-skip-tls-verify")).Should(gexec.Exit(0))
		p.seated(ctx, 0)
	})

	It("does not run the command without a seat: 75, or waits for one", func(ctx SpecContext) {
		holder := p.signedOn(ctx, one, user("holder"))
		p.seen(ctx, one, 1)
		session := start(first, "echo it ran")
		Eventually(session).Should(gexec.Exit(75))
		Expect(string(session.Out.Contents())).To(BeEmpty())
		Expect(string(session.Err.Contents())).To(ContainSubstring("SeatsExhausted"))

		session = start(first, "echo it ran", "--wait", "1m")
		Eventually(func() []licensing.UserSession { return p.pending(ctx) }).Should(HaveLen(1))
		Expect(one.SignOut(ctx, holder.Token)).To(be("204"))
		Eventually(session).Should(gexec.Exit(0))
		Expect(string(session.Out.Contents())).To(Equal("it ran\n"))
	})

	It("stops the command when its session is ended: 76", func(ctx SpecContext) {
		session := start(first, "sleep 600")
		p.terminate(ctx, p.only(ctx).Name, "Go home.")
		Eventually(session).Should(gexec.Exit(76))
		Expect(string(session.Err.Contents())).To(ContainSubstring("Go home."))
	})

	It("passes signals on, and gives the seat back of a command that was stopped: 128 and the signal", func(ctx SpecContext) {
		session := start(first, "echo it runs; exec sleep 600")
		Eventually(session).Should(gbytes.Say("it runs"))
		p.seated(ctx, 1)
		Eventually(session.Terminate()).Should(gexec.Exit(128 + int(syscall.SIGTERM)))
		p.seated(ctx, 0)
	})

	It("says who may not, and what cannot work, by its exit code", func(ctx SpecContext) {
		refused := filepath.Join(GinkgoT().TempDir(), "token")
		Expect(os.WriteFile(refused, []byte("rubbish"), 0o600)).To(Succeed())
		for code, flags := range map[int][]string{
			77: {"--token-file", refused},
			64: {"--pool", "no-such-pool"},
			69: {"--gateway", "http://127.0.0.1:1", "--gateway-timeout", "1s"},
		} {
			Eventually(start(first, "echo it ran", flags...)).Should(gexec.Exit(code), "%v", flags)
		}
		Expect(p.sessions(ctx)).To(BeEmpty())
	})
})
