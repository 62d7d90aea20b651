// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package grid

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Order is what rows are sorted by.
type Order string

// The orders there are.
const (
	ByName         Order = "name"
	ByUser         Order = "user"
	ByFullName     Order = "full-name"
	ByPool         Order = "pool"
	ByState        Order = "state"
	BySeat         Order = "seat"
	ByModule       Order = "module"
	ByClientIP     Order = "client-ip"
	ByLastActivity Order = "last-activity"
	ByLogon        Order = "logon"
	ByDuration     Order = "duration"
	ByTimeout      Order = "timeout"
)

// Orders lists the orders there are.
func Orders() []Order {
	return []Order{ByName, ByUser, ByFullName, ByPool, ByState, BySeat, ByModule, ByClientIP, ByLastActivity, ByLogon, ByDuration, ByTimeout}
}

// ParseOrder reads an order. One that begins with "-" is reversed.
func ParseOrder(text string) (order Order, reverse bool, err error) {
	name, reverse := strings.CutPrefix(text, "-")
	if !slices.Contains(Orders(), Order(name)) {
		return "", false, fmt.Errorf("the order must be one of %s, or one of these after a '-' for the reverse: it is %q", strings.Join(names(Orders()), ", "), text)
	}
	return Order(name), reverse, nil
}

func names(orders []Order) []string {
	var out []string
	for _, o := range orders {
		out = append(out, string(o))
	}
	return out
}

// Sort sorts rows. Those that are equal by the order are sorted by namespace and name, and those that lack what it goes by come last, in the reverse as well.
func Sort(rows []Row, by Order, reverse bool) {
	slices.SortFunc(rows, func(a, b Row) int { return Compare(&a, &b, by, reverse) })
}

// Compare says which of two rows comes first: negative for a, positive for b. It is 0 of one session alone.
func Compare(a, b *Row, by Order, reverse bool) int {
	if by != ByName {
		lacksA, lacksB := lacks(a, by), lacks(b, by)
		switch {
		case lacksA != lacksB && lacksA:
			return 1
		case lacksA != lacksB:
			return -1
		}
	}
	order := compareBy(a, b, by)
	if reverse {
		order = -order
	}
	return cmp.Or(order, cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

func compareBy(a, b *Row, by Order) int {
	switch by {
	case ByName:
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	case ByLastActivity:
		return a.LastActivity.Compare(b.LastActivity)
	case ByLogon:
		return a.Logon.Compare(b.Logon)
	case ByTimeout:
		return a.Timeout.Compare(b.Timeout)
	case ByDuration:
		first, _ := a.Duration()
		second, _ := b.Duration()
		return cmp.Compare(first, second)
	case ByUser, ByFullName, ByPool, ByState, BySeat, ByModule, ByClientIP:
		return cmp.Compare(Fold(word(a, by)), Fold(word(b, by)))
	}
	return 0
}

func lacks(r *Row, by Order) bool {
	switch by {
	case ByLastActivity:
		return r.LastActivity.IsZero()
	case ByLogon, ByDuration:
		return r.Logon.IsZero()
	case ByTimeout:
		return r.Timeout.IsZero()
	case ByName, ByUser, ByFullName, ByPool, ByState, BySeat, ByModule, ByClientIP:
		return word(r, by) == ""
	}
	return false
}

func word(r *Row, by Order) string {
	switch by {
	case ByUser:
		return r.User
	case ByFullName:
		return r.FullName
	case ByPool:
		return r.Pool
	case ByState:
		return string(r.State)
	case BySeat:
		return string(r.Seat)
	case ByModule:
		return r.Module
	case ByClientIP:
		return r.ClientIP
	case ByName, ByLastActivity, ByLogon, ByDuration, ByTimeout:
	}
	return r.Name
}
