// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package clientip tells the address that a request comes from, behind trusted proxies too (requirement A12): a client that connects directly is
// where its connection comes from, whatever its headers claim.
package clientip

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds how many addresses of a request's headers are looked at, from the last one on.
const maxHops = 64

// Proxies are the networks whose word on a client's address is believed. The zero value trusts nobody.
type Proxies struct {
	networks []netip.Prefix
}

// Parse reads networks separated by commas, such as "10.0.0.0/8, fd00::/8"; "" trusts nobody. A single address is a network of one.
func Parse(cidrs string) (Proxies, error) {
	var p Proxies
	if strings.TrimSpace(cidrs) == "" {
		return p, nil
	}
	for cidr := range strings.SplitSeq(cidrs, ",") {
		network, err := parseNetwork(strings.TrimSpace(cidr))
		if err != nil {
			return Proxies{}, fmt.Errorf("trusted proxies: %q must be a network such as 10.0.0.0/8 or fd00::/8, or one address, without a zone", strings.TrimSpace(cidr))
		}
		p.networks = append(p.networks, network)
	}
	return p, nil
}

// parseNetwork writes IPv4-in-IPv6 as IPv4, as addresses are compared.
func parseNetwork(cidr string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(cidr); err == nil {
		if addr.Zone() != "" {
			return netip.Prefix{}, errors.New("a zone")
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(cidr)
	if err != nil {
		return netip.Prefix{}, err
	}
	if network.Addr().Is4In6() {
		if network.Bits() < 96 {
			return netip.Prefix{}, errors.New("wider than all of IPv4")
		}
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network.Masked(), nil
}

func (p Proxies) trusts(addr netip.Addr) bool {
	for _, network := range p.networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// Of is the address of the request's client: the peer's, unless the peer is a trusted proxy. Then it is the last address that is not itself a trusted
// proxy's of Forwarded (RFC 7239) or, without such a header, of X-Forwarded-For. What is no address (unknown, a made-up name, garbage) ends the search
// at the trusted proxy that reported it, since nobody can be believed beyond; so do more than 64 hops. A request with both headers, which do not agree,
// is its peer's: proxies that write the one commonly pass the other on as the client made it up. IPv4 in IPv6 is shown as IPv4, and no zone is kept.
// The invalid Addr when the request has no peer address (a Unix socket).
func (p Proxies) Of(r *http.Request) netip.Addr {
	peer, ok := node(r.RemoteAddr)
	if !ok {
		return netip.Addr{}
	}
	if !p.trusts(peer) {
		return peer
	}
	forwarded, listed := r.Header.Values("Forwarded"), r.Header.Values("X-Forwarded-For")
	if len(forwarded) == 0 {
		return p.walk(peer, backwards(listed, false), node)
	}
	client := p.walk(peer, backwards(forwarded, true), forwardedFor)
	if len(listed) > 0 && client != p.walk(peer, backwards(listed, false), node) {
		return peer
	}
	return client
}

// walk goes from trusted proxy to trusted proxy, as far as they are believed.
func (p Proxies) walk(at netip.Addr, hops iter.Seq[string], report func(string) (netip.Addr, bool)) netip.Addr {
	walked := 0
	for hop := range hops {
		next, ok := report(hop)
		if walked++; walked > maxHops || !ok {
			return at
		}
		at = next
		if !p.trusts(at) {
			return at
		}
	}
	return at
}

// node reads an address with or without a port and brackets: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1], [2001:db8::1]:80. A port need not be
// a number: RFC 7239 lets a proxy make one up.
func node(text string) (netip.Addr, bool) {
	text = strings.Trim(text, " \t")
	if addr, err := netip.ParseAddr(text); err == nil {
		return plain(addr), true
	}
	var host, port string
	if inner, bracketed := strings.CutPrefix(text, "["); bracketed {
		var closed bool
		host, port, closed = strings.Cut(inner, "]")
		if !closed || !strings.Contains(host, ":") || port != "" && !strings.HasPrefix(port, ":") {
			return netip.Addr{}, false
		}
		port = strings.TrimPrefix(port, ":")
	} else {
		var cut bool
		if host, port, cut = strings.Cut(text, ":"); !cut || port == "" {
			return netip.Addr{}, false
		}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || !isPort(port) {
		return netip.Addr{}, false
	}
	return plain(addr), true
}

func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// isPort takes what RFC 7239 does: up to five digits, or a made-up name that begins with an underscore.
func isPort(text string) bool {
	made := strings.HasPrefix(text, "_")
	if !made && len(text) > 5 {
		return false
	}
	for _, c := range []byte(text) {
		digit := c >= '0' && c <= '9'
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == '-'
		if !digit && (!made || !letter) {
			return false
		}
	}
	return true
}
