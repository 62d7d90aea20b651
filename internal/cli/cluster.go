// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/refresh"
)

// cluster is the one that kubectl's own flags and kubeconfig name.
type cluster struct {
	flags   genericclioptions.RESTClientGetter
	version string
}

// config is what the kubeconfig and the flags say. How many calls a second are too many the API server decides, by its own fairness, and not the client's default of five.
func (c *cluster) config() (*rest.Config, error) {
	config, err := c.flags.ToRESTConfig()
	if err != nil {
		return nil, misconfigured(err)
	}
	config.UserAgent = "kubectl-seats/" + c.version
	config.QPS = -1
	return config, nil
}

// client reads, writes and watches as the user whom the kubeconfig names.
func (c *cluster) client() (client.WithWatch, error) {
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(licensing.AddToScheme(scheme), authorizationv1.AddToScheme(scheme), authenticationv1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	api, err := client.NewWithWatch(config, client.Options{Scheme: scheme, Mapper: mapper()})
	if err != nil {
		return nil, explain(err, subject{})
	}
	return api, nil
}

// asker asks the replicas of the operator in a namespace.
func (c *cluster) asker(operatorNamespace string) (*refresh.Asker, error) {
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	return refresh.New(config, operatorNamespace)
}

// namespace is that of the flag, or else of the kubeconfig's context.
func (c *cluster) namespace() (string, error) {
	namespace, _, err := c.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", misconfigured(err)
	}
	return namespace, nil
}

// whoAsks is the user as whom the API server knows the caller; empty: it does not say.
func whoAsks(ctx context.Context, api client.Client) string {
	review := &authenticationv1.SelfSubjectReview{}
	if api.Create(ctx, review) != nil {
		return ""
	}
	return review.Status.UserInfo.Username
}

// mapper knows the kinds beforehand, which spares every command the requests that would ask the cluster.
func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper([]schema.GroupVersion{licensing.GroupVersion})
	for _, kind := range []string{"LicensePool", "LicenseAccount", "UserSession", "LicenseUsage"} {
		m.Add(licensing.GroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	}
	m.Add(authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview"), meta.RESTScopeRoot)
	m.Add(authenticationv1.SchemeGroupVersion.WithKind("SelfSubjectReview"), meta.RESTScopeRoot)
	return m
}
