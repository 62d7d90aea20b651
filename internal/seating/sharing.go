// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Sharing says what tells one user's connections apart, beside the user (A2). The zero value: nothing does.
type Sharing struct {
	ClientHost, ClientIP, Module bool
	// Groups are modules that share with each other and with no other; a module in none is a group of its own.
	Groups [][]string
}

// UserKey is what two spellings of one user's name have in common.
func (r Rules) UserKey(name string) string {
	if !r.FoldCase {
		return name
	}
	return strings.Map(foldRune, name)
}

// foldRune maps all cases of a letter to the least of them (Unicode simple folding), as strings.EqualFold compares.
func foldRune(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}

// shareKey is equal for two sessions of one seat type exactly if they share a seat. Each part is quoted: free text cannot forge a boundary.
func (r Rules) shareKey(s *Session, seat Seat) string {
	parts := []string{string(seat), r.UserKey(s.User)}
	if r.Sharing.ClientHost {
		parts = append(parts, "host", strings.ToLower(s.ClientHost))
	}
	if r.Sharing.ClientIP {
		parts = append(parts, "ip", s.ClientIP)
	}
	if r.Sharing.Module || len(r.Sharing.Groups) > 0 {
		parts = append(parts, "modules")
		parts = append(parts, r.Sharing.group(s.Module)...)
	}
	for i, part := range parts {
		parts[i] = strconv.Quote(part)
	}
	return strings.Join(parts, " ")
}

// group is the modules that share with this one, sorted: the group's content names it, so that groups may be listed in any order.
func (s Sharing) group(module string) []string {
	for _, group := range s.Groups {
		if slices.Contains(group, module) {
			return slices.Sorted(slices.Values(group))
		}
	}
	return []string{module}
}
