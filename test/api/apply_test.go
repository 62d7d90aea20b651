// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

const gitopsPool = `
apiVersion: licensing.seatkeeper.dev/v1alpha1
kind: LicensePool
metadata: {name: gitops, namespace: default, labels: {team: desk}}
spec:
  displayName: Service Desk
  named: {seats: 25}
  concurrent: {seats: 50}
  validity: {notBefore: "2026-01-01T00:00:00Z"}
  sharing:
    moduleGroups: [[Web, Desktop], [Mobile]]
  sessions:
    idleTimeoutSeconds: 1800
    prompt: {modules: [Web]}
    maxPerUser: {sessions: 3}
`

var _ = Describe("A pool that a GitOps pipeline applies (D5)", Ordered, ContinueOnFailure, func() {
	applied := func(ctx SpecContext, edits ...edit) *unstructured.Unstructured {
		GinkgoHelper()
		pool := &unstructured.Unstructured{}
		Expect(yaml.Unmarshal([]byte(gitopsPool), &pool.Object)).To(Succeed())
		pool.Object = plain(pool.Object).(map[string]any)
		apply(pool, edits)
		Expect(api.Apply(ctx, client.ApplyConfigurationFromUnstructured(pool), client.FieldOwner("gitops"))).To(Succeed())
		return &unstructured.Unstructured{Object: stored(ctx, pool)}
	}

	var first *unstructured.Unstructured
	BeforeAll(func(ctx SpecContext) { first = applied(ctx) })

	It("is not written when the same YAML is applied again", func(ctx SpecContext) {
		second := applied(ctx)
		Expect(second.GetGeneration()).To(Equal(first.GetGeneration()))
		Expect(second.GetResourceVersion()).To(Equal(first.GetResourceVersion()))
	})

	It("is not written either when the operator wrote its status meanwhile", func(ctx SpecContext) {
		pool := &licensing.LicensePool{}
		Expect(api.Get(ctx, client.ObjectKeyFromObject(first), pool)).To(Succeed())
		pool.Status.Conditions = []metav1.Condition{{
			Type: licensing.ConditionReady, Status: metav1.ConditionTrue, Reason: licensing.ReasonReconciled,
			LastTransitionTime: metav1.NewTime(time.Now()),
		}}
		Expect(api.Status().Update(ctx, pool, client.FieldOwner("seatkeeper"))).To(Succeed())

		again := applied(ctx)
		Expect(again.GetGeneration()).To(Equal(first.GetGeneration()))
		Expect(again.GetResourceVersion()).To(Equal(pool.ResourceVersion))
		Expect(again.Object).To(HaveKeyWithValue("status", HaveKey("conditions")))
	})

	It("is owned by the pipeline in what its YAML states, and in nothing else", func(ctx SpecContext) {
		var owned []map[string]any
		for _, entry := range applied(ctx).GetManagedFields() {
			if entry.Manager != "gitops" {
				continue
			}
			Expect(entry.Operation).To(Equal(metav1.ManagedFieldsOperationApply))
			Expect(entry.Subresource).To(BeEmpty())
			var set map[string]any
			Expect(json.Unmarshal(entry.FieldsV1.GetRawBytes(), &set)).To(Succeed())
			owned = append(owned, set)
		}
		Expect(owned).To(ConsistOf(Equal(values{
			"f:metadata": values{"f:labels": values{"f:team": values{}}},
			"f:spec": values{
				"f:displayName": values{},
				"f:named":       values{"f:seats": values{}},
				"f:concurrent":  values{"f:seats": values{}},
				"f:validity":    values{"f:notBefore": values{}},
				"f:sharing":     values{"f:moduleGroups": values{}},
				"f:sessions": values{
					"f:idleTimeoutSeconds": values{},
					"f:prompt":             values{"f:modules": values{"v:\"Web\"": values{}}},
					"f:maxPerUser":         values{"f:sessions": values{}},
				},
			},
		})))
	})

	It("gets a new generation when its YAML changed, and only that changes", func(ctx SpecContext) {
		before := applied(ctx)
		after := applied(ctx, set("spec.concurrent.seats", 60))
		Expect(after.GetGeneration()).To(Equal(before.GetGeneration() + 1))
		spec, _ := value(before.Object, "spec")
		put(spec, steps("concurrent.seats"), int64(60))
		Expect(after.Object).To(HaveKeyWithValue("spec", Equal(spec)))
	})
})
