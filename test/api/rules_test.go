// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	. "github.com/onsi/ginkgo/v2"
)

// rule is a CEL rule of a schema: the field that carries it, its sentence, and what it lets pass and what not.
type rule struct {
	field, sentence string
	accepts         []trial
	refuses         []trial
}

// ruleSet is the rules of one kind.
type ruleSet struct {
	kind  string
	rules []rule
}

// ruled lists the constraints that rules prove.
func ruled(set ruleSet) []constraint {
	var all []constraint
	for _, r := range set.rules {
		all = append(all, ruleOf(set.kind, r.field, r.sentence))
	}
	return all
}

// proveRules lays out a test for each trial.
func proveRules(set ruleSet) {
	for _, r := range set.rules {
		Context(r.sentence, func() {
			for _, t := range r.accepts {
				It("so it accepts "+t.title, func(ctx SpecContext) { t.accepted(ctx, minimal(set.kind)) })
			}
			for _, t := range r.refuses {
				It("so it refuses "+t.title, func(ctx SpecContext) { t.refused(ctx, minimal(set.kind), r.field, r.sentence) })
			}
		})
	}
}

// userNameRule is the same for accounts and sessions: a name with a blank at its end would be another user's to the eye alike.
var userNameRule = rule{
	field: "spec.userName", sentence: "userName must not begin or end with white space",
	accepts: []trial{
		creating("a blank within", set("spec.userName", "Ann Example")),
		creating("a domain", set("spec.userName", "CORP\\ann")),
		creating("an address", set("spec.userName", "ann@example.com")),
		creating("a distinguished name", set("spec.userName", "cn=ann,ou=staff")),
		creating("letters of any script", set("spec.userName", "\u5b89\u5a1c")),
	},
	refuses: []trial{
		creating("a leading blank", set("spec.userName", " ann")),
		creating("a trailing blank", set("spec.userName", "ann ")),
		creating("a leading tab", set("spec.userName", "\tann")),
		creating("a trailing line end", set("spec.userName", "ann\n")),
		creating("a leading no-break space", set("spec.userName", "\u00a0ann")),
		creating("blanks alone", set("spec.userName", "  ")),
	},
}
