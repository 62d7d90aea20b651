// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package clientip

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func parse(tb testing.TB, cidrs string) Proxies {
	tb.Helper()
	p, err := Parse(cidrs)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	for _, good := range []string{
		"", "  ", "10.0.0.0/8", "10.0.0.0/8, fd00::/8", "192.0.2.7", "2001:db8::7", "::ffff:10.0.0.0/104", "10.1.2.3/8", "0.0.0.0/0,::/0", "::ffff:192.0.2.7",
	} {
		if _, err := Parse(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		",", "10.0.0.0/8,", "10.0.0.0/33", "10.0.0", "proxy", "fe80::1%eth0", "fe80::%eth0/64", "::ffff:10.0.0.0/90", "10.0.0.0/8 fd00::/8", "[fd00::1]", "10.0.0.0/-1",
	} {
		if p, err := Parse(bad); err == nil || !strings.Contains(err.Error(), "must be a network") || len(p.networks) != 0 {
			t.Errorf("%q: %v, %v", bad, p, err)
		}
	}
}

func TestOf(t *testing.T) {
	const trusted = "10.0.0.0/8, fd00::/8, 192.0.2.7"
	for what, c := range map[string]struct {
		peer      string
		forwarded []string
		listed    []string
		want      string
	}{
		"directly":                           {peer: "198.51.100.1:4711", want: "198.51.100.1"},
		"directly, IPv6":                     {peer: "[2001:db8::1]:4711", want: "2001:db8::1"},
		"directly, with a zone":              {peer: "[fe80::1%eth0]:4711", want: "fe80::1"},
		"directly, IPv4 in IPv6":             {peer: "[::ffff:198.51.100.1]:4711", want: "198.51.100.1"},
		"an untrusted peer's headers":        {peer: "198.51.100.1:1", forwarded: []string{"for=203.0.113.9"}, listed: []string{"203.0.113.9"}, want: "198.51.100.1"},
		"no peer":                            {peer: "@", listed: []string{"203.0.113.9"}, want: "invalid IP"},
		"a silent proxy":                     {peer: "10.0.0.1:1", want: "10.0.0.1"},
		"a proxy":                            {peer: "10.0.0.1:1", listed: []string{"203.0.113.9"}, want: "203.0.113.9"},
		"a proxy by IPv4 in IPv6":            {peer: "[::ffff:10.0.0.1]:1", listed: []string{"203.0.113.9"}, want: "203.0.113.9"},
		"a proxy with a zone":                {peer: "[fd00::1%eth0]:1", listed: []string{"203.0.113.9"}, want: "203.0.113.9"},
		"a proxy of one address":             {peer: "192.0.2.7:1", listed: []string{"203.0.113.9"}, want: "203.0.113.9"},
		"its neighbour":                      {peer: "192.0.2.8:1", listed: []string{"203.0.113.9"}, want: "192.0.2.8"},
		"what the client claimed":            {peer: "10.0.0.1:1", listed: []string{"127.0.0.1, 203.0.113.9"}, want: "203.0.113.9"},
		"what the client claimed, own line":  {peer: "10.0.0.1:1", listed: []string{"127.0.0.1", "203.0.113.9"}, want: "203.0.113.9"},
		"a chain of proxies":                 {peer: "10.0.0.1:1", listed: []string{"127.0.0.1, 203.0.113.9, 10.9.9.9", "fd00::2"}, want: "203.0.113.9"},
		"only proxies":                       {peer: "10.0.0.1:1", listed: []string{"10.0.0.3, 10.0.0.2"}, want: "10.0.0.3"},
		"garbage stops":                      {peer: "10.0.0.1:1", listed: []string{"203.0.113.9, what, 10.0.0.2"}, want: "10.0.0.2"},
		"garbage at once":                    {peer: "10.0.0.1:1", listed: []string{"203.0.113.9, what"}, want: "10.0.0.1"},
		"unknown in the list":                {peer: "10.0.0.1:1", listed: []string{"203.0.113.9, unknown"}, want: "10.0.0.1"},
		"empty elements":                     {peer: "10.0.0.1:1", listed: []string{"", " , ,203.0.113.9,, ", ","}, want: "203.0.113.9"},
		"listed with a port":                 {peer: "10.0.0.1:1", listed: []string{"203.0.113.9:443"}, want: "203.0.113.9"},
		"listed with brackets and port":      {peer: "10.0.0.1:1", listed: []string{"[2001:db8::9]:443"}, want: "2001:db8::9"},
		"listed with brackets":               {peer: "10.0.0.1:1", listed: []string{"[2001:db8::9]"}, want: "2001:db8::9"},
		"listed with a zone":                 {peer: "10.0.0.1:1", listed: []string{"fe80::9%eth0"}, want: "fe80::9"},
		"listed IPv4 in IPv6":                {peer: "10.0.0.1:1", listed: []string{"203.0.113.9, ::ffff:10.0.0.2"}, want: "203.0.113.9"},
		"a port that is none":                {peer: "10.0.0.1:1", listed: []string{"203.0.113.9:http"}, want: "10.0.0.1"},
		"brackets that do not close":         {peer: "10.0.0.1:1", listed: []string{"[2001:db8::9"}, want: "10.0.0.1"},
		"text after brackets":                {peer: "10.0.0.1:1", listed: []string{"[2001:db8::9]443"}, want: "10.0.0.1"},
		"IPv4 in brackets":                   {peer: "10.0.0.1:1", listed: []string{"[203.0.113.9]"}, want: "10.0.0.1"},
		"no quotes in the list":              {peer: "10.0.0.1:1", listed: []string{`"203.0.113.9"`}, want: "10.0.0.1"},
		"forwarded":                          {peer: "10.0.0.1:1", forwarded: []string{"for=203.0.113.9;proto=https;by=10.0.0.1"}, want: "203.0.113.9"},
		"forwarded, any case and order":      {peer: "10.0.0.1:1", forwarded: []string{"proto=https; FOR=203.0.113.9 ;host=a"}, want: "203.0.113.9"},
		"forwarded, quoted":                  {peer: "10.0.0.1:1", forwarded: []string{`for="203.0.113.9"`}, want: "203.0.113.9"},
		"forwarded, quoted port":             {peer: "10.0.0.1:1", forwarded: []string{`for="203.0.113.9:443"`}, want: "203.0.113.9"},
		"forwarded, IPv6":                    {peer: "10.0.0.1:1", forwarded: []string{`for="[2001:db8::9]"`}, want: "2001:db8::9"},
		"forwarded, IPv6 and port":           {peer: "10.0.0.1:1", forwarded: []string{`for="[2001:db8::9]:443";by="[fd00::1]"`}, want: "2001:db8::9"},
		"forwarded, IPv6 and made-up port":   {peer: "10.0.0.1:1", forwarded: []string{`for="[2001:db8::9]:_x1"`}, want: "2001:db8::9"},
		"forwarded, bare IPv6":               {peer: "10.0.0.1:1", forwarded: []string{`for="2001:db8::9"`}, want: "10.0.0.1"},
		"forwarded, escapes":                 {peer: "10.0.0.1:1", forwarded: []string{`for="20\3.0.113.9"`}, want: "203.0.113.9"},
		"forwarded, lines and lists":         {peer: "10.0.0.1:1", forwarded: []string{"for=127.0.0.1, for=203.0.113.9", `for="[fd00::2]",for=10.0.0.2`}, want: "203.0.113.9"},
		"forwarded, unknown":                 {peer: "10.0.0.1:1", forwarded: []string{"for=203.0.113.9, for=unknown"}, want: "10.0.0.1"},
		"forwarded, a made-up name":          {peer: "10.0.0.1:1", forwarded: []string{"for=203.0.113.9, for=_hidden, for=10.0.0.2"}, want: "10.0.0.2"},
		"forwarded, no for":                  {peer: "10.0.0.1:1", forwarded: []string{"for=203.0.113.9, proto=https"}, want: "10.0.0.1"},
		"forwarded, two fors":                {peer: "10.0.0.1:1", forwarded: []string{"for=203.0.113.9;for=203.0.113.8"}, want: "10.0.0.1"},
		"forwarded, garbage":                 {peer: "10.0.0.1:1", forwarded: []string{"203.0.113.9"}, want: "10.0.0.1"},
		"forwarded, an open quote before it": {peer: "10.0.0.1:1", forwarded: []string{`for="127.0.0.1, for=203.0.113.9`}, want: "203.0.113.9"},
		"forwarded, a quoted comma":          {peer: "10.0.0.1:1", forwarded: []string{`for=203.0.113.9;host="a, for=127.0.0.1"`}, want: "203.0.113.9"},
		"forwarded, an escaped quote":        {peer: "10.0.0.1:1", forwarded: []string{`for=203.0.113.9;host="a\", for=127.0.0.1"`}, want: "203.0.113.9"},
		"forwarded, an escaped quote late":   {peer: "10.0.0.1:1", forwarded: []string{`for=203.0.113.9;host="a, for=127.0.0.1\""`}, want: "203.0.113.9"},
		"forwarded, open at its end":         {peer: "10.0.0.1:1", forwarded: []string{`for=203.0.113.9;host="a`}, want: "10.0.0.1"},
		"forwarded, escaped at its end":      {peer: "10.0.0.1:1", forwarded: []string{`for=203.0.113.9;host="a\`}, want: "10.0.0.1"},
		"both agree":                         {peer: "10.0.0.1:1", forwarded: []string{"for=203.0.113.9"}, listed: []string{"127.0.0.1, 203.0.113.9"}, want: "203.0.113.9"},
		"one of both is made up":             {peer: "10.0.0.1:1", forwarded: []string{"for=127.0.0.1"}, listed: []string{"203.0.113.9"}, want: "10.0.0.1"},
	} {
		t.Run(what, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"Forwarded": c.forwarded, "X-Forwarded-For": c.listed}}
			if got := parse(t, trusted).Of(r).String(); got != c.want {
				t.Errorf("the client is %s, want %s", got, c.want)
			}
		})
	}
	if got := (Proxies{}).Of(&http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {"203.0.113.9"}}}); got.String() != "10.0.0.1" {
		t.Errorf("without trusted proxies the client is %s", got)
	}
}

// The walk ends after 64 hops, wherever it is then.
func TestTheWalkIsBounded(t *testing.T) {
	everyone := parse(t, "0.0.0.0/0")
	for _, hops := range []int{1, maxHops - 1, maxHops, maxHops + 1, 100 * maxHops} {
		list := "198.51.100.1" + strings.Repeat(",10.0.0.2", hops-1)
		forwarded := "for=198.51.100.1" + strings.Repeat(",for=10.0.0.2", hops-1)
		want := "198.51.100.1"
		if hops > maxHops {
			want = "10.0.0.2"
		}
		for header, value := range map[string]string{"X-Forwarded-For": list, "Forwarded": forwarded} {
			if got := everyone.Of(&http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{header: {value}}}); got.String() != want {
				t.Errorf("%s of %d hops: %s, want %s", header, hops, got, want)
			}
		}
	}
}

// FuzzOf: whatever a client sends before the proxy adds its own line, the client is what the proxy says; and nothing panics when the proxy talks nonsense.
func FuzzOf(f *testing.F) {
	f.Add("", "198.51.100.1:80")
	f.Add("127.0.0.1, 10.0.0.2", "[2001:db8::1]:80")
	f.Add(`for="127.0.0.1`, `for="[2001:db8::1]:_a"`)
	f.Add(`for="127.0.0.1\`, "for=unknown")
	f.Add(`for=127.0.0.1;host="`, `for=_hidden;by="a\"b"`)
	f.Add(",,,", "fe80::1%eth0")
	f.Add("for=", "for=;for=")
	f.Add(`"`, "::ffff:198.51.100.1")
	p := parse(f, "10.0.0.0/8, fd00::/8")
	f.Fuzz(func(t *testing.T, claim, word string) {
		of := func(peer, header string, lines ...string) netip.Addr {
			got := p.Of(&http.Request{RemoteAddr: peer, Header: http.Header{header: lines}})
			if got.Zone() != "" || got.Is4In6() {
				t.Errorf("the client is %s, which is not plain", got)
			}
			return got
		}
		of(word, "Forwarded", claim)
		for header, said := range map[string]string{"Forwarded": "for=198.51.100.1", "X-Forwarded-For": "198.51.100.1"} {
			honest := netip.MustParseAddr("198.51.100.1")
			if got := of("192.0.2.1:1", header, claim, word); got.String() != "192.0.2.1" {
				t.Errorf("an untrusted peer passed for %s with %q, %q", got, claim, word)
			}
			for _, lines := range [][]string{{claim, said}, {claim + ", " + said}, {claim + "," + said}} {
				if got := of("10.0.0.1:1", header, lines...); got != honest {
					t.Errorf("%s %q: the client passed for %s", header, lines, got)
				}
			}
			if got := of("10.0.0.1:1", header, claim, word); !got.IsValid() {
				t.Errorf("%s %q, %q: no address", header, claim, word)
			}
		}
		if forward := slices.Collect(backwards([]string{claim, word}, false)); strings.Contains(strings.Join(forward, ""), ",") {
			t.Errorf("%q has elements with commas", forward)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	p := parse(b, "10.0.0.0/8, fd00::/8")
	for header, line := range map[string]string{
		"X-Forwarded-For": "127.0.0.1, 198.51.100.1, 10.0.0.2", "Forwarded": `for=127.0.0.1, for="[2001:db8::1]:443";proto=https, for=10.0.0.2`,
	} {
		b.Run(header, func(b *testing.B) {
			r := &http.Request{RemoteAddr: "10.0.0.1:4711", Header: http.Header{header: {line}}}
			b.ReportAllocs()
			for b.Loop() {
				p.Of(r)
			}
		})
	}
}
