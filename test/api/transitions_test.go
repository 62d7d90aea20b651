// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	finalSentence  = "status.state may not change once it is Denied or Terminated; the user must sign in anew"
	liveSentence   = "status.state of an Active session may only become Terminated"
	endSentence    = "terminatedTime and terminationAction of a Terminated session may not change"
	frozenSentence = "seat and connection of an Active session may not change"
)

var (
	pending = given(set("status", values{"state": "Pending"}))
	denied  = given(set("status", values{"state": "Denied", "terminatedTime": "2026-01-01T00:00:00Z", "terminationAction": "NotTerminated"}))
	active  = given(set("status", values{"state": "Active", "seat": "Concurrent", "connection": "c-1", "terminationAction": "NotTerminated"}))
	ended   = given(set("status", values{
		"state": "Terminated", "seat": "Concurrent", "connection": "c-1",
		"terminatedTime": "2026-01-01T00:00:00Z", "terminationAction": "ExpiredSessionTerminated",
	}))
)

var sessionTransitions = ruleSet{"UserSession", []rule{
	{
		field: "", sentence: finalSentence,
		accepts: []trial{
			pending.writing("Pending to Active", set("status.state", "Active")),
			pending.writing("Pending to Denied", set("status.state", "Denied")),
			pending.writing("Pending to Terminated", set("status.state", "Terminated")),
			pending.writing("a Pending session's status removed", unset("status")),
			ended.writing("another message of a Terminated session", set("status.message", "its client was lost")),
			denied.writing("another message of a Denied session", set("status.message", "all seats are taken")),
		},
		refuses: []trial{
			ended.writing("Terminated to Active", set("status.state", "Active")),
			ended.writing("Terminated to Pending", set("status.state", "Pending")),
			ended.writing("Terminated to Denied", set("status.state", "Denied")),
			ended.writing("a Terminated session's state removed", unset("status.state")),
			ended.writing("a Terminated session's status removed", unset("status")).alongside(endSentence),
			denied.writing("Denied to Active", set("status.state", "Active")),
			denied.writing("Denied to Pending", set("status.state", "Pending")),
			denied.writing("Denied to Terminated", set("status.state", "Terminated")),
			denied.writing("a Denied session's state removed", unset("status.state")),
			denied.writing("a Denied session's status removed", unset("status")),
		},
	},
	{
		field: "", sentence: liveSentence,
		accepts: []trial{
			active.writing("Active to Terminated", set("status.state", "Terminated"),
				set("status.terminatedTime", "2026-01-01T00:00:00Z"), set("status.terminationAction", "RequestedByUser")),
			active.writing("activity of an Active session", set("status.lastActivityTime", "2026-01-01T00:00:00Z")),
		},
		refuses: []trial{
			active.writing("Active to Pending", set("status.state", "Pending")),
			active.writing("Active to Denied", set("status.state", "Denied")),
			active.writing("an Active session's state removed", unset("status.state")),
			active.writing("an Active session's status removed", unset("status")).alongside(frozenSentence),
		},
	},
	{
		field: "", sentence: endSentence,
		accepts: []trial{
			ended.writing("the last activity, learnt late", set("status.lastActivityTime", "2025-12-31T23:00:00Z")),
		},
		refuses: []trial{
			ended.writing("another time", set("status.terminatedTime", "2026-01-01T00:00:01Z")),
			ended.writing("its time removed", unset("status.terminatedTime")),
			ended.writing("another action", set("status.terminationAction", "RequestedByUser")),
			ended.writing("its action removed", unset("status.terminationAction")),
		},
	},
	{
		field: "", sentence: frozenSentence,
		accepts: []trial{
			pending.writing("a seat with the grant", set("status.state", "Active"), set("status.seat", "Named"), set("status.connection", "c-1")),
			active.writing("another message", set("status.message", "holds a seat")),
		},
		refuses: []trial{
			active.writing("another seat", set("status.seat", "Named")),
			active.writing("its seat removed", unset("status.seat")),
			active.writing("another connection", set("status.connection", "c-2")),
			active.writing("its connection removed", unset("status.connection")),
			active.writing("another connection with its end", set("status.state", "Terminated"), set("status.connection", "c-2")),
			active.writing("its seat removed with its end", set("status.state", "Terminated"), unset("status.seat")),
		},
	},
}}

var _ = Describe("The states of a UserSession: held means held, final is final (C5, C7)", func() {
	proveRules(sessionTransitions)

	It("cannot be had back by a patch that removes the status", func(ctx SpecContext) {
		object := minimal("UserSession")
		apply(object, ended.before)
		create(ctx, object)
		err := api.Status().Patch(ctx, object.DeepCopy(), client.RawPatch(types.MergePatchType, []byte("{\"status\": null}")))
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(ContainSubstring(finalSentence)))
		Expect(stored(ctx, object)).To(HaveKeyWithValue("status", HaveKeyWithValue("state", "Terminated")))
	})

	It("cannot be changed by a write to the session itself", func(ctx SpecContext) {
		object := minimal("UserSession")
		apply(object, active.before)
		create(ctx, object)
		apply(object, []edit{set("status.state", "Terminated"), set("metadata.labels", values{"team": "desk"})})
		Expect(api.Update(ctx, object)).To(Succeed())
		Expect(stored(ctx, object)).To(And(
			HaveKeyWithValue("metadata", HaveKey("labels")),
			HaveKeyWithValue("status", HaveKeyWithValue("state", "Active"))))
	})

	It("cannot be brought along: a status given at the creation is dropped", func(ctx SpecContext) {
		object := full("UserSession")
		apply(object, active.before)
		Expect(api.Create(ctx, object)).To(Succeed())
		Expect(stored(ctx, object)).To(HaveKeyWithValue("status", Equal(values{"state": "Pending"})))
	})
})
