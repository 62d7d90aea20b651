// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package clientip tells the address that a request comes from, behind trusted proxies too.
package clientip

import (
	"net/http"
	"net/netip"
)

// Proxies are the networks whose word on a client's address is believed.
type Proxies struct {
	networks []netip.Prefix
}

// Parse reads networks separated by commas ("10.0.0.0/8, fd00::/8"); "" trusts nobody.
func Parse(string) (Proxies, error) { return Proxies{}, nil }

// Of is the address of the request's client.
func (p Proxies) Of(*http.Request) netip.Addr { return netip.Addr{} }
