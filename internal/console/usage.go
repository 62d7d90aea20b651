// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/chart"
	"github.com/seatkeeper/seatkeeper/internal/demand"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// chartHeight is in pixels.
const chartHeight = 330

// usageView is the chart of one pool, model and period (A5), with the advice that follows from it (A6).
type usageView struct {
	Notice *notice
	// Pools are empty if there is nothing to choose from; then there is no chart either.
	Pools, Models, Periods []choice
	// Chart is drawn by our own code, which escapes all text in it.
	Chart template.HTML
	// Title names the chart where its figures stand as a table.
	Title  string
	Advice string
	Points []pointView
}

// pointView is a row of the chart's figures.
type pointView struct {
	Start time.Time
	// Gap: nothing is known of it.
	Gap                  bool
	Mean, Peak, Licensed string
	Denied, TrulyDenied  int
}

// usage answers with the chart alone.
func (c *Console) usage(w http.ResponseWriter, r *http.Request) {
	renderPart(w, r, "usage.html", c.usageView(r))
}

func (c *Console) usageView(r *http.Request) usageView {
	pools := c.board.poolList()
	if len(pools) == 0 {
		state := c.board.state(kindPools)
		return usageView{Notice: state.notice(c.about("pools", "seatkeeper-pool-viewer"))}
	}
	v := r.URL.Query()
	pool := pools[max(0, slices.IndexFunc(pools, func(p *licensing.LicensePool) bool { return p.Namespace+"/"+p.Name == v.Get("of") }))]
	model, models := modelOf(pool, v.Get("model"))
	asked := usage.Period(v.Get("period"))
	if !slices.Contains(usage.Periods(), asked) {
		asked = ""
	}
	view := usageView{Models: models, Periods: periods(cmp.Or(asked, usage.Week))}
	for _, p := range pools {
		label := p.Name
		if c.options.Namespace == "" {
			label += " in " + p.Namespace
		}
		view.Pools = append(view.Pools, choice{p.Namespace + "/" + p.Name, label, p == pool})
	}
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	record := &licensing.LicenseUsage{}
	err := c.options.API.Get(ctx, client.ObjectKeyFromObject(pool), record)
	if err != nil && !apierrors.IsNotFound(err) {
		n := explain(err, about{plural: "usage of pools", role: "seatkeeper-pool-viewer", namespace: pool.Namespace})
		view.Notice = &n
		return view
	}
	history, err := demand.History(record)
	if err != nil {
		view.Notice = &notice{upper(err.Error()) + ".", true}
		return view
	}
	now := c.options.Clock.Now()
	period := cmp.Or(asked, history.DefaultPeriod(now))
	view.Periods = periods(period)
	picture := chart.Of(pool.Namespace, pool.Name, history, model, period, now)
	picture.Zone = zone(v.Get("zone"))
	width, _ := strconv.Atoi(v.Get("width"))
	view.Chart = template.HTML(picture.SVG(chart.SVGOptions{Size: chart.Size{Width: width, Height: chartHeight}, Inline: true})) //nolint:gosec // the chart escapes the text in it
	view.Title = picture.Title()
	view.Advice = demand.Advise(pool, record, history, model, period, 0, now).Reasoning
	if !picture.Series.Empty() {
		view.Points = points(picture.Series)
	}
	return view
}

// modelOf is the model that is asked for, if the pool has it, and which there are to choose from.
func modelOf(pool *licensing.LicensePool, asked string) (usage.Model, []choice) {
	var has []usage.Model
	if pool.Spec.Concurrent != nil {
		has = append(has, usage.Concurrent)
	}
	if pool.Spec.Named != nil {
		has = append(has, usage.Named)
	}
	model := usage.Model(asked)
	if !slices.Contains(has, model) {
		model = usage.Concurrent
		if pool.Spec.Concurrent == nil {
			model = usage.Named
		}
	}
	var choices []choice
	for _, m := range has {
		choices = append(choices, choice{string(m), string(m), m == model})
	}
	return model, choices
}

func periods(chosen usage.Period) []choice {
	var choices []choice
	for _, p := range usage.Periods() {
		choices = append(choices, choice{string(p), string(p), p == chosen})
	}
	return choices
}

// zone is the browser's time zone, or that of this program where the browser states none that is known.
func zone(name string) *time.Location {
	if name == "" || strings.EqualFold(name, "local") {
		return time.Local
	}
	if zone, err := time.LoadLocation(name); err == nil {
		return zone
	}
	return time.Local
}

// points are the figures of a chart, those of the last first.
func points(series *usage.Series) []pointView {
	var all []pointView
	for _, p := range slices.Backward(series.Points) {
		denied := usage.Denied(p.Denials)
		view := pointView{Start: p.Start, Gap: p.Gap(), Denied: denied.Denied, TrulyDenied: denied.True}
		if !view.Gap {
			view.Mean, view.Peak, view.Licensed = strconv.FormatFloat(p.Mean, 'f', 1, 64), strconv.Itoa(p.Peak), notApplicable
			if p.Licensed != usage.NotLicensed {
				view.Licensed = strconv.Itoa(p.Licensed)
			}
		}
		all = append(all, view)
	}
	return all
}

// chartStyle answers with the colours of the charts, light and dark.
func chartStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write([]byte(chart.StyleSheet())) // a browser that went away is no error
}
