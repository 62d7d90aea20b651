// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package refresh brings what is known of sessions' activity up to date: it asks every replica of the gateway for what its clients told, through the API server's pod proxy, so that
// no port of the cluster need be reachable. Who asks needs the permissions of the shipped Role seatkeeper-activity-reader.
package refresh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/seatkeeper/seatkeeper/internal/grid"
	"github.com/seatkeeper/seatkeeper/internal/permission"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

const (
	// OperatorNamespace is where the operator runs as it ships.
	OperatorNamespace = "seatkeeper-system"
	// Role is the shipped Role, in the operator's namespace, that lets one ask.
	Role = "seatkeeper-activity-reader"

	// selector finds the operator's pods, by the labels of the shipped Deployment.
	selector = "app.kubernetes.io/name=seatkeeper,app.kubernetes.io/component=operator"
	// portName is that of the container's port that serves the gateway.
	portName = "gateway"
	// maxUIDs is how many sessions a replica is asked about in one call, as its contract says.
	maxUIDs = 1000
	// patience is how long one call may take.
	patience = 10 * time.Second
)

// ErrNoReplicas is why nobody could be asked: the operator does not run in the cluster's pods.
var ErrNoReplicas = errors.New("no pod of the operator was found")

// Asker asks replicas. Its zero value is of no use; see New.
type Asker struct {
	core      *typedcorev1.CoreV1Client
	namespace string
}

// New returns an asker with the permissions of a configuration, for the operator of a namespace.
func New(config *rest.Config, namespace string) (*Asker, error) {
	core, err := typedcorev1.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Asker{core: core, namespace: namespace}, nil
}

// Ask returns what replicas know of sessions that are on; of several answers about one, the newest of each time. An error says that not all replicas were heard, in one sentence, and comes with what the others
// said: then what is known may not be the newest there is.
func (a *Asker) Ask(ctx context.Context, uids []types.UID) (map[types.UID]grid.Fresh, error) {
	known := map[types.UID]grid.Fresh{}
	if len(uids) == 0 {
		return known, nil
	}
	replicas, err := a.replicas(ctx)
	if err != nil {
		return known, a.explain(err)
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	var silent []string
	var why error
	for _, replica := range replicas {
		group.Go(func() {
			answers, err := a.askOne(ctx, replica, uids)
			mu.Lock()
			defer mu.Unlock()
			for uid, fresh := range answers {
				if other, ok := known[uid]; ok {
					fresh = fresh.With(other)
				}
				known[uid] = fresh
			}
			if err != nil {
				silent = append(silent, replica.name)
				why = err
			}
		})
	}
	group.Wait()
	switch {
	case len(silent) == 0:
		return known, nil
	case apierrors.IsForbidden(why) && len(silent) == len(replicas):
		return known, a.explain(why)
	}
	slices.Sort(silent)
	return known, fmt.Errorf("%d of %d replicas of the gateway did not answer (%s): %w", len(silent), len(replicas), strings.Join(silent, ", "), why)
}

// explain says what to do about an error of the pods' list, or of all calls.
func (a *Asker) explain(err error) error {
	switch {
	case errors.Is(err, ErrNoReplicas):
		return fmt.Errorf("%w in namespace %s, so that no replica could be asked", err, a.namespace)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not ask the gateway's replicas; who administers the cluster can let you: `%s` (%w)", permission.Role(err, Role, a.namespace), err)
	default:
		return fmt.Errorf("the gateway's replicas could not be listed: %w", err)
	}
}

// replica is one pod that serves the gateway.
type replica struct {
	// name is the pod's, target what the pod proxy calls it: with scheme and port.
	name, target string
}

func (a *Asker) replicas(ctx context.Context) ([]replica, error) {
	pods, err := a.core.Pods(a.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	var replicas []replica
	for i := range pods.Items {
		if r, ok := replicaOf(&pods.Items[i]); ok {
			replicas = append(replicas, r)
		}
	}
	if len(replicas) == 0 {
		return nil, ErrNoReplicas
	}
	return replicas, nil
}

// replicaOf is a pod as the proxy is asked for it. A pod that does not run, or is about to stop, is none: it writes down what it knows before it goes.
func replicaOf(pod *corev1.Pod) (replica, bool) {
	if pod.Status.Phase != corev1.PodRunning || pod.DeletionTimestamp != nil {
		return replica{}, false
	}
	for _, container := range pod.Spec.Containers {
		for _, port := range container.Ports {
			if port.Name != portName {
				continue
			}
			scheme := "https"
			if slices.Contains(container.Args, "--gateway-tls=off") {
				scheme = "http"
			}
			return replica{name: pod.Name, target: scheme + ":" + pod.Name + ":" + strconv.Itoa(int(port.ContainerPort))}, true
		}
	}
	return replica{}, false
}

// askOne asks one replica, in as many calls as it takes.
func (a *Asker) askOne(ctx context.Context, r replica, uids []types.UID) (map[types.UID]grid.Fresh, error) {
	known := map[types.UID]grid.Fresh{}
	for some := range slices.Chunk(uids, maxUIDs) {
		question := gatewayapi.ActivityQuestion{}
		for _, uid := range some {
			question.Uids = append(question.Uids, string(uid))
		}
		body, err := json.Marshal(question)
		if err != nil {
			return known, err
		}
		answer, err := a.proxy(ctx, r, body)
		if err != nil {
			return known, err
		}
		for _, s := range answer.Sessions {
			known[types.UID(s.UID)] = freshOf(&s)
		}
	}
	return known, nil
}

func (a *Asker) proxy(ctx context.Context, r replica, body []byte) (*gatewayapi.ActivityAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	raw, err := a.core.RESTClient().Post().Namespace(a.namespace).Resource("pods").SubResource("proxy").Name(r.target).Suffix("/v1/activity").
		SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	answer := &gatewayapi.ActivityAnswer{}
	if err := json.Unmarshal(raw, answer); err != nil {
		return nil, fmt.Errorf("what pod %s answered is not the gateway's: %w", r.name, err)
	}
	return answer, nil
}

func freshOf(a *gatewayapi.Activity) grid.Fresh {
	fresh := grid.Fresh{LastActivity: a.LastActivityTime, UnsavedWork: a.UnsavedWork, KeepAlive: a.KeepAlive}
	if a.LastHeartbeatTime != nil {
		fresh.LastHeartbeat = *a.LastHeartbeatTime
	}
	if a.TimeoutTime != nil {
		fresh.Timeout = *a.TimeoutTime
	}
	return fresh
}
