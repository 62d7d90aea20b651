// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"strings"
	"testing"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

func TestA2AllOfOneUsersSessionsShareOneSeat(t *testing.T) {
	for _, model := range []struct {
		name              string
		named, concurrent string
		hire              func(string) account
	}{
		{"a named account", "1 1 0 1 1", "1 0 1 0 0", aNamed},
		{"a concurrent account", "1 0 1 0 0", "1 1 0 1 1", aConcurrent},
	} {
		t.Run(model.name, func(t *testing.T) {
			d := aPool().named(1).concurrent(1).opens(t)
			d.hire(model.hire("ann"))
			web := d.signsOn(by("ann").to("Web")).got(seating.SeatGranted)
			d.signsOn(by("ann").to("Desktop").on("laptop")).shares(web)
			d.signsOn(by("ann").to("NetworkInventory").on("phone").at("2001:db8::7")).shares(web)
			d.shows(model.named, model.concurrent)
		})
	}
}

func TestA2WhichSessionsShareIsThePoolsToSay(t *testing.T) {
	first := by("ann").to("Web").on("laptop").at("192.0.2.1")
	for _, c := range []struct {
		sentence string
		pool     pool
		second   login
		shares   bool
	}{
		{"per user: another module shares", aPool(), first.to("Desktop"), true},
		{"per user: another host and address share", aPool(), first.on("phone").at("192.0.2.2"), true},
		{"per user: another user does not", aPool(), by("bob").to("Web").on("laptop").at("192.0.2.1"), false},

		{"per host: the same host shares, whatever the module and the address", aPool().perHost(), first.to("Desktop").at("192.0.2.2"), true},
		{"per host: another host is a second seat", aPool().perHost(), first.on("phone"), false},
		{"per host: the case of a host name does not matter", aPool().perHost(), first.on("LapTop"), true},
		{"per host: nor where that of user names does", aPool().caseSensitive().perHost(), first.on("LAPTOP"), true},
		{"per host: no host name is not any host", aPool().perHost(), first.on(""), false},

		{"per address: the same address shares, whatever the module and the host", aPool().perIP(), first.to("Desktop").on("phone"), true},
		{"per address: another address is a second seat", aPool().perIP(), first.at("192.0.2.2"), false},
		{"per host and address: both must be the same", aPool().perHost().perIP(), first.at("192.0.2.2"), false},
		{"per host and address: both are the same", aPool().perHost().perIP(), first.to("Mobile"), true},

		{"per module: the same module shares, whatever the host", aPool().perModule(), first.on("phone").at("192.0.2.2"), true},
		{"per module: another module is a second seat", aPool().perModule(), first.to("Desktop"), false},
		{"per module: the case of a module's name does matter", aPool().perModule(), first.to("web"), false},

		{"groups: a module of the group shares", aPool().groups("Web Desktop"), first.to("Desktop"), true},
		{"groups: a module of no group is a second seat", aPool().groups("Web Desktop"), first.to("Mobile"), false},
		{"groups: a module of another group is a second seat", aPool().groups("Web Desktop", "Mobile Voice"), first.to("Voice"), false},
		{"groups: a module of no group shares with itself", aPool().groups("Desktop Mobile"), first.on("phone"), true},
		{"groups per module: the group still shares", aPool().perModule().groups("Web Desktop"), first.to("Desktop"), true},
		{"groups per host: on the same host the group shares", aPool().perHost().groups("Web Desktop"), first.to("Desktop"), true},
		{"groups per host: on another host it does not", aPool().perHost().groups("Web Desktop"), first.to("Desktop").on("phone"), false},

		{"insensitive: another case of the user's name shares", aPool(), by("ANN"), true},
		{"sensitive: another case is another user", aPool().caseSensitive(), by("ANN"), false},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			d := c.pool.concurrent(2).opens(t)
			one := d.signsOn(first).got(seating.SeatGranted)
			if two := d.signsOn(c.second); c.shares {
				two.shares(one)
			} else {
				two.got(seating.SeatGranted)
			}
		})
	}
}

func TestA2OneSeatForWebDesktopAndNetworkInventoryTwoForTwoHosts(t *testing.T) {
	d := aPool().concurrent(2).perHost().opens(t)
	web := d.signsOn(by("ann").to("Web").on("laptop"))
	d.signsOn(by("ann").to("Desktop").on("laptop")).shares(web)
	d.signsOn(by("ann").to("NetworkInventory").on("laptop")).shares(web)
	d.shows("N/A", "2 1 1 1 1")
	phone := d.signsOn(by("ann").on("phone")).got(seating.SeatGranted)
	d.shows("N/A", "2 2 0 1 2")
	d.signsOn(by("ann").on("tablet")).got(seating.SeatsExhausted)
	d.signsOn(by("ann").to("Mobile").on("phone")).shares(phone)
}

// A named account holds one named seat, however many connections it has: A4 counts its accounts there.
func TestA2ANamedAccountOnTwoHostsHasTwoConnectionsAndOneSeat(t *testing.T) {
	d := aPool().named(1).perHost().opens(t)
	d.hire(aNamed("ann"))
	d.signsOn(by("ann").on("laptop")).got(seating.SeatGranted)
	d.signsOn(by("ann").on("phone")).got(seating.SeatGranted)
	d.shows("1 1 0 1 2", "N/A")
}

