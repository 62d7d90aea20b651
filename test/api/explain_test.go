// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

var _ = Describe("What kubectl explain says (D5)", Ordered, ContinueOnFailure, func() {
	var kubectl func(ctx SpecContext, arguments ...string) (string, error)

	explain := func(ctx SpecContext, what string) string {
		GinkgoHelper()
		out, err := kubectl(ctx, "explain", what)
		Expect(err).NotTo(HaveOccurred(), "kubectl explain %s: %s", what, out)
		return flowing(out)
	}

	BeforeAll(func(ctx SpecContext) {
		user, err := environment.AddUser(envtest.User{Name: "reader", Groups: []string{"system:masters"}}, nil)
		Expect(err).NotTo(HaveOccurred())
		text, err := user.KubeConfig()
		Expect(err).NotTo(HaveOccurred())
		home := GinkgoT().TempDir()
		kubeconfig := filepath.Join(home, "kubeconfig")
		Expect(os.WriteFile(kubeconfig, text, 0o600)).To(Succeed())

		kubectl = func(ctx SpecContext, arguments ...string) (string, error) {
			command := exec.CommandContext(ctx, environment.ControlPlane.KubectlPath, arguments...)
			command.Env = []string{"HOME=" + home, "KUBECONFIG=" + kubeconfig}
			out, err := command.CombinedOutput()
			return string(out), err
		}
		// The API server publishes its documentation of new kinds a moment after it serves them.
		for _, crd := range crds {
			Eventually(func() (string, error) { return kubectl(ctx, "explain", crd.Spec.Names.Plural) }, 20*time.Second).
				Should(ContainSubstring(crd.Spec.Names.Kind))
		}
	})

	for kind, crd := range crds {
		It("documents every field of "+kind, func(ctx SpecContext) {
			walk("", schemaOf(kind), func(field string, s *apiextensionsv1.JSONSchemaProps) {
				if len(s.Properties) == 0 {
					return
				}
				said := explain(ctx, strings.TrimSuffix(crd.Spec.Names.Plural+"."+strings.ReplaceAll(field, "[]", ""), "."))
				Expect(said).NotTo(ContainSubstring("<no description>"), field)
				Expect(said).To(ContainSubstring(flowing(s.Description)), field)
				for name, child := range s.Properties {
					if field == "" && name == "metadata" {
						continue
					}
					Expect(child.Description).NotTo(BeEmpty(), "%s.%s", field, name)
					Expect(said).To(ContainSubstring(flowing(child.Description)), "%s.%s", field, name)
				}
			})
		})
	}

	It("documents a single field, by a kind's short name", func(ctx SpecContext) {
		Expect(explain(ctx, "usession.spec.client.ip")).To(ContainSubstring("ip is the client's IPv4 or IPv6 address"))
	})
})

// flowing is a text with one blank between words, however its lines were broken.
func flowing(text string) string { return strings.Join(strings.Fields(text), " ") }
