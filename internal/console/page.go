// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import "net/http"

// pageView is the page without the chart, which comes in a second step: it takes the API server, and the width that there is for it.
type pageView struct {
	// Form is the page's proof of what it asks; Place is its path.
	Form, Place        string
	Namespace, Context string
	Person             string
	Pools              poolsView
	Sessions           sessionsView
}

// page answers with the page, as its address says.
func (c *Console) page(w http.ResponseWriter, r *http.Request) {
	render(w, http.StatusOK, "page.html", pageView{
		Form: c.door.form, Place: c.door.place + "/",
		Namespace: c.options.Namespace, Context: c.options.Context, Person: c.person(r.Context()),
		Pools: c.poolsView(), Sessions: c.sessionsView(r),
	})
}
