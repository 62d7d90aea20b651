// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package operator_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// The other specs run the operator with the shipped permissions, which shows that they are enough. This one shows that they are no more.
var _ = DescribeTable("The operator's service account may not", func(ctx SpecContext, verb, group, resource, subresource string) {
	Expect(allowed(ctx, "system:serviceaccount:seatkeeper-system:seatkeeper", verb, group, resource, subresource)).To(BeFalse())
},
	Entry("change what was bought", "update", licensing.GroupVersion.Group, "licensepools", ""),
	Entry("patch what was bought", "patch", licensing.GroupVersion.Group, "licensepools", ""),
	Entry("delete pools", "delete", licensing.GroupVersion.Group, "licensepools", ""),
	Entry("delete accounts", "delete", licensing.GroupVersion.Group, "licenseaccounts", ""),
	Entry("change accounts", "update", licensing.GroupVersion.Group, "licenseaccounts", ""),
	Entry("read secrets", "get", "", "secrets", ""),
	Entry("read pods", "list", "", "pods", ""),
	Entry("impersonate", "impersonate", "", "users", ""),
	Entry("grant permissions", "create", "rbac.authorization.k8s.io", "clusterroles", ""),
)

var _ = DescribeTable("The shipped roles let people see and end sessions, or neither (B2)",
	func(ctx SpecContext, role string, verbs map[string]bool) {
		ns := namespace(ctx)
		user := "person-" + ns
		kubectl(ctx, "create", "rolebinding", "person", "-n", ns, "--clusterrole", role, "--user", user)
		for verb, may := range verbs {
			Eventually(func() bool { return allowedIn(ctx, ns, user, verb, licensing.GroupVersion.Group, "usersessions", "") }).
				Should(Equal(may), "%s usersessions", verb)
			Expect(allowedIn(ctx, ns, user, "patch", licensing.GroupVersion.Group, "usersessions", "status")).To(BeFalse())
		}
	},
	Entry("viewer", "seatkeeper-viewer", map[string]bool{"list": true, "watch": true, "patch": false, "delete": false, "create": false}),
	Entry("session administrator", "seatkeeper-session-admin", map[string]bool{"list": true, "patch": true, "delete": true, "create": false}),
	Entry("application server", "seatkeeper-application", map[string]bool{"create": true, "get": false, "delete": false, "list": false}),
	Entry("client without the gateway", "seatkeeper-client", map[string]bool{"create": true, "get": true, "delete": false, "list": false}),
)

var _ = It("refuses a session's end to who may only look (B2, C8)", func(ctx SpecContext) {
	ns := namespace(ctx)
	create(ctx, MakeUserSession("s").Namespace(ns).Pool("p").User("ann").Obj())
	config := cluster.RESTConfig()
	config.Impersonate.UserName = "looker-" + ns
	kubectl(ctx, "create", "rolebinding", "looker", "-n", ns, "--clusterrole", "seatkeeper-viewer", "--user", config.Impersonate.UserName)
	looker, err := client.New(config, client.Options{Scheme: api.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	s := &licensing.UserSession{}
	Eventually(func() error { return looker.Get(ctx, client.ObjectKey{Namespace: ns, Name: "s"}, s) }).Should(Succeed())
	Expect(apierrors.IsForbidden(looker.Delete(ctx, s))).To(BeTrue())
	before := s.DeepCopy()
	s.Spec.Termination = &licensing.Termination{Message: "go home"}
	Expect(apierrors.IsForbidden(looker.Patch(ctx, s, client.MergeFrom(before)))).To(BeTrue())
	Expect(apierrors.IsForbidden(looker.Get(ctx, client.ObjectKey{Namespace: ns, Name: "x"}, &corev1.Secret{}))).To(BeTrue())
})

func allowed(ctx SpecContext, user, verb, group, resource, subresource string) bool {
	GinkgoHelper()
	return allowedIn(ctx, "", user, verb, group, resource, subresource)
}

func allowedIn(ctx SpecContext, ns, user, verb, group, resource, subresource string) bool {
	GinkgoHelper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: ns, Verb: verb, Group: group, Resource: resource, Subresource: subresource,
		},
	}}
	Expect(api.Create(ctx, review)).To(Succeed())
	return review.Status.Allowed
}
