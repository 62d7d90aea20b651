// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// cluster is the one that kubectl's own flags and kubeconfig name.
type cluster struct {
	flags   genericclioptions.RESTClientGetter
	version string
}

// client reads and writes as the user whom the kubeconfig names.
func (c *cluster) client() (client.Client, error) {
	config, err := c.flags.ToRESTConfig()
	if err != nil {
		return nil, explain(err, subject{})
	}
	config.UserAgent = "kubectl-seats/" + c.version
	scheme := runtime.NewScheme()
	if err := licensing.AddToScheme(scheme); err != nil {
		return nil, err
	}
	api, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper()})
	if err != nil {
		return nil, explain(err, subject{})
	}
	return api, nil
}

// namespace is that of the flag, or else of the kubeconfig's context.
func (c *cluster) namespace() (string, error) {
	namespace, _, err := c.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", explain(err, subject{})
	}
	return namespace, nil
}

// mapper knows the kinds beforehand, which spares every command the requests that would ask the cluster.
func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper([]schema.GroupVersion{licensing.GroupVersion})
	for _, kind := range []string{"LicensePool", "LicenseAccount", "UserSession"} {
		m.Add(licensing.GroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	}
	return m
}
