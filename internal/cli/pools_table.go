// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/duration"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

const (
	notApplicable = "N/A"       // the pool lacks the model
	pending       = "<pending>" // the operator has not counted the pool yet
	unknown       = "<unknown>"
)

// poolsTable is the A4 table of pools: a row a pool and model.
type poolsTable struct {
	wide, namespaces bool
	now              time.Time
}

func (t poolsTable) rows(pools []licensing.LicensePool) [][]string {
	header := []string{"POOL", "MODEL", "LICENSED", "USED", "AVAILABLE", "ACCOUNTS", "CONNECTED"}
	if t.namespaces {
		header = append([]string{"NAMESPACE"}, header...)
	}
	if t.wide {
		header = append(header, "SEATS", "IN FORCE", "PRODUCT", "AGE")
	}
	rows := [][]string{header}
	for i := range pools {
		pool := &pools[i]
		status := &pool.Status
		rows = append(rows,
			t.row(pool, licensing.ModelNamed, cells(pool, pool.Spec.Named, status.Named)),
			t.row(pool, licensing.ModelConcurrent, cells(pool, pool.Spec.Concurrent, status.Concurrent)))
	}
	return rows
}

func (t poolsTable) row(pool *licensing.LicensePool, model licensing.LicensingModel, counts []string) []string {
	row := append([]string{pool.Name, string(model)}, counts...)
	if t.namespaces {
		row = append([]string{pool.Namespace}, row...)
	}
	if !t.wide {
		return row
	}
	available, inForce := pending, pending
	if c := meta.FindStatusCondition(pool.Status.Conditions, licensing.ConditionSeatsAvailable); c != nil {
		available = c.Reason
	}
	if c := meta.FindStatusCondition(pool.Status.Conditions, licensing.ConditionInForce); c != nil {
		inForce = string(c.Status)
	}
	age := unknown
	if !pool.CreationTimestamp.IsZero() {
		age = duration.HumanDuration(t.now.Sub(pool.CreationTimestamp.Time))
	}
	return append(row, available, inForce, pool.Spec.DisplayName, age)
}

// cells are the counts of one model: those of the status, or what the spec says while there are none.
func cells(pool *licensing.LicensePool, bought *licensing.Seats, counts *licensing.SeatCounts) []string {
	switch {
	case counts != nil:
		return []string{text(counts.Licensed), text(counts.Used), text(counts.Available), text(counts.Accounts), text(counts.Connected)}
	case counted(pool) || bought == nil:
		return []string{notApplicable, notApplicable, notApplicable, notApplicable, notApplicable}
	default:
		return []string{text(bought.Seats), pending, pending, pending, pending}
	}
}

func text(n *int32) string {
	if n == nil {
		return unknown
	}
	return strconv.Itoa(int(*n))
}

// counted says whether the operator has counted the pool at all.
func counted(pool *licensing.LicensePool) bool { return pool.Status.ObservedGeneration > 0 }

// notCounted tells of pools whose counts are missing, or of an earlier spec; empty: there are none.
func notCounted(pools []licensing.LicensePool) string {
	var names []string
	for i := range pools {
		if pools[i].Status.ObservedGeneration < pools[i].Generation {
			names = append(names, pools[i].Namespace+"/"+pools[i].Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "Not counted yet since the last change: " + strings.Join(names, ", ") +
		". If this lasts for more than seconds, see whether the operator runs: `kubectl get pods -n seatkeeper-system`."
}
