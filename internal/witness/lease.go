// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package witness is how replicas tell each other, by a Lease each, that they are alive and what they have written down; the leader ends nobody for idleness or silence before it has heard all
// of them (docs/design.md, every witness is heard).
package witness

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/seating"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

const (
	// RenewEvery is how often a replica renews its Lease when nobody waits for it.
	RenewEvery = 10 * time.Second
	// SilentAfter is how long a Lease must not have been seen renewed for its replica to be silent.
	SilentAfter = 25 * time.Second
	// annotationSwept and annotationMissing are what a replica says, on its Lease.
	annotationSwept   = "licensing.seatkeeper.dev/swept"
	annotationSeen    = "licensing.seatkeeper.dev/seen"
	annotationMissing = "licensing.seatkeeper.dev/missing-clients"
	// maxPools bounds the pools whose missing clients a Lease tells of: those with the most.
	maxPools = 500
)

// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;list;watch;create;update;delete,namespace=seatkeeper-system

// Report is what a replica says after a sweep.
type Report struct {
	// Renewed is when this is said; Swept: all that was heard before this time and was due is written.
	Renewed, Swept time.Time
	// Pools and Sessions are the revisions up to which the replica had seen pools and sessions when the sweep began; 0: not all that there were.
	Pools, Sessions uint64
	// Missing is what is missing of each pool's clients that the replica answers for.
	Missing map[types.NamespacedName]seating.Missing
	// Denials are what the replica denied by itself in the last hour, by pool (namespace/name).
	Denials map[string]usage.Tally
}

// Lease is a replica's own.
type Lease struct {
	// Client writes; what it reads, it reads from the API server itself.
	Client client.Client
	// Namespace and Replica name it.
	Namespace, Replica string

	last *coordinationv1.Lease
}

// Renew writes the report. Only this replica writes its Lease, so a conflict means that an earlier write arrived whose answer did not; then it is read and written anew.
func (l *Lease) Renew(ctx context.Context, report Report) error {
	if l.last != nil {
		err := l.write(ctx, l.last.DeepCopy(), report)
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return err
		}
		l.last = nil
	}
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: l.Replica, Labels: map[string]string{licensing.LabelReplica: "true"}}}
	err := l.Client.Get(ctx, client.ObjectKeyFromObject(lease), lease)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	return l.write(ctx, lease, report)
}

func (l *Lease) write(ctx context.Context, lease *coordinationv1.Lease, report Report) error {
	missing, err := encodeMissing(report.Missing)
	if err != nil {
		return err
	}
	denials, err := encodeDenials(report.Denials)
	if err != nil {
		return err
	}
	if lease.Annotations == nil {
		lease.Annotations = map[string]string{}
	}
	lease.Annotations[annotationSwept] = report.Swept.UTC().Format(time.RFC3339Nano)
	lease.Annotations[annotationSeen] = fmt.Sprintf("pools=%d,sessions=%d", report.Pools, report.Sessions)
	delete(lease.Annotations, annotationMissing)
	if missing != "" {
		lease.Annotations[annotationMissing] = missing
	}
	delete(lease.Annotations, annotationDenials)
	if denials != "" {
		lease.Annotations[annotationDenials] = denials
	}
	lease.Spec.HolderIdentity = &l.Replica
	lease.Spec.LeaseDurationSeconds = new(int32(SilentAfter / time.Second))
	lease.Spec.RenewTime = new(metav1.NewMicroTime(report.Renewed))
	if lease.ResourceVersion == "" {
		err = l.Client.Create(ctx, lease)
	} else {
		err = l.Client.Update(ctx, lease)
	}
	if err == nil {
		l.last = lease
	}
	return err
}

// Remove takes the Lease away: the replica stops, and has written all it knew.
func (l *Lease) Remove(ctx context.Context) error {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: l.Replica}}
	return client.IgnoreNotFound(l.Client.Delete(ctx, lease))
}

// Clear removes the Lease of a replica that is long gone, unless it was renewed since that revision.
func (l *Lease) Clear(ctx context.Context, replica, revision string) error {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: replica}}
	err := l.Client.Delete(ctx, lease, client.Preconditions{ResourceVersion: &revision})
	if apierrors.IsConflict(err) {
		return nil
	}
	return client.IgnoreNotFound(err)
}

// missingClients is seating.Missing on a Lease.
type missingClients struct {
	Pool    string    `json:"pool"`
	Clients int       `json:"clients"`
	Last    time.Time `json:"last"`
}

func encodeMissing(missing map[types.NamespacedName]seating.Missing) (string, error) {
	if len(missing) == 0 {
		return "", nil
	}
	list := make([]missingClients, 0, len(missing))
	for key, m := range missing {
		list = append(list, missingClients{Pool: key.String(), Clients: m.Clients, Last: m.Last.UTC()})
	}
	slices.SortFunc(list, func(a, b missingClients) int {
		if a.Clients != b.Clients {
			return b.Clients - a.Clients
		}
		return strings.Compare(a.Pool, b.Pool)
	})
	text, err := json.Marshal(list[:min(len(list), maxPools)])
	if err != nil {
		return "", fmt.Errorf("writing missing clients: %w", err)
	}
	return string(text), nil
}

// reportOf is what a Lease says; what cannot be read says nothing.
func reportOf(lease *coordinationv1.Lease) Report {
	report := Report{Missing: map[types.NamespacedName]seating.Missing{}, Denials: denialsOf(lease.Annotations[annotationDenials])}
	report.Swept, _ = time.Parse(time.RFC3339Nano, lease.Annotations[annotationSwept])
	if _, err := fmt.Sscanf(lease.Annotations[annotationSeen], "pools=%d,sessions=%d", &report.Pools, &report.Sessions); err != nil {
		report.Pools, report.Sessions = 0, 0
	}
	var list []missingClients
	if text := lease.Annotations[annotationMissing]; text != "" && json.Unmarshal([]byte(text), &list) != nil {
		return report
	}
	for _, m := range list {
		namespace, name, _ := strings.Cut(m.Pool, "/")
		report.Missing[types.NamespacedName{Namespace: namespace, Name: name}] = seating.Missing{Clients: max(0, m.Clients), Last: m.Last}
	}
	return report
}
