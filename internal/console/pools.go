// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/http"
	"strconv"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// poolsView is the A4 table.
type poolsView struct {
	Notice *notice
	// Known: the pools below are all there are.
	Known      bool
	Namespaces bool
	Pools      []poolView
}

type poolView struct {
	Namespace, Name, DisplayName string
	Badges                       []badge
	Models                       [2]modelView
}

// modelView is one row: the counts of one licensing model, as text.
type modelView struct {
	ID                                             string
	Model                                          licensing.LicensingModel
	Lacking                                        bool
	Licensed, Used, Available, Accounts, Connected string
	// Share is how much of the licensed seats is used, 0 to 100.
	Share int
}

// badge is a word about a pool with its sentence.
type badge struct{ Word, Text, Tone string }

const (
	notApplicable = "N/A" // the pool lacks the model
	uncounted     = "…"   // the operator has not counted the pool yet
)

func (c *Console) poolsView() poolsView {
	state := c.board.state(kindPools)
	view := poolsView{
		Notice: state.notice(c.about("pools", "seatkeeper-pool-viewer")),
		Known:  state.known, Namespaces: c.options.Namespace == "",
	}
	for _, pool := range c.board.poolList() {
		id := pool.Namespace + "/" + pool.Name
		view.Pools = append(view.Pools, poolView{
			Namespace: pool.Namespace, Name: pool.Name, DisplayName: pool.Spec.DisplayName, Badges: badges(pool),
			Models: [2]modelView{
				counts(pool, id, licensing.ModelNamed, pool.Spec.Named, pool.Status.Named),
				counts(pool, id, licensing.ModelConcurrent, pool.Spec.Concurrent, pool.Status.Concurrent),
			},
		})
	}
	return view
}

// pools answers with the table alone.
func (c *Console) pools(w http.ResponseWriter, r *http.Request) {
	renderPart(w, r, "pools.html", c.poolsView())
}

func (c *Console) about(plural, role string) about {
	return about{plural: plural, role: role, namespace: c.options.Namespace}
}

// counts are those of the status, or what the spec says while there are none.
func counts(pool *licensing.LicensePool, id string, model licensing.LicensingModel, bought *licensing.Seats, counted *licensing.SeatCounts) modelView {
	view := modelView{ID: id + "/" + string(model), Model: model}
	switch {
	case counted != nil:
		view.Licensed, view.Used, view.Available = number(counted.Licensed), number(counted.Used), number(counted.Available)
		view.Accounts, view.Connected = number(counted.Accounts), number(counted.Connected)
		if counted.Used != nil && counted.Licensed != nil && *counted.Licensed > 0 {
			view.Share = int(min(100, 100*int64(*counted.Used)/int64(*counted.Licensed)))
		}
	case pool.Status.ObservedGeneration > 0 || bought == nil:
		view.Lacking = true
		view.Licensed, view.Used, view.Available, view.Accounts, view.Connected = notApplicable, notApplicable, notApplicable, notApplicable, notApplicable
	default:
		view.Licensed, view.Used, view.Available, view.Accounts, view.Connected = number(bought.Seats), uncounted, uncounted, uncounted, uncounted
	}
	return view
}

func number(n *int32) string {
	if n == nil {
		return uncounted
	}
	return strconv.Itoa(int(*n))
}

// badges are what there is to know of a pool beside its counts.
func badges(pool *licensing.LicensePool) []badge {
	var all []badge
	if pool.Status.ObservedGeneration < pool.Generation {
		all = append(all, badge{"Not counted yet", "The operator has not acted on the last change of the pool; if this lasts for more than seconds, see whether it runs.", "warn"})
	}
	if seats := meta.FindStatusCondition(pool.Status.Conditions, licensing.ConditionSeatsAvailable); seats != nil {
		switch seats.Reason {
		case licensing.ReasonAvailable:
			all = append(all, badge{"Available", seats.Message, "good"})
		case licensing.ReasonNearlyExhausted:
			all = append(all, badge{"Nearly exhausted", seats.Message, "warn"})
		case licensing.ReasonExhausted:
			all = append(all, badge{"Exhausted", seats.Message, "bad"})
		case licensing.ReasonOvercommitted:
			all = append(all, badge{"Overcommitted", seats.Message, "bad"})
		}
	}
	if inForce := meta.FindStatusCondition(pool.Status.Conditions, licensing.ConditionInForce); inForce != nil && inForce.Status == metav1.ConditionFalse {
		all = append(all, badge{"Not in force", inForce.Message, "bad"})
	}
	if held := meta.FindStatusCondition(pool.Status.Conditions, licensing.ConditionExpiryHeld); held != nil && held.Status == metav1.ConditionTrue {
		all = append(all, badge{"Expiry held", held.Message, "warn"})
	}
	return all
}
