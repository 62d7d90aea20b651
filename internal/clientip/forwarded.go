// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package clientip

import (
	"iter"
	"net/netip"
	"slices"
	"strings"
)

// backwards goes through the elements of a header's lines from the last to the first: proxies add at the end. With quotes, a comma within a quoted string
// separates nothing. Empty elements, which the grammar of lists allows, are left out.
func backwards(lines []string, quotes bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for line != "" {
				start := lastComma(line, quotes)
				element := strings.Trim(line[start+1:], " \t")
				line = line[:max(start, 0)]
				if element != "" && !yield(element) {
					return
				}
			}
		}
	}
}

// lastComma is where the last separator is, -1 without one. From the end, a quote is the end of a quoted string unless an odd number of backslashes
// stands before it; a line whose quotes do not match yields an element that is not well-formed, where the search for the client ends.
func lastComma(line string, quotes bool) int {
	quoted := false
	for i := len(line) - 1; i >= 0; i-- {
		switch {
		case quotes && line[i] == '"' && !escaped(line[:i]):
			quoted = !quoted
		case line[i] == ',' && !quoted:
			return i
		}
	}
	return -1
}

func escaped(before string) bool {
	return (len(before)-len(strings.TrimRight(before, "\\")))%2 == 1
}

// forwardedFor is the address in an element of Forwarded: its parameter "for", which must stand there once, in a well-formed element.
func forwardedFor(element string) (netip.Addr, bool) {
	var found netip.Addr
	for rest := element; ; {
		name, value, after, ok := parameter(rest)
		if !ok {
			return netip.Addr{}, false
		}
		if strings.EqualFold(name, "for") {
			addr, ok := node(value)
			// Only a bracketed address is one in IPv6 (RFC 7239, section 6).
			if !ok || found.IsValid() || strings.Count(value, ":") > 1 && value[0] != '[' {
				return netip.Addr{}, false
			}
			found = addr
		}
		if after == "" {
			return found, found.IsValid()
		}
		rest = after
	}
}

// parameter reads one name=value, the value a token or a quoted string, up to a semicolon or the end.
func parameter(text string) (name, value, rest string, ok bool) {
	name, text, ok = strings.Cut(text, "=")
	name = strings.Trim(name, " \t")
	if !ok || name == "" || text == "" {
		return "", "", "", false
	}
	if text[0] != '"' {
		value, rest, _ = strings.Cut(text, ";")
		value = strings.TrimRight(value, " \t")
		return name, value, rest, value != "" && !strings.ContainsAny(value, "\" \t,")
	}
	var unquoted strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
			if i == len(text) {
				return "", "", "", false
			}
			unquoted.WriteByte(text[i])
		case '"':
			after := strings.TrimLeft(text[i+1:], " \t")
			if after == "" {
				return name, unquoted.String(), "", true
			}
			rest, ok = strings.CutPrefix(after, ";")
			return name, unquoted.String(), rest, ok
		default:
			unquoted.WriteByte(text[i])
		}
	}
	return "", "", "", false
}
