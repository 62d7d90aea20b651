// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

const (
	rowsPerPage = 50
	// stateLive stands for the states of sessions that have not ended; stateAll for all states.
	stateLive = "live"
	stateAll  = "all"
)

// rowsChoices are the numbers of rows a page may have.
var rowsChoices = []int{25, rowsPerPage, 100, 200}

// query is what part of the sessions a page shows, as its address states it. What makes no sense is taken for not stated: an address that was edited by hand is no reason to show nothing.
type query struct {
	Namespace, Pool, User, Module, State, Text string
	// IdleMinutes: sessions whose user has been idle for longer; 0: all.
	IdleMinutes int
	Order       grid.Order
	Reverse     bool
	// Page counts from 1.
	Page, Rows int
}

func parseQuery(v url.Values) query {
	q := query{
		Namespace: v.Get("namespace"), Pool: v.Get("pool"), User: v.Get("user"), Module: v.Get("module"), Text: v.Get("text"),
		State: stateLive, Order: grid.ByUser, Page: 1, Rows: rowsPerPage,
	}
	if state := v.Get("state"); slices.Contains(stateChoices(), state) {
		q.State = state
	}
	if n, err := strconv.Atoi(v.Get("idle")); err == nil && n > 0 && n <= maxIdleMinutes {
		q.IdleMinutes = n
	}
	if order, reverse, err := grid.ParseOrder(v.Get("sort")); err == nil {
		q.Order, q.Reverse = order, reverse
	}
	if n, err := strconv.Atoi(v.Get("page")); err == nil && n > 0 {
		q.Page = n
	}
	if n, err := strconv.Atoi(v.Get("rows")); err == nil && slices.Contains(rowsChoices, n) {
		q.Rows = n
	}
	return q
}

// maxIdleMinutes is four weeks.
const maxIdleMinutes = 4 * 7 * 24 * 60

func stateChoices() []string {
	return []string{
		stateLive, string(licensing.SessionActive), string(licensing.SessionPending), string(licensing.SessionTerminated), string(licensing.SessionDenied), stateAll,
	}
}

// filter is the query's choice of sessions.
func (q *query) filter() *grid.Filter {
	f := &grid.Filter{IdleOver: time.Duration(q.IdleMinutes) * time.Minute, Text: q.Text}
	if q.Pool != "" {
		f.Pools = []string{q.Pool}
	}
	if q.Module != "" {
		f.Modules = []string{q.Module}
	}
	if q.User != "" {
		// A person who types expects to find by a part; nothing ends by this filter but what was then picked by hand.
		f.Users = []string{"*" + q.User + "*"}
	}
	switch q.State {
	case stateLive:
		f.States = grid.Live()
	case stateAll:
	default:
		f.States = []licensing.SessionState{licensing.SessionState(q.State)}
	}
	return f
}

// sorted states the order of one column, as aria-sort has it; empty: the rows are not sorted by it.
func (q *query) sorted(by grid.Order) string {
	switch {
	case by != q.Order:
		return ""
	case q.Reverse:
		return "descending"
	default:
		return "ascending"
	}
}

// next is the order that a click on a column's header asks for.
func (q *query) next(by grid.Order) string {
	if by == q.Order && !q.Reverse {
		return "-" + string(by)
	}
	return string(by)
}
