// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
)

func session(kind, mode string) edit {
	spec := values{"poolRef": values{"name": "p"}, "userName": "ann", "type": kind}
	if mode != "" {
		spec["client"] = values{"mode": mode}
	}
	return set("spec", spec)
}

// messageRule: a message may have several lines.
func messageRule() rule {
	r := printable("spec.termination.message", "termination.message must not contain control characters other than line ends and tabs")
	r.accepts = append(r.accepts, creating("lines and tabs", set(r.field, "Maintenance:\n\tback at noon.\n")))
	return r
}

var sessionRules = ruleSet{"UserSession", slices.Concat(userNameRules, moduleRules("spec.module"), []rule{
	poolRefRule,
	oneLine("spec.userFullName", "userFullName must not contain control characters"),
	oneLine("spec.createdBy", "createdBy must not contain control characters"),
	oneLine("spec.instanceName", "instanceName must not contain control characters"),
	oneLine("spec.client.hostName", "client.hostName must not contain control characters"),
	oneLine("spec.client.userName", "client.userName must not contain control characters"),
	messageRule(),
	{
		field: "spec", sentence: "client.mode must be Desktop, Voice, Handheld or CE for a session of type Interactive",
		accepts: []trial{
			creating("Desktop", session("Interactive", "Desktop")),
			creating("Voice", session("Interactive", "Voice")),
			creating("Handheld", session("Interactive", "Handheld")),
			creating("CE", session("Interactive", "CE")),
			creating("any mode of a session of no stated type", session("NotApplicable", "Desktop")),
		},
		refuses: []trial{
			creating("an interactive session without a client", session("Interactive", "")),
			creating("an interactive session whose client states no mode",
				set("spec.type", "Interactive"), set("spec.client", values{"hostName": "pc-17"})),
			creating("an interactive session whose mode is NotApplicable", session("Interactive", "NotApplicable")),
		},
	},
	{
		field: "spec", sentence: "client.mode must be NotApplicable for a session of type BackgroundService or WebServices",
		accepts: []trial{
			creating("a background service without a client", session("BackgroundService", "")),
			creating("a background service whose mode is NotApplicable", session("BackgroundService", "NotApplicable")),
			creating("a web service without a client", session("WebServices", "")),
			creating("a web service whose client states no mode", set("spec.type", "WebServices"), set("spec.client", values{"hostName": "pc-17"})),
		},
		refuses: []trial{
			creating("a background service with a Desktop", session("BackgroundService", "Desktop")),
			creating("a web service with a Handheld", session("WebServices", "Handheld")),
		},
	},
	{
		field: "spec.client.ip", sentence: "client.ip must be an IPv4 or IPv6 address",
		accepts: []trial{
			creating("IPv4", set("spec.client.ip", "192.0.2.17")),
			creating("IPv6", set("spec.client.ip", "2001:db8::17")),
			creating("none known", set("spec.client.ip", "")),
		},
		refuses: []trial{
			creating("numbers out of range", set("spec.client.ip", "192.0.2.256")),
			creating("a host name", set("spec.client.ip", "pc-17.example.com")),
			creating("an address with a port", set("spec.client.ip", "192.0.2.17:8080")),
			creating("a network", set("spec.client.ip", "192.0.2.0/24")),
			creating("an IPv6 address with a zone", set("spec.client.ip", "fe80::1%eth0")),
			creating("an IPv4 address dressed as IPv6", set("spec.client.ip", "::ffff:192.0.2.17")),
			creating("two addresses", set("spec.client.ip", "192.0.2.17, 192.0.2.18")),
		},
	},
	{
		field: "spec.sessionAttributes", sentence: "each name of sessionAttributes must have at most 128 characters, each value at most 1024",
		accepts: []trial{creating("a name of 128 characters", set("spec.sessionAttributes", values{strings.Repeat("n", 128): "v"}))},
		refuses: []trial{creating("a name of 129 characters", set("spec.sessionAttributes", values{strings.Repeat("n", 129): "v"}))},
	},
	{
		field: "spec.extraAttributes", sentence: "extraAttributes must have at most 32 KiB",
		accepts: []trial{
			creating("32 KiB of one-byte characters", set("spec.extraAttributes", jsonOf(32768, "x"))),
			creating("32 KiB of two-byte characters", set("spec.extraAttributes", jsonOf(8+16380, "\u00e4"))),
		},
		refuses: []trial{
			creating("two-byte characters of 32 KiB and two bytes", set("spec.extraAttributes", jsonOf(8+16381, "\u00e4"))),
			creating("four-byte characters, few enough to count but too long", set("spec.extraAttributes", jsonOf(10_000, "\U0001f511"))),
		},
	},
	{
		field: "spec.extraAttributes", sentence: "extraAttributes must be a JSON object",
		accepts: []trial{
			creating("none", set("spec.extraAttributes", "")),
			creating("an empty object", set("spec.extraAttributes", "{}")),
			creating("an object with white space around it", set("spec.extraAttributes", "\n {\"site\": 4} \n")),
		},
		refuses: []trial{
			creating("a list", set("spec.extraAttributes", "[1, 2]")),
			creating("a number", set("spec.extraAttributes", "4")),
			creating("a text", set("spec.extraAttributes", "\"site 4\"")),
			creating("no JSON", set("spec.extraAttributes", "site=4")),
			creating("an object cut short", set("spec.extraAttributes", "{\"site\": 4")),
			creating("nothing but a blank", set("spec.extraAttributes", " ")),
			creating("a lone brace", set("spec.extraAttributes", "{")),
		},
	},
})}

var _ = Describe("The rules of a UserSession's facts (A12, C1, C3)", func() {
	proveRules(sessionRules)
})
