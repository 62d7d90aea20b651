// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
)

// change is a session's record as it is and as it should be; false: there is nothing to write, since the session has ended, or all is on record.
func (r *Recorder) change(uid types.UID, now time.Time) (before, after *licensing.UserSession, ok bool) {
	e := r.entry(uid)
	if e == nil {
		return nil, nil, false
	}
	rules := e.pool.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end != nil || e.record.Status.State != licensing.SessionActive {
		return nil, nil, false
	}
	known := e.known()
	hearer, changes := r.hearer(e, rules, now)
	if !changes && !e.fresher() && e.changed.IsZero() && !e.doubtful(now) {
		return nil, nil, false
	}
	after = e.record.DeepCopy()
	status := &after.Status
	status.HeardBy = hearer
	if t := known.Life.LastHeartbeat; !t.IsZero() {
		status.LastHeartbeatTime = new(metav1.NewTime(t.Truncate(time.Second)))
	}
	status.LastActivityTime = new(metav1.NewTime(known.Life.LastActivity))
	status.UnsavedWork = known.Life.UnsavedWork
	if e.applications != nil {
		status.Applications = append([]string{}, *e.applications...) // an empty list is one
	}
	if e.attributes != nil {
		status.SessionAttributes = map[string]licensing.AttributeValue{} // an empty map is one
		maps.Copy(status.SessionAttributes, *e.attributes)
		status.SessionAttributeCount = new(int32(len(*e.attributes))) //nolint:gosec // at most 64, as the schema says
	}
	facts.ShowDuration(after)
	if rules.Lifetimes.Heartbeat > 0 || e.fresher() { // of a pool that is gone nobody knows what its sessions may expect
		facts.ShowOutlook(after, rules.Outlook(facts.Session(after), now), now)
	}
	return e.record, after, true
}

// wrote takes in what was written.
func (r *Recorder) wrote(s *licensing.UserSession, now time.Time) {
	r.Learn(s)
	if e := r.entry(s.UID); e != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.wrote, e.unwatched, e.refusing = now, time.Time{}, time.Time{}
	}
}

// refused takes in that the API server refused a write, and says whether the session is left alone for a while: one that can never be written must not keep the others from being sworn to, and a
// refusal of a moment must not let what was told go unwritten.
func (r *Recorder) refused(uid types.UID, now time.Time) bool {
	e := r.entry(uid)
	if e == nil {
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refusing.IsZero() {
		e.refusing = now
	}
	if now.Sub(e.refusing) < patience {
		return false
	}
	e.refused = now.Add(refusal)
	return true
}
