// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

var _ = Describe("The Go types", func() {
	typed := map[string]client.Object{
		"LicensePool": &licensing.LicensePool{}, "LicenseAccount": &licensing.LicenseAccount{}, "UserSession": &licensing.UserSession{},
		"LicenseUsage": &licensing.LicenseUsage{},
	}

	for kind := range crds {
		It("lose nothing that the schema of "+kind+" has: read and written back, an object is the same", func(ctx SpecContext) {
			object := full(kind)
			create(ctx, object)
			mirror := typed[kind].DeepCopyObject().(client.Object)
			Expect(api.Get(ctx, client.ObjectKeyFromObject(object), mirror)).To(Succeed())
			Expect(api.Update(ctx, mirror)).To(Succeed())
			Expect(api.Status().Update(ctx, mirror)).To(Succeed())
			Expect(mirror.GetResourceVersion()).To(Equal(object.GetResourceVersion()))
			Expect(plain(mirror)).To(And(
				HaveKeyWithValue("spec", Equal(object.Object["spec"])),
				HaveKeyWithValue("status", Equal(object.Object["status"]))))
		})
	}

	It("can state the facts that the builders set", func(ctx SpecContext) {
		year := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for kind, object := range map[string]client.Object{
			"LicensePool": maker.MakeLicensePool("built").DisplayName("Service Desk").Named(25).Concurrent(50).
				AccountsOnly().UserNameCase(licensing.UserNameCaseSensitive).NotBefore(year).NotAfter(year.AddDate(1, 0, 0)).
				SeatPer(licensing.SeatPerUser).ModuleGroup("Web", "Desktop").ModuleGroup("Mobile").
				IdleTimeout(30*time.Minute).UnsavedWorkTimeout(8*time.Hour).Prompt(90*time.Second, "Web", "Mobile").
				HeartbeatInterval(20*time.Second).LostAfter(5*time.Minute).MaxLifetime(24*time.Hour).
				MaxPerUser(3, licensing.LimitTerminateOldest).ClientIPCheck(licensing.ClientIPCheckEnforced).
				OnClientExit(licensing.ExitEndSession).Retention(2 * time.Hour).Obj(),
			"LicenseAccount": maker.MakeLicenseAccount("built").Pool("p").User("CORP\\ann").FullName("Ann Example").
				Named().Groups("staff").Disabled().Obj(),
			"UserSession": maker.MakeUserSession("built").Pool("p").User("CORP\\ann").FullName("Ann Example").Module("Desktop").
				Interactive(licensing.ClientModeDesktop).ClientHost("pc-17").ClientIP("192.0.2.17").ClientUser("ann").UserAgent("Example/1.0").
				Applications("incidents", "changes").Attribute("key", "value").ExtraAttributes("{\"site\": 4}").
				CreatedBy("portal").Instance("app-1").SingleSignOn().SystemLogin().MaxWait(30*time.Second).
				Termination(licensing.RequesterUser, "good night").Obj(),
		} {
			Expect(api.Create(ctx, object)).To(Succeed())
			Expect(plain(object)).To(HaveKeyWithValue("spec", Equal(full(kind).Object["spec"])), kind)
		}
	})
})
