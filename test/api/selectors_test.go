// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

// selecting lists by field selectors, as kubectl get --field-selector does.
func selecting(terms ...string) client.ListOption {
	var all []fields.Selector
	for i := 0; i < len(terms); i += 2 {
		all = append(all, fields.OneTermEqualSelector(terms[i], terms[i+1]))
	}
	return client.MatchingFieldsSelector{Selector: fields.AndSelectors(all...)}
}

var _ = Describe("Field selectors of UserSessions (A7, D5)", Ordered, ContinueOnFailure, func() {
	names := func(ctx SpecContext, terms ...string) []string {
		GinkgoHelper()
		list := &licensing.UserSessionList{}
		Expect(api.List(ctx, list, client.InNamespace(maker.DefaultNamespace), selecting(terms...))).To(Succeed())
		var names []string
		for _, session := range list.Items {
			names = append(names, session.Name)
		}
		return names
	}

	BeforeAll(func(ctx SpecContext) {
		for _, session := range []*licensing.UserSession{
			maker.MakeUserSession("selected-ann").Pool("selected").User("CORP\\ann").Obj(),
			maker.MakeUserSession("selected-bob").Pool("selected").User("cn=bob,ou=staff").Obj(),
			maker.MakeUserSession("selected-elsewhere").Pool("selected-elsewhere").User("CORP\\ann").Obj(),
		} {
			Expect(api.Create(ctx, session)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(api.Delete(ctx, session)).To(Succeed()) })
		}
	})

	It("find the sessions of a pool", func(ctx SpecContext) {
		Expect(names(ctx, "spec.poolRef.name", "selected")).To(ConsistOf("selected-ann", "selected-bob"))
	})

	It("find the sessions of a user, whatever signs the name has", func(ctx SpecContext) {
		Expect(names(ctx, "spec.userName", "CORP\\ann", "spec.poolRef.name", "selected")).To(ConsistOf("selected-ann"))
		Expect(names(ctx, "spec.userName", "cn=bob,ou=staff")).To(ConsistOf("selected-bob"))
	})

	It("find a new session as Pending, before anybody wrote its status", func(ctx SpecContext) {
		Expect(names(ctx, "status.state", "Pending", "spec.poolRef.name", "selected")).To(ConsistOf("selected-ann", "selected-bob"))
	})

	It("follow a session from state to state, in lists and in watches", func(ctx SpecContext) {
		watcher, err := client.NewWithWatch(config, client.Options{Scheme: api.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		waiting, err := watcher.Watch(ctx, &licensing.UserSessionList{}, selecting("status.state", "Pending", "spec.poolRef.name", "followed"))
		Expect(err).NotTo(HaveOccurred())
		defer waiting.Stop()

		session := maker.MakeUserSession("followed").Pool("followed").User("ann").Obj()
		Expect(api.Create(ctx, session)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(api.Delete(ctx, session)).To(Succeed()) })
		Eventually(waiting.ResultChan()).Should(Receive(HaveField("Type", watch.Added)))

		status := maker.MakeUserSession("followed").Active(licensing.SeatConcurrent, "c-1", time.Now()).Obj().Status
		status.DeepCopyInto(&session.Status)
		Expect(api.Status().Update(ctx, session)).To(Succeed())
		Eventually(waiting.ResultChan()).Should(Receive(HaveField("Type", watch.Deleted)))
		Expect(names(ctx, "status.state", "Pending", "spec.poolRef.name", "followed")).To(BeEmpty())
		Expect(names(ctx, "status.state", "Active", "spec.poolRef.name", "followed")).To(ConsistOf("followed"))
	})

	It("are these three, and no other", func(ctx SpecContext) {
		Expect(selectable("UserSession")).To(ConsistOf(".spec.poolRef.name", ".spec.userName", ".status.state"))
		err := api.List(ctx, &licensing.UserSessionList{}, selecting("spec.module", "Web"))
		Expect(apierrors.IsBadRequest(err)).To(BeTrue(), "%v", err)
	})
})

var _ = Describe("Field selectors of LicenseAccounts (D5)", func() {
	It("find the accounts of a pool and of a user", func(ctx SpecContext) {
		for _, account := range []*licensing.LicenseAccount{
			maker.MakeLicenseAccount("selected-ann").Pool("selected").User("ann@example.com").Obj(),
			maker.MakeLicenseAccount("selected-bob").Pool("selected").User("bob").Obj(),
		} {
			Expect(api.Create(ctx, account)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(api.Delete(ctx, account)).To(Succeed()) })
		}
		list := &licensing.LicenseAccountList{}
		Expect(api.List(ctx, list, client.InNamespace(maker.DefaultNamespace), selecting("spec.poolRef.name", "selected"))).To(Succeed())
		Expect(list.Items).To(HaveLen(2))
		Expect(api.List(ctx, list, client.InNamespace(maker.DefaultNamespace), selecting("spec.userName", "ann@example.com"))).To(Succeed())
		Expect(list.Items).To(ConsistOf(HaveField("Name", "selected-ann")))
	})

	It("are these two, and no other", func(ctx SpecContext) {
		Expect(selectable("LicenseAccount")).To(ConsistOf(".spec.poolRef.name", ".spec.userName"))
		err := api.List(ctx, &licensing.LicenseAccountList{}, selecting("spec.type", "Named"))
		Expect(apierrors.IsBadRequest(err)).To(BeTrue(), "%v", err)
	})
})

func selectable(kind string) []string {
	var paths []string
	for _, field := range crds[kind].Spec.Versions[0].SelectableFields {
		paths = append(paths, field.JSONPath)
	}
	return paths
}
