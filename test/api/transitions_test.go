// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	seatedSentence     = "an Active session must state its seat and logonTime"
	connectedSentence  = "an Active session must state its connection, unless its seat is Uncounted"
	overSentence       = "a Denied or Terminated session must state its terminatedTime"
	howSentence        = "a Terminated session must state a terminationAction other than NotTerminated"
	finalSentence      = "state may not change once it is Denied or Terminated; the user must sign in anew"
	liveSentence       = "state of an Active session may only become Terminated"
	frozenSentence     = "seat, connection and logonTime of an Active or Terminated session may not change"
	frozenTimeSentence = "terminatedTime of a Denied or Terminated session may not change"
	frozenHowSentence  = "terminationAction of a Terminated session may not change"
)

// What a write states with each state.
var (
	grant  = []edit{set("status.state", "Active"), set("status.seat", "Concurrent"), set("status.connection", "c-1"), set("status.logonTime", "2026-01-01T00:00:00Z")}
	denial = []edit{set("status.state", "Denied"), set("status.terminatedTime", "2026-01-01T01:00:00Z")}
	end    = []edit{set("status.state", "Terminated"), set("status.terminatedTime", "2026-01-01T01:00:00Z"), set("status.terminationAction", "ExpiredSessionTerminated")}
)

// also is these edits and more, which replace those of the same field.
func also(edits []edit, more ...edit) []edit {
	replaced := func(e edit) bool {
		return slices.ContainsFunc(more, func(other edit) bool { return other.field == e.field })
	}
	return slices.Concat(slices.DeleteFunc(slices.Clone(edits), replaced), more)
}

var (
	pending   = given(set("status", values{"state": "Pending"}))
	denied    = given(denial...)
	active    = given(also(grant, set("status.terminationAction", "NotTerminated"))...)
	uncounted = given(also(grant, set("status.seat", "Uncounted"), set("status.connection", ""))...)
	ended     = given(also(grant, end...)...)
	unseated  = given(end...)
)

