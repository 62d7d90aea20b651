// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package permission

import (
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func refused(message string) error {
	return fmt.Errorf("list: %w", apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New(message)))
}

func TestUser(t *testing.T) {
	for message, want := range map[string]string{
		`User "system:serviceaccount:itsm:ender" cannot list resource "pods" in API group "" in the namespace "x"`: "system:serviceaccount:itsm:ender",
		`User "CORP\\ann" cannot get resource "pods" in API group ""`:                                              `CORP\ann`,
		`User "a \"b\" c" cannot get resource "pods"`:                                                              `a "b" c`,
		`ValidatingAdmissionPolicy 'seatkeeper' denied request: only the operator may do this`:                     "",
		`User "" cannot get path "/"`:                                                                              "",
	} {
		if got := User(refused(message)); got != want {
			t.Errorf("%s: %q, want %q", message, got, want)
		}
	}
	if got := User(errors.New(`User "ann" cannot list`)); got != "" {
		t.Errorf("what is no answer of an API server names nobody: %q", got)
	}
}

func TestCommands(t *testing.T) {
	ann := refused(`User "ann" cannot list resource "pods"`)
	for got, want := range map[string]string{
		ClusterRole(ann, "viewer", "itsm"):                                   "kubectl create rolebinding NAME --clusterrole=viewer --user=ann -n itsm",
		ClusterRole(ann, "viewer", ""):                                       "kubectl create clusterrolebinding NAME --clusterrole=viewer --user=ann",
		Role(ann, "reader", "system"):                                        "kubectl create rolebinding NAME --role=reader --user=ann -n system",
		Role(nil, "reader", "system"):                                        "kubectl create rolebinding NAME --role=reader --user=USER-NAME -n system",
		Role(refused(`User "CORP\\o'hara" cannot list`), "reader", "system"): `kubectl create rolebinding NAME --role=reader --user='CORP\o'\''hara' -n system`,
	} {
		if got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
