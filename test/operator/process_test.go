// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package operator_test

import (
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/controlplane"
)

// operator is a running operator.
type operator struct {
	cmd    *exec.Cmd
	probes string
	done   chan error
}

// startOperator starts the operator with its own service account's permissions.
func startOperator(args ...string) *operator {
	GinkgoHelper()
	return startOperatorTo(GinkgoWriter, args...)
}

// startOperatorTo starts one that says what it says to somebody.
func startOperatorTo(said io.Writer, args ...string) *operator {
	GinkgoHelper()
	probes, err := controlplane.FreeAddress("")
	Expect(err).NotTo(HaveOccurred())
	// The process outlives the node that starts it: it is ended by kill or stop, and with this one at the latest.
	cmd := exec.CommandContext(context.Background(), filepath.Join(files, "seatkeeper"), append([]string{
		"--kubeconfig", operatorKubeconfig(), "--leader-elect=false", "--health-probe-bind-address", probes,
	}, args...)...)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	Expect(cmd.Start()).To(Succeed())
	o := &operator{cmd: cmd, probes: probes, done: make(chan error, 1)}
	go func() { o.done <- cmd.Wait() }()
	return o
}

// kill ends the operator as a crash does.
func (o *operator) kill() {
	GinkgoHelper()
	Expect(o.cmd.Process.Kill()).To(Succeed())
	Eventually(o.done).Should(Receive())
}

// stop ends the operator as a rolling update does; it must go by itself, without an error.
func (o *operator) stop() {
	GinkgoHelper()
	Eventually(func(g Gomega) { // before that, a signal finds no handler
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+o.probes+"/readyz", nil)
		g.Expect(err).NotTo(HaveOccurred())
		response, err := http.DefaultClient.Do(request)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(response.Body.Close()).To(Succeed())
		g.Expect(response.StatusCode).To(Equal(http.StatusOK))
	}).Should(Succeed())
	Expect(o.cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
	Eventually(o.done, "25s").Should(Receive(Not(HaveOccurred())))
}

// withOperator runs an operator during the container that it is called in. Those that other containers killed are not waited for.
func withOperator() {
	var o *operator
	BeforeAll(func(ctx SpecContext) {
		forgetReplicas(ctx)
		o = startOperator()
	})
	AfterAll(func() { o.stop() })
}

// forgetReplicas removes what killed operators left behind, by which the leader would wait for their clients to be heard elsewhere before it ends anybody.
func forgetReplicas(ctx SpecContext) {
	GinkgoHelper()
	Expect(api.DeleteAllOf(ctx, &coordinationv1.Lease{}, client.InNamespace("seatkeeper-system"), client.HasLabels{licensing.LabelReplica})).To(Succeed())
}