var sessionTransitions = ruleSet{"UserSession", []rule{
	{
		field: "status", sentence: seatedSentence,
		accepts: []trial{pending.writing("both", grant...)},
		refuses: []trial{
			pending.writing("an Active session without a seat", also(grant, unset("status.seat"))...),
			pending.writing("an Active session without a logon time", also(grant, unset("status.logonTime"))...),
			pending.writing("an Active session with nothing else", set("status.state", "Active")),
		},
	},
	{
		field: "status", sentence: connectedSentence,
		accepts: []trial{
			pending.writing("a named seat's", also(grant, set("status.seat", "Named"))...),
			pending.writing("none of a system login", also(grant, set("status.seat", "Uncounted"), unset("status.connection"))...),
			pending.writing("an empty one of a system login", also(grant, set("status.seat", "Uncounted"), set("status.connection", ""))...),
			pending.writing("a system login's own", also(grant, set("status.seat", "Uncounted"))...),
		},
		refuses: []trial{
			pending.writing("a concurrent seat without a connection", also(grant, unset("status.connection"))...),
			pending.writing("a concurrent seat with an empty connection", also(grant, set("status.connection", ""))...),
			pending.writing("a named seat without a connection", also(grant, set("status.seat", "Named"), unset("status.connection"))...),
		},
	},
	{
		field: "status", sentence: overSentence,
		accepts: []trial{pending.writing("a denial with its time", denial...), active.writing("an end with its time", end...)},
		refuses: []trial{
			pending.writing("a denial without its time", also(denial, unset("status.terminatedTime"))...),
			pending.writing("an end without its time", also(end, unset("status.terminatedTime"))...),
			active.writing("an Active session's end without its time", also(end, unset("status.terminatedTime"))...),
		},
	},
	{
		field: "status", sentence: howSentence,
		accepts: []trial{
			active.writing("a user's own", also(end, set("status.terminationAction", "RequestedByUser"))...),
			pending.writing("a denial without one", denial...),
			pending.writing("a denial that is none", also(denial, set("status.terminationAction", "NotTerminated"))...),
		},
		refuses: []trial{
			active.writing("an end that is none", also(end, set("status.terminationAction", "NotTerminated"))...),
			active.writing("an end without one", also(end, unset("status.terminationAction"))...),
			pending.writing("a Pending session's end without one", also(end, unset("status.terminationAction"))...),
		},
	},
	{
		field: "status.state", sentence: finalSentence,
		accepts: []trial{
			pending.writing("Pending to Active", grant...),
			pending.writing("Pending to Denied", denial...),
			pending.writing("Pending to Terminated", end...),
			pending.writing("a Pending session's status removed", unset("status")),
			ended.writing("another message of a Terminated session", set("status.message", "its client was lost")),
			denied.writing("another message of a Denied session", set("status.message", "all seats are taken")),
		},
		refuses: []trial{
			ended.writing("Terminated to Active", set("status.state", "Active")),
			ended.writing("Terminated to Pending", set("status.state", "Pending")),
			ended.writing("Terminated to Denied", set("status.state", "Denied")),
			ended.writing("a Terminated session's state removed", unset("status.state")),
			ended.writing("a Terminated session's status removed", unset("status")).
				alongside(frozenSentence).alongside(frozenTimeSentence).alongside(frozenHowSentence),
			denied.writing("Denied to Active", grant...),
			denied.writing("Denied to Pending", set("status.state", "Pending")),
			denied.writing("Denied to Terminated", also(denial, end...)...),
			denied.writing("a Denied session's state removed", unset("status.state")),
			denied.writing("a Denied session's status removed", unset("status")).alongside(frozenTimeSentence),
		},
	},
	{
		field: "status.state", sentence: liveSentence,
		accepts: []trial{
			active.writing("Active to Terminated", end...),
			active.writing("activity of an Active session", set("status.lastActivityTime", "2026-01-01T00:00:00Z")),
		},
		refuses: []trial{
			active.writing("Active to Pending", set("status.state", "Pending")),
			active.writing("Active to Denied", denial...),
			active.writing("an Active session's state removed", unset("status.state")),
			active.writing("an Active session's status removed", unset("status")).alongside(frozenSentence),
		},
	},
	{
		field: "status", sentence: frozenSentence,
		accepts: []trial{
			pending.writing("a seat with the grant", grant...),
			active.writing("another message", set("status.message", "holds a seat")),
			active.writing("its end", end...),
			uncounted.writing("its empty connection left out", unset("status.connection")),
			unseated.writing("another message of a session that ended before it had a seat", set("status.message", "never mind")),
		},
		refuses: []trial{
			active.writing("another seat", set("status.seat", "Named")),
			active.writing("its seat removed", unset("status.seat")).alongside(seatedSentence),
			active.writing("another connection", set("status.connection", "c-2")),
			active.writing("its connection removed", unset("status.connection")).alongside(connectedSentence),
			active.writing("another logon time", set("status.logonTime", "2026-01-01T00:00:01Z")),
			active.writing("its logon time removed", unset("status.logonTime")).alongside(seatedSentence),
			active.writing("another seat with its end", also(end, set("status.seat", "Named"))...),
			active.writing("its seat removed with its end", also(end, unset("status.seat"))...),
			active.writing("another connection with its end", also(end, set("status.connection", "c-2"))...),
			active.writing("its connection removed with its end", also(end, unset("status.connection"))...),
			active.writing("another logon time with its end", also(end, set("status.logonTime", "2026-01-01T00:00:01Z"))...),
			active.writing("its logon time removed with its end", also(end, unset("status.logonTime"))...),
			uncounted.writing("a connection of a system login", set("status.connection", "c-1")),
			ended.writing("another seat of a Terminated session", set("status.seat", "Named")),
			ended.writing("a Terminated session's seat removed", unset("status.seat")),
			ended.writing("another connection of a Terminated session", set("status.connection", "c-2")),
			ended.writing("a Terminated session's connection removed", unset("status.connection")),
			ended.writing("another logon time of a Terminated session", set("status.logonTime", "2026-01-01T00:00:01Z")),
			ended.writing("a Terminated session's logon time removed", unset("status.logonTime")),
			unseated.writing("a seat for a session that ended before it had one", set("status.seat", "Named")),
		},
	},
	{
		field: "status", sentence: frozenTimeSentence,
		accepts: []trial{
			ended.writing("the last activity, learnt late", set("status.lastActivityTime", "2025-12-31T23:00:00Z")),
		},
		refuses: []trial{
			ended.writing("another time", set("status.terminatedTime", "2026-01-01T01:00:01Z")),
			ended.writing("its time removed", unset("status.terminatedTime")).alongside(overSentence),
			denied.writing("another time of a Denied session", set("status.terminatedTime", "2026-01-01T01:00:01Z")),
			denied.writing("a Denied session's time removed", unset("status.terminatedTime")).alongside(overSentence),
		},
	},
	{
		field: "status", sentence: frozenHowSentence,
		accepts: []trial{
			denied.writing("a Denied session's, which is none", set("status.terminationAction", "NotTerminated")),
		},
		refuses: []trial{
			ended.writing("another action", set("status.terminationAction", "RequestedByUser")),
			ended.writing("its action taken back", set("status.terminationAction", "NotTerminated")).alongside(howSentence),
			ended.writing("its action removed", unset("status.terminationAction")).alongside(howSentence),
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
