//go:build binaries

// Package controlplane pins the control plane that tests, the demo and the benchmarks run against.
// It is a module of its own so that Kubernetes' dependency graph never meets the product's.
// ../assets.sh builds the four programs below from the Go module proxy alone.
package controlplane

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
