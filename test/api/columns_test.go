// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

// printed is an object as kubectl get prints it: the narrow columns' names and cells, then the wide ones'.
type printed struct {
	columns, wideColumns []string
	cells, wideCells     []string
}

func printOf(ctx SpecContext, object client.Object, plural string) printed {
	GinkgoHelper()
	text, err := discovery.NewDiscoveryClientForConfigOrDie(config).RESTClient().Get().
		AbsPath("apis", licensing.GroupVersion.Group, licensing.GroupVersion.Version, "namespaces", object.GetNamespace(), plural, object.GetName()).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").
		DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred())
	table := metav1.Table{}
	Expect(json.Unmarshal(text, &table)).To(Succeed())
	Expect(table.Rows).To(HaveLen(1))
	var out printed
	for i, column := range table.ColumnDefinitions {
		cell := fmt.Sprint(table.Rows[0].Cells[i])
		if column.Priority > 0 {
			out.wideColumns, out.wideCells = append(out.wideColumns, column.Name), append(out.wideCells, cell)
		} else {
			out.columns, out.cells = append(out.columns, column.Name), append(out.cells, cell)
		}
	}
	return out
}

// createWithStatus stores an object, its status included.
func createWithStatus(ctx SpecContext, object client.Object) {
	GinkgoHelper()
	with := object.DeepCopyObject().(client.Object)
	Expect(api.Create(ctx, object)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(api.Delete(ctx, object)).To(Succeed()) })
	with.SetResourceVersion(object.GetResourceVersion())
	Expect(api.Status().Update(ctx, with)).To(Succeed())
}

