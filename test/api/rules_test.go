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

const (
	edgesSentence     = "userName must not begin or end with white space"
	invisibleSentence = "userName must not contain control or invisible characters"
)

// userNameRules are the same for accounts and sessions: two users' names must not be one to the eye.
var userNameRules = []rule{
	{
		field: "spec.userName", sentence: edgesSentence,
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
			creating("a leading tab", set("spec.userName", "\tann")).alongside(invisibleSentence),
			creating("a trailing line end", set("spec.userName", "ann\n")).alongside(invisibleSentence),
			creating("a leading no-break space", set("spec.userName", "\u00a0ann")),
			creating("blanks alone", set("spec.userName", "  ")),
		},
	},
	{
		field: "spec.userName", sentence: invisibleSentence,
		accepts: []trial{
			creating("accents put on letters", set("spec.userName", "Anne\u0301")),
			creating("signs", set("spec.userName", "<ann>; \"ann\" 'ann' $(ann) \u20ac \U0001f511")),
			creating("a no-break space within", set("spec.userName", "Ann\u00a0Example")),
		},
		refuses: []trial{
			creating("a tab", set("spec.userName", "an\tn")),
			creating("a line end", set("spec.userName", "an\nn")),
			creating("a zero character", set("spec.userName", "an\u0000n")),
			creating("an escape, with which a terminal is commanded", set("spec.userName", "an\u001b[2Jn")),
			creating("a delete character", set("spec.userName", "an\u007fn")),
			creating("a control character beyond ASCII", set("spec.userName", "an\u009bn")),
			creating("a zero-width space", set("spec.userName", "an\u200bn")),
			creating("a zero-width joiner", set("spec.userName", "an\u200dn")),
			creating("a soft hyphen", set("spec.userName", "an\u00adn")),
			creating("a change of the writing's direction", set("spec.userName", "an\u202en")),
			creating("a byte order mark", set("spec.userName", "an\ufeffn")),
			creating("a tag character", set("spec.userName", "an\U000e0061n")),
		},
	},
}

// printable is a rule of what is shown to people and written to logs: no control characters.
func printable(field, sentence string) rule {
	return rule{
		field: field, sentence: sentence,
		accepts: []trial{
			creating("letters of any script", set(field, "\u5b89\u5a1c Anne\u0301")),
			creating("letters that a joiner shapes", set(field, "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645")),
			creating("none", set(field, "")),
		},
		refuses: []trial{
			creating("a zero character", set(field, "a\u0000b")),
			creating("an escape, with which a terminal is commanded", set(field, "a\u001b[2Jb")),
			creating("a carriage return", set(field, "a\rb")),
			creating("a delete character", set(field, "a\u007fb")),
			creating("a control character beyond ASCII", set(field, "a\u009bb")),
		},
	}
}

// oneLine is such a rule where line ends and tabs are refused as well.
func oneLine(field, sentence string) rule {
	r := printable(field, sentence)
	r.refuses = append(r.refuses, creating("a line end", set(field, "a\nb")), creating("a tab", set(field, "a\tb")))
	return r
}

// moduleRules are the same wherever a module is named.
func moduleRules(field string) []rule {
	edges, control := "a module's name must not begin or end with white space", "a module's name must not contain control characters"
	return []rule{
		{
			field: field, sentence: edges,
			accepts: []trial{creating("a blank within", set(field, "Network Inventory"))},
			refuses: []trial{
				creating("a leading blank", set(field, " Web")),
				creating("a trailing blank", set(field, "Web ")),
				creating("a trailing line end", set(field, "Web\n")).alongside(control),
				creating("a leading no-break space", set(field, "\u00a0Web")),
				creating("a blank alone", set(field, " ")),
			},
		},
		{
			field: field, sentence: control,
			accepts: []trial{creating("letters of any script", set(field, "\u5b89\u5a1c"))},
			refuses: []trial{
				creating("a tab", set(field, "We\tb")),
				creating("a line end", set(field, "We\nb")),
				creating("an escape, with which a terminal is commanded", set(field, "We\u001b[2Jb")),
				creating("a control character beyond ASCII", set(field, "We\u009bb")),
			},
		},
	}
}

// poolRefRule is the same for accounts and sessions.
var poolRefRule = rule{
	field: "spec.poolRef.name",
	sentence: "poolRef.name must be a name that a LicensePool can have: " +
		"lower case letters, digits, '-' and '.', first and last a letter or digit",
	accepts: []trial{
		creating("a word", set("spec.poolRef.name", "desk")),
		creating("two words", set("spec.poolRef.name", "service-desk")),
		creating("a domain", set("spec.poolRef.name", "desk.example.com")),
		creating("a number", set("spec.poolRef.name", "4")),
	},
	refuses: []trial{
		creating("a capital", set("spec.poolRef.name", "Desk")),
		creating("a blank", set("spec.poolRef.name", "service desk")),
		creating("an underscore", set("spec.poolRef.name", "service_desk")),
		creating("a leading dash", set("spec.poolRef.name", "-desk")),
		creating("a trailing dot", set("spec.poolRef.name", "desk.")),
		creating("a slash", set("spec.poolRef.name", "default/desk")),
		creating("letters beyond ASCII", set("spec.poolRef.name", "b\u00fcro")),
	},
}
