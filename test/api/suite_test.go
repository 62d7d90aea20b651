// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package api_test proves the kinds' schemas against a real API server: what it accepts, what it refuses and
// with which sentence, what it fills in, finds, prints and explains.
package api_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

const (
	root     = "../.."
	crdBases = root + "/config/crd/bases"

	// trials is the namespace of the objects that the tables make by the hundred.
	trials = "trials"
)

var (
	environment *envtest.Environment
	config      *rest.Config
	api         client.Client

	// crds are the shipped definitions by kind: read before the tests are laid out, since some tables follow them.
	crds = shippedCRDs()
)

func TestAPI(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The kinds, against a real API server")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	scheme := runtime.NewScheme()
	Expect(licensing.AddToScheme(scheme)).To(Succeed())
	Expect(corev1.AddToScheme(scheme)).To(Succeed())
	Expect(apiextensionsv1.AddToScheme(scheme)).To(Succeed())

	environment = &envtest.Environment{
		CRDDirectoryPaths:     []string{crdBases},
		ErrorIfCRDPathMissing: true,
		BinaryAssetsDirectory: assets(ctx),
	}
	var err error
	config, err = environment.Start()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
	config.QPS = -1

	// Strict: a test that names a field which the schema lacks fails, rather than pass for the wrong reason.
	unchecked, err := client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	api = client.WithFieldValidation(unchecked, metav1.FieldValidationStrict)
	Expect(api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: trials}})).To(Succeed())
}, NodeTimeout(9*time.Minute))

// assets is the folder of the control plane's binaries: KUBEBUILDER_ASSETS, or what hack/assets.sh finds or builds.
func assets(ctx context.Context) string {
	GinkgoHelper()
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir
	}
	command := exec.CommandContext(ctx, root+"/hack/assets.sh")
	command.Stderr = GinkgoWriter
	out, err := command.Output()
	Expect(err).NotTo(HaveOccurred(), "hack/assets.sh")
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

func shippedCRDs() map[string]*apiextensionsv1.CustomResourceDefinition {
	files, err := filepath.Glob(crdBases + "/*.yaml")
	if err != nil || len(files) == 0 {
		panic("config/crd/bases must hold the definitions; run make manifests")
	}
	byKind := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, crd); err != nil {
			panic(err)
		}
		byKind[crd.Spec.Names.Kind] = crd
	}
	return byKind
}

var _ = Describe("The definitions", func() {
	It("are of four kinds, which the API server serves as they were shipped (D3)", func(ctx SpecContext) {
		Expect(slices.Sorted(maps.Keys(crds))).To(HaveExactElements("LicenseAccount", "LicensePool", "LicenseUsage", "UserSession"))
		for kind, shipped := range crds {
			served := &apiextensionsv1.CustomResourceDefinition{}
			Expect(api.Get(ctx, client.ObjectKeyFromObject(shipped), served)).To(Succeed())
			Expect(served.Status.Conditions).To(ContainElement(And(
				HaveField("Type", apiextensionsv1.Established), HaveField("Status", apiextensionsv1.ConditionTrue))), kind)
			Expect(served.Status.Conditions).NotTo(ContainElement(HaveField("Type", apiextensionsv1.NonStructuralSchema)), kind)
			Expect(served.Spec.Versions[0].Schema).To(Equal(shipped.Spec.Versions[0].Schema), kind)
		}
	})
})
