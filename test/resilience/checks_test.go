// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package resilience_test

import (
	"encoding/json"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// What looks for faults must find those that are there.
var _ = Describe("The history", func() {
	var h *history
	revision := 0
	put := func(kind string, obj client.Object) {
		GinkgoHelper()
		revision++
		c := change{}
		c.KV.Key = []byte(recorded + kind + "/" + obj.GetNamespace() + "/" + obj.GetName())
		c.KV.Revision = strconv.Itoa(revision)
		var err error
		c.KV.Value, err = json.Marshal(obj)
		Expect(err).NotTo(HaveOccurred())
		Expect(h.take(c)).To(Succeed())
	}
	remove := func(obj client.Object) {
		GinkgoHelper()
		revision++
		c := change{Type: "DELETE"}
		c.KV.Key = []byte(recorded + "usersessions/" + obj.GetNamespace() + "/" + obj.GetName())
		c.KV.Revision = strconv.Itoa(revision)
		Expect(h.take(c)).To(Succeed())
	}
	logon := time.Now().Truncate(time.Second)
	session := func(name string) *UserSessionBuilder {
		return MakeUserSession(name).Namespace("n").UID(name).Pool("p").User(name)
	}
	active := func(name string) *licensing.UserSession {
		return session(name).Active(licensing.SeatConcurrent, "of-"+name, logon).Obj()
	}
	expired := func(name string, after time.Duration) *licensing.UserSession {
		return session(name).Active(licensing.SeatConcurrent, "of-"+name, logon).Terminated(licensing.ExpiredSessionTerminated, logon.Add(after)).Obj()
	}

	BeforeEach(func() {
		h = newHistory()
		put("licensepools", MakeLicensePool("p").Namespace("n").Concurrent(1).Obj())
	})

	It("has no fault when seats change hands and idle sessions end", func() {
		put("usersessions", active("ann"))
		h.keep("ann", "ann", logon.Add(idle))
		put("usersessions", expired("ann", idle))
		put("usersessions", active("bob"))
		h.keep("bob", "bob", time.Time{})
		h.release("bob")
		remove(active("bob"))
		put("usersessions", active("eve"))
		Expect(h.faultsIn("n")).To(BeEmpty())
		Expect(h.seen(strconv.Itoa(revision))).To(BeTrue())
		sessions, connections, most := h.active(types.NamespacedName{Namespace: "n", Name: "p"})
		Expect(sessions).To(HaveLen(1))
		Expect([]int{connections, most}).To(Equal([]int{1, 1}))
	})

	It("shows an oversold seat", func() {
		put("usersessions", active("ann"))
		put("usersessions", active("bob"))
		Expect(h.faultsIn("n")).To(ContainElement(ContainSubstring("made 2 connections")))
	})

	It("shows the end of a session that must not end", func() {
		put("usersessions", active("ann"))
		h.keep("ann", "ann", time.Time{})
		put("usersessions", expired("ann", idle))
		Expect(h.faultsIn("n")).To(ContainElement(ContainSubstring("was ended, and it should not have been")))
	})

	It("shows an end that comes too early, also when it came before it was forbidden", func() {
		put("usersessions", active("ann"))
		put("usersessions", expired("ann", idle-time.Second))
		h.keep("ann", "ann", logon.Add(idle))
		Expect(h.faultsIn("n")).To(ContainElement(ContainSubstring("had ended already")))
	})

	It("shows the deletion of a session that must not end", func() {
		put("usersessions", active("ann"))
		h.keep("ann", "ann", time.Time{})
		remove(active("ann"))
		Expect(h.faultsIn("n")).To(ContainElement(ContainSubstring("was deleted")))
	})

	It("shows a session that comes back from the dead", func() {
		put("usersessions", expired("ann", idle))
		put("usersessions", active("ann"))
		Expect(h.faultsIn("n")).To(ContainElement(ContainSubstring("was Terminated and became Active")))
	})
})
