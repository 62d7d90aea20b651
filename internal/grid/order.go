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
func Sort(rows []*Row, by Order, reverse bool) {
	all := make([]ordered, len(rows))
	for i, row := range rows {
		all[i] = order(row, by)
	}
	slices.SortFunc(all, func(a, b ordered) int { return compare(a, b, by, reverse) })
	for i := range all {
		rows[i] = all[i].row
	}
}

// Compare says which of two rows comes first: negative for a, positive for b. It is 0 of one session alone.
func Compare(a, b *Row, by Order, reverse bool) int {
	return compare(order(a, by), order(b, by), by, reverse)
}

// ordered is a row with the word that an order goes by, folded; empty where the order goes by no word, or the row has none.
type ordered struct {
	row  *Row
	word string
}

func order(r *Row, by Order) ordered { return ordered{r, Fold(word(r, by))} }

func compare(a, b ordered, by Order, reverse bool) int {
	lacksA, lacksB := a.lacks(by), b.lacks(by)
	switch {
	case lacksA != lacksB && lacksA:
		return 1
	case lacksA != lacksB:
		return -1
	}
	order := compareBy(a, b, by)
	if reverse {
		order = -order
	}
	return cmp.Or(order, cmp.Compare(a.row.Namespace, b.row.Namespace), cmp.Compare(a.row.Name, b.row.Name))
}

func compareBy(a, b ordered, by Order) int {
	switch by {
	case ByName:
		return cmp.Or(cmp.Compare(a.row.Namespace, b.row.Namespace), cmp.Compare(a.row.Name, b.row.Name))
	case ByLastActivity:
		return a.row.LastActivity.Compare(b.row.LastActivity)
	case ByLogon:
		return a.row.Logon.Compare(b.row.Logon)
	case ByTimeout:
		return a.row.Timeout.Compare(b.row.Timeout)
	case ByDuration:
		first, _ := a.row.Duration()
		second, _ := b.row.Duration()
		return cmp.Compare(first, second)
	case ByUser, ByFullName, ByPool, ByState, BySeat, ByModule, ByClientIP:
		return cmp.Compare(a.word, b.word)
	}
	return 0
}

func (o ordered) lacks(by Order) bool {
	switch by {
	case ByLastActivity:
		return o.row.LastActivity.IsZero()
	case ByLogon, ByDuration:
		return o.row.Logon.IsZero()
	case ByTimeout:
		return o.row.Timeout.IsZero()
	case ByUser, ByFullName, ByPool, ByState, BySeat, ByModule, ByClientIP:
		return o.word == ""
	case ByName:
	}
	return false
}

// word is what an order goes by; empty if that is no word.
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
	return ""
}
