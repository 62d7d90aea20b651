// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

var _ = inShadow("Denials by several replicas and by the leader are in the pool's history with their reasons, once each, and apart from them those whose user did not get in (A6), across a change of leaders",
	func(ctx context.Context) func(context.Context, Gomega) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		holder := p.signedOn(ctx, one, user("holder"))
		history := func() *usage.History {
			object := &licensing.LicenseUsage{}
			Expect(client.IgnoreNotFound(api.Get(ctx, client.ObjectKey{Namespace: p.ns, Name: "p"}, object))).To(Succeed())
			h, err := usage.Decode(object.Status.History)
			Expect(err).NotTo(HaveOccurred())
			return h
		}
		p.seen(ctx, one, 1)
		p.seen(ctx, two, 1)
		Eventually(func() time.Time { return history().Since() }).WithContext(ctx).ShouldNot(BeZero()) // what replicas counted before it began is none of it

		Expect(p.signOn(ctx, two, user("ann"), now)).To(be("409 SeatsExhausted"))
		Expect(p.signOn(ctx, one, user("Bob"), now)).To(be("409 SeatsExhausted"))
		Expect(p.signOn(ctx, one, user("cat"), replica.SignOnOptions{Wait: time.Second})).To(be("409 WaitExpired"))
		Expect(earliest.Stop()).To(Succeed())
		Expect(p.signOn(ctx, two, user("dan"), now)).To(be("409 SeatsExhausted"))
		Expect(p.signOn(ctx, two, user("dan"), now)).To(be("409 SeatsExhausted")) // the last of the two may be a true one
		Expect(one.SignOut(ctx, holder.Token)).To(be("204"))
		p.seated(ctx, 0)
		p.seen(ctx, two, 0)
		p.signedOn(ctx, two, user("bob"))
		last := time.Now()

		return func(ctx context.Context, g Gomega) {
			denials := func() map[string]usage.Count { return history().DenialsSince(last.Add(-time.Hour)) }
			all := Equal(map[string]usage.Count{
				licensing.ReasonSeatsExhausted: {Denied: 4, True: 2},
				licensing.ReasonWaitExpired:    {Denied: 1, True: 1},
			})
			g.Eventually(denials).WithContext(ctx).WithTimeout(usage.TrueAfter + 150*time.Second).Should(all)
			g.Consistently(denials).WithContext(ctx).WithTimeout(70*time.Second).Should(all, "counted twice by a later write")
			h := history()
			g.Expect(h.Series(usage.Concurrent, usage.Day, time.Now()).Covered).To(Equal(h.Through().Sub(h.Since())), "a gap")
		}
	})
