// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// Who may not see a pool that was named with its namespace is told what gives the permission in that namespace, and not in the kubeconfig's.
func TestAHintOnAPoolIsOfThePoolsNamespace(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := licensing.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api := fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
			return apierrors.NewForbidden(licensing.GroupVersion.WithResource("licensepools").GroupResource(), key.Name, nil)
		},
	}).Build()
	streams, _, _, _ := genericiooptions.NewTestIOStreams()
	o := &PoolsOptions{Environment: Environment{Streams: streams}, output: newOutput(outputTable), client: api, namespace: "default", names: []types.NamespacedName{{Namespace: "itsm", Name: "desk"}}}
	err := o.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "-n itsm") || strings.Contains(err.Error(), "-n default") {
		t.Error(err)
	}
}

// Who has no session and who may not see any must be told apart in the data too.
func TestNoSessionsOfOnesOwnIsKnown(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := licensing.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	_ = authenticationv1.AddToScheme(scheme)
	_ = authorizationv1.AddToScheme(scheme)
	for _, may := range []bool{true, false} {
		api := fake.NewClientBuilder().WithScheme(scheme).
			WithIndex(&licensing.UserSession{}, fieldState, func(o client.Object) []string { return []string{string(o.(*licensing.UserSession).Status.State)} }).
			WithInterceptorFuncs(interceptor.Funcs{Create: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
				switch o := o.(type) {
				case *authenticationv1.SelfSubjectReview:
					o.Status.UserInfo.Username = "ann"
				case *authorizationv1.SelfSubjectAccessReview:
					o.Status.Allowed = may
				}
				return nil
			}, List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return nil }}).Build()
		streams, _, out, _ := genericiooptions.NewTestIOStreams()
		o := &WhoAmIOptions{Environment: Environment{Streams: streams}, output: newOutput(outputText, outputJSON, outputYAML), client: api, namespace: "itsm"}
		o.output.format = outputJSON
		if err := o.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		data := map[string]any{}
		if err := json.Unmarshal(out.Bytes(), &data); err != nil {
			t.Fatal(err)
		}
		if _, known := data["sessions"]; known != may {
			t.Errorf("may see sessions: %v; sessions are in the data: %v", may, known)
		}
	}
}