var _ = Describe("What kubectl get prints", func() {
	missing := licensing.SeatCells{Licensed: "N/A", Used: "N/A", Available: "N/A", Accounts: "N/A", Connected: "N/A"}

	It("of a pool is the table of A4, with N/A for the model that it lacks", func(ctx SpecContext) {
		pool := maker.MakeLicensePool("printed").DisplayName("Service Desk").Concurrent(50).Status(licensing.LicensePoolStatus{
			Model: licensing.ModelConcurrent,
			Table: &licensing.SeatTable{
				Named:      missing,
				Concurrent: licensing.SeatCells{Licensed: "50", Used: "31", Available: "19", Accounts: "112", Connected: "31"},
			},
		}).
			Condition(metav1.Condition{Type: licensing.ConditionSeatsAvailable, Status: metav1.ConditionTrue, Reason: licensing.ReasonAvailable}).
			Condition(metav1.Condition{Type: licensing.ConditionInForce, Status: metav1.ConditionTrue, Reason: licensing.ReasonInForce}).
			Obj()
		createWithStatus(ctx, pool)

		out := printOf(ctx, pool, "licensepools")
		Expect(out.columns).To(HaveExactElements(
			"Name", "Model", "Named", "Used", "Available", "Concurrent", "Used", "Available", "Seats", "Age"))
		Expect(out.cells[:len(out.cells)-1]).To(HaveExactElements(
			"printed", "Concurrent", "N/A", "N/A", "N/A", "50", "31", "19", "Available"))
		Expect(out.wideColumns).To(HaveExactElements(
			"Named accounts", "Named connected", "Concurrent accounts", "Concurrent connected", "In force", "Product"))
		Expect(out.wideCells).To(HaveExactElements("N/A", "N/A", "112", "31", "True", "Service Desk"))
	})

	It("of an account is whose it is and whether it may take a seat (A3)", func(ctx SpecContext) {
		account := maker.MakeLicenseAccount("printed").Pool("desk").User("CORP\\ann").FullName("Ann Example").Named().Disabled().
			Licensed(metav1.ConditionFalse, licensing.ReasonSeatsExhausted).Obj()
		createWithStatus(ctx, account)

		out := printOf(ctx, account, "licenseaccounts")
		Expect(out.columns).To(HaveExactElements("Name", "User", "Full name", "Pool", "Type", "Licensed", "Reason", "Age"))
		Expect(out.cells[:len(out.cells)-1]).To(HaveExactElements(
			"printed", "CORP\\ann", "Ann Example", "desk", "Named", "False", "SeatsExhausted"))
		Expect(out.wideColumns).To(HaveExactElements("Disabled"))
		Expect(out.wideCells).To(HaveExactElements("true"))
	})

	It("of a history is what was most in use, and how many were turned away (A5, A6)", func(ctx SpecContext) {
		ended := metav1.NewTime(time.Now().Add(-90 * time.Second).Truncate(time.Second))
		usage := maker.MakeLicenseUsage("printed").Status(licensing.LicenseUsageStatus{
			SinceTime: new(metav1.NewTime(ended.Add(-30 * time.Hour))), ThroughTime: &ended,
			Named: &licensing.ModelUsage{
				Connected: new(int32(2)), Licensed: new(int32(25)), PeakToday: new(int32(3)), Peak30Days: new(int32(7)), DormantAccounts: new(int32(4)),
			},
			Denials30Days: &licensing.DenialCounts{Denied: new(int32(12)), TrueDenials: new(int32(5))},
			Peaks:         &licensing.PeakTable{Named: "7 of 25", Concurrent: "N/A"},
		}).Obj()
		createWithStatus(ctx, usage)

		out := printOf(ctx, usage, "licenseusages")
		Expect(out.columns).To(HaveExactElements("Name", "Named peak", "Concurrent peak", "Denied", "True denials", "Since", "Through"))
		Expect(out.cells[:6]).To(HaveExactElements("printed", "7 of 25", "N/A", "12", "5", "30h"))
		Expect(out.wideColumns).To(HaveExactElements("Dormant"))
		Expect(out.wideCells).To(HaveExactElements("4"))
	})

	It("of a session is who is on, from where, and since when (A7)", func(ctx SpecContext) {
		logon := time.Now().Add(-90 * time.Minute)
		session := maker.MakeUserSession("printed").Pool("desk").User("CORP\\ann").FullName("Ann Example").Module("Desktop").
			ClientIP("192.0.2.17").ClientHost("pc-17").
			Active(licensing.SeatConcurrent, "c-1", logon).LastActivity(logon.Add(time.Hour)).KeepAlive(true).
			Timeout(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)).Message("holds a seat").Obj()
		session.Status.DurationSeconds = new(int64(3600))
		createWithStatus(ctx, session)

		out := printOf(ctx, session, "usersessions")
		Expect(out.columns).To(HaveExactElements(
			"Name", "User", "Pool", "State", "Seat", "Module", "Client IP", "Last activity", "Logon", "Duration (s)", "Reason"))
		Expect(out.cells).To(HaveExactElements(
			"printed", "CORP\\ann", "desk", "Active", "Concurrent", "Desktop", "192.0.2.17", "30m", "90m", "3600", "SeatGranted"))
		Expect(out.wideColumns).To(HaveExactElements("Full name", "Client host", "Keep alive", "Timeout", "Ended", "Message"))
		Expect(out.wideCells).To(HaveExactElements(
			"Ann Example", "pc-17", "true", "2030-01-01T00:00:00Z", "NotTerminated", "holds a seat"))
	})

	It("of a new session is that it is Pending", func(ctx SpecContext) {
		session := maker.MakeUserSession("printed-new").Pool("desk").User("ann").Obj()
		Expect(api.Create(ctx, session)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(api.Delete(ctx, session)).To(Succeed()) })
		Expect(printOf(ctx, session, "usersessions").cells[:4]).To(HaveExactElements("printed-new", "ann", "desk", "Pending"))
	})
})

var _ = Describe("What kubectl calls the kinds (D5)", func() {
	DescribeTable("its names", func(plural, kind, singular string, shortNames ...string) {
		resources, err := discovery.NewDiscoveryClientForConfigOrDie(config).ServerResourcesForGroupVersion(licensing.GroupVersion.String())
		Expect(err).NotTo(HaveOccurred())
		Expect(resources.APIResources).To(ContainElement(And(
			HaveField("Name", plural),
			HaveField("Kind", kind),
			HaveField("SingularName", singular),
			HaveField("ShortNames", ConsistOf(shortNames)),
			HaveField("Categories", ConsistOf("seatkeeper")),
			HaveField("Namespaced", true),
		)))
		Expect(resources.APIResources).To(ContainElement(HaveField("Name", plural+"/status")))
	},
		Entry("of LicensePool", "licensepools", "LicensePool", "licensepool", "pool", "pools"),
		Entry("of LicenseAccount", "licenseaccounts", "LicenseAccount", "licenseaccount", "laccount", "laccounts"),
		Entry("of LicenseUsage", "licenseusages", "LicenseUsage", "licenseusage", "lusage", "lusages"),
		Entry("of UserSession", "usersessions", "UserSession", "usersession", "usession", "usessions"),
	)
})
