// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// told are the events that are printed.
type told struct{ events []string }

func (p *told) add(_ *item, event string) error { p.events = append(p.events, event); return nil }
func (p *told) flush() error                    { return nil }
func (p *told) end(bool) error                  { return nil }
func (p *told) printed() int                    { return len(p.events) }

// A session whose labels changed is selected no more. If the API server does not say in that moment how it stands, it must not be told to have been ended by an administrator.
func TestWhoIsSelectedNoMoreHasNotEnded(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := licensing.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	s := session("ann", "itsm").Active(licensing.SeatConcurrent, "c", noon).LastActivity(noon).Obj()
	s.UID, s.ResourceVersion = "u", "7"
	watcher := apiwatch.NewFakeWithChanSize(1, false)
	api := fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
		Watch: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) (apiwatch.Interface, error) {
			return watcher, nil
		},
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return apierrors.NewServerTimeout(licensing.GroupVersion.WithResource("usersessions").GroupResource(), "get", 1)
		},
	}).Build()
	streams, _, _, _ := genericiooptions.NewTestIOStreams()
	printed := &told{}
	f := &follower{
		SessionsOptions: &SessionsOptions{Environment: Environment{Streams: streams}, client: api, selection: selection{labelText: "team=a", labels: labels.Everything(), fields: fields.Everything(), filter: grid.Filter{States: grid.Live()}}},
		printer:         printed, known: map[types.UID]grid.Row{"u": grid.NewRow(s, false)},
	}
	gone := s.DeepCopy()
	gone.ResourceVersion = "8"
	watcher.Delete(gone)
	watcher.Stop()
	revision, err := f.watch(t.Context(), "7")
	if len(printed.events) > 0 || revision != "7" || err == nil {
		t.Errorf("told %v, and goes on from %s: %v", printed.events, revision, err)
	}
}
