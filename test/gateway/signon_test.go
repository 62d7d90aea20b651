// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

var _ = Describe("A login", func() {
	It("takes a seat", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		a, err := one.SignOn(ctx, p.token, p.ns, "p", gatewayapi.Login{UserName: "ann"}, replica.SignOnOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(a).To(HaveField("Status", http.StatusCreated), "%s", a)
	})
})