func TestA2TheOrderOfGroupsAndOfModulesDoesNotMatter(t *testing.T) {
	orders := [][]string{
		{"Web Desktop", "Mobile Voice"},
		{"Voice Mobile", "Desktop Web"},
		{"Desktop Web", "Voice Mobile"},
	}
	for _, module := range []string{"Web", "Desktop", "Mobile", "Voice", "Other"} {
		want := seating.ShareKey(aPool().groups(orders[0]...).Rules, by("ann").to(module).Session, seating.Concurrent)
		for _, order := range orders[1:] {
			if got := seating.ShareKey(aPool().groups(order...).Rules, by("ann").to(module).Session, seating.Concurrent); got != want {
				t.Errorf("module %s under %v: key %s; under %v: %s", module, order, got, orders[0], want)
			}
		}
	}
	// So a live connection is found again when the groups are listed in another order.
	d := aPool().concurrent(9).groups(orders[0]...).opens(t)
	web := d.signsOn(by("ann").to("Web"))
	d.reapply(aPool().concurrent(9).groups(orders[1]...))
	d.signsOn(by("ann").to("Desktop")).shares(web)
}

func TestA2ASharedSeatIsHeldUntilItsLastSessionEnds(t *testing.T) {
	d := aPool().concurrent(1).opens(t)
	web := d.signsOn(by("ann").to("Web"))
	desktop := d.signsOn(by("ann").to("Desktop")).shares(web)
	var queue []*ticket
	for _, user := range []string{"bob", "cy", "dee"} {
		queue = append(queue, d.signsOn(by(user).waiting(hour)).got(seating.Waiting))
	}

	// The one that opened the connection ends first: the seat stays with the other, however many wait.
	web.ends()
	d.shows("N/A", "1 1 0 1 1")
	for _, k := range queue {
		k.got(seating.Waiting)
	}
	mobile := d.signsOn(by("ann").to("Mobile")).shares(desktop)
	desktop.ends()
	queue[0].got(seating.Waiting)
	mobile.ends()
	queue[0].got(seating.SeatGranted)
	queue[1].got(seating.Waiting)
}

func TestA2ANamedAndAConcurrentSessionOfOneUserShareNothing(t *testing.T) {
	d := aPool().named(1).concurrent(1).opens(t)
	d.hire(aNamed("ann"))
	named := d.signsOn(by("ann")).got(seating.SeatGranted)
	d.change("ann", func(a *seating.Account) { a.Type, a.Licensed = seating.Concurrent, false })
	concurrent := d.signsOn(by("ann")).got(seating.SeatGranted)
	if named.connection() == concurrent.connection() {
		t.Errorf("both have the connection %s", named.connection())
	}
	// The named seat is held by the live session, and then by nobody.
	d.shows("1 1 0 0 1", "1 1 0 1 1")
	named.ends()
	d.shows("1 0 1 0 0", "1 1 0 1 1")
}

// Free text must not pass for the boundary between two parts of a key, whatever that looks like.
func TestA2FreeTextForgesNoKeyBoundary(t *testing.T) {
	perAll := aPool().caseSensitive().perHost().perIP().perModule()
	type forgery struct {
		sentence string
		pool     pool
		a, b     login
	}
	forgeries := []forgery{
		{"a quote that moves from one part to the next", perAll, by(`a"b`).on("c"), by("a").on(`b"c`)},
		{"an escaped quote", perAll, by(`a\"b`), by(`a"b`)},
		{"an escape written out", perAll, by(`a\x22b`), by(`a"b`)},
		{"a backslash that moves", perAll, by(`a\`).on("b"), by("a").on(`\b`)},
		{"a null byte that moves", perAll, by("a\x00b").on("c"), by("a").on("b\x00c")},
		{"a line break", perAll, by("a\nb"), by(`a\nb`)},
		{"a space that looks like another", perAll, by("a b"), by("a\u00a0b")},
		{"a seat type for a user", perAll, by("Concurrent"), by("Named")},
	}
	for _, boundary := range []string{`""`, `" "`, `","`, " ", ",", "/", ""} {
		forge := func(parts ...string) string { return strings.Join(parts, boundary) }
		forgeries = append(forgeries,
			forgery{"a user that ends in a host, by " + boundary, perAll, by(forge("a", "host", "b")).on("c"), by("a").on(forge("b", "host", "c"))},
			forgery{"a host that ends in an address, by " + boundary, perAll, by("a").on(forge("h", "ip", "1")).at("2"), by("a").on("h").at(forge("1", "ip", "2"))},
			forgery{"an address that ends in a module, by " + boundary, perAll, by("a").at(forge("1", "modules", "Web")).to("Mobile"), by("a").at("1").to(forge("Web", "modules", "Mobile"))},
			forgery{"a module that looks like a group, by " + boundary, aPool().groups("Web Desktop"), by("a").to(forge("Desktop", "Web")), by("a").to("Web")})
	}
	for _, c := range forgeries {
		t.Run(c.sentence, func(t *testing.T) {
			a, b := seating.ShareKey(c.pool.Rules, c.a.Session, seating.Concurrent), seating.ShareKey(c.pool.Rules, c.b.Session, seating.Concurrent)
			if a == b {
				t.Errorf("both have the key %s", a)
			}
			d := c.pool.concurrent(2).opens(t)
			d.signsOn(c.a).got(seating.SeatGranted)
			d.signsOn(c.b).got(seating.SeatGranted)
		})
	}
}
