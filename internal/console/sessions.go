// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"net/http"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// sessionsView is the live grid (A7): one page of it.
type sessionsView struct {
	Notice *notice
	// Known: the person may see sessions, and they were read.
	Known bool
	Query query

	Columns []column
	Rows    []rowView
	// Found is how many the filter chose, First and Last which of them are shown, counted from 1; Pages how many pages they fill.
	Found, First, Last, Pages int
	// Filtered: the filter leaves sessions out beyond those that have ended.
	Filtered bool
	// Terminate: the person may end sessions somewhere in what is shown.
	Terminate bool
	// Namespaces: the column is shown.
	Namespaces, Seats bool

	PoolChoices, ModuleChoices, StateChoices []choice
	RowsChoices                              []int
}

// column is a header that sorts. Sorted is as aria-sort has it, empty if the rows are not sorted by it; Next is what a click asks for.
type column struct{ Label, Sorted, Next, Class string }

type choice struct {
	Value, Label string
	Chosen       bool
}

// rowView is a row of the grid.
type rowView struct {
	grid.Row

	// Key identifies the session in the page: namespace, name and uid.
	Key      string
	Duration string
	// Terminate: the person may end it, and it has not ended.
	Terminate bool
}

func (c *Console) sessionsView(r *http.Request) sessionsView {
	q := parseQuery(r.URL.Query())
	state := c.board.state(kindSessions)
	view := sessionsView{
		Notice: state.notice(c.about("sessions", "seatkeeper-viewer")),
		Known:  state.known, Query: q, Namespaces: c.options.Namespace == "", RowsChoices: rowsChoices,
	}
	if !view.Known {
		return view
	}
	rows, modules := c.board.rowList(q.filter(), c.options.Clock.Now())
	grid.Sort(rows, q.Order, q.Reverse)
	view.Found = len(rows)
	view.Filtered = q.Pool+q.Module+q.User+q.Text != "" || q.IdleMinutes > 0 || (q.State != stateLive && q.State != stateAll)
	view.Pages = max(1, (len(rows)+q.Rows-1)/q.Rows)
	view.Query.Page = min(q.Page, view.Pages)
	first := (view.Query.Page - 1) * q.Rows
	shown := rows[first:min(first+q.Rows, len(rows))]
	view.First, view.Last = first+1, first+len(shown)
	allowed := c.access.mayTerminate(r.Context(), namespacesOf(shown))
	view.Terminate = len(allowed) > 0
	for _, row := range shown {
		shownRow := rowView{Row: *row, Key: key(row), Terminate: allowed[row.Namespace] && row.Live() && !row.Ending}
		shownRow.ShowSeat = c.board.combined(row)
		view.Seats = view.Seats || shownRow.ShowSeat
		if d, ok := row.Duration(); ok {
			shownRow.Duration = grid.Period(d)
		}
		view.Rows = append(view.Rows, shownRow)
	}
	view.choices(c, modules)
	view.columns()
	return view
}

func key(row *grid.Row) string { return row.Namespace + "/" + row.Name + "/" + string(row.UID) }

func namespacesOf(rows []*grid.Row) map[string]bool {
	all := map[string]bool{}
	for _, row := range rows {
		all[row.Namespace] = true
	}
	return all
}

// choices are what the filters offer: what there is, and what is chosen though it is not there now.
func (v *sessionsView) choices(c *Console, modules []string) {
	var names []string
	for _, pool := range c.board.poolList() {
		names = append(names, pool.Name)
	}
	v.PoolChoices = offer("All pools", names, v.Query.Pool)
	v.ModuleChoices = offer("All modules", modules, v.Query.Module)
	labels := map[string]string{stateLive: "On or waiting", stateAll: "All states"}
	for _, state := range stateChoices() {
		label, named := labels[state]
		if !named {
			label = state
		}
		v.StateChoices = append(v.StateChoices, choice{state, label, state == v.Query.State})
	}
}

func offer(all string, values []string, chosen string) []choice {
	if chosen != "" {
		values = append(values, chosen)
	}
	slices.Sort(values)
	choices := []choice{{"", all, chosen == ""}}
	for _, value := range slices.Compact(values) {
		choices = append(choices, choice{value, value, value == chosen})
	}
	return choices
}

func (v *sessionsView) columns() {
	add := func(by grid.Order, label, class string) {
		v.Columns = append(v.Columns, column{label, v.Query.sorted(by), v.Query.next(by), class})
	}
	add(grid.ByUser, "Login", "")
	add(grid.ByFullName, "Full name", "")
	add(grid.ByPool, "Pool", "")
	if v.Seats {
		add(grid.BySeat, "Seat type", "")
	}
	add(grid.ByModule, "Module", "")
	add(grid.ByClientIP, "Client IP", "")
	add(grid.ByLastActivity, "Last activity", "")
	add(grid.ByLogon, "Logon", "")
	add(grid.ByDuration, "Duration", "number")
	add(grid.ByState, "State", "")
}

// sessions answers with the grid alone.
func (c *Console) sessions(w http.ResponseWriter, r *http.Request) {
	renderPart(w, r, "sessions.html", c.sessionsView(r))
}

// foundSession is what a page keeps of a session that was picked without being shown.
type foundSession struct {
	Key   string `json:"key"`
	Label string `json:"label"`
}

// found answers with all sessions of the query that the person may end, on whichever page.
func (c *Console) found(w http.ResponseWriter, r *http.Request) {
	q := parseQuery(r.URL.Query())
	if err := c.idleNow(r.Context(), &q); err != nil {
		refuse(w, http.StatusServiceUnavailable, "Nobody was picked, since records may lag by minutes and not all gateways could be asked who has idled: "+err.Error()+".")
		return
	}
	rows, _ := c.board.rowList(q.filter(), c.options.Clock.Now())
	allowed := c.access.mayTerminate(r.Context(), namespacesOf(rows))
	grid.Sort(rows, q.Order, q.Reverse)
	all := []foundSession{}
	for _, row := range rows {
		if allowed[row.Namespace] && row.Live() && !row.Ending {
			all = append(all, foundSession{key(row), label(row)})
		}
	}
	answerJSON(w, all)
}

// idleNow asks the gateways about those who idle by the record, where the query is about who idles: who works must not be picked for what a record that lags says of him (B4).
func (c *Console) idleNow(ctx context.Context, q *query) error {
	if q.IdleMinutes == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	rows, _ := c.board.rowList(q.filter(), c.options.Clock.Now())
	uids := make([]types.UID, len(rows))
	for i := range rows {
		uids[i] = rows[i].UID
	}
	known, err := c.ask(ctx, uids)
	c.board.fresh(known)
	return err
}

// label is what a session is called where there is no table around it.
func label(row *grid.Row) string { return row.User + ", " + row.Module + " (" + row.Name + ")" }
