// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

func TestPoolsThatMakeNoSense(t *testing.T) {
	for _, test := range []struct{ pool, namespace, want string }{
		{"other/service-desk", "itsm", "--pool other/service-desk is not of namespace itsm\nGive --namespace other, or --all-namespaces."},
		{"", "itsm", "must be a pool's name, or NAMESPACE/NAME"},
		{"itsm/", "", "must be a pool's name, or NAMESPACE/NAME"},
		{"/service-desk", "", "must be a pool's name, or NAMESPACE/NAME"},
		{"a/b/c", "", "must be a pool's name, or NAMESPACE/NAME"},
	} {
		wantError(t, checkPools([]string{"fine", test.pool}, test.namespace), test.want)
	}
	check(t, checkPools([]string{"service-desk", "itsm/service-desk"}, "itsm"))
	check(t, checkPools([]string{"other/service-desk", "itsm/service-desk"}, ""))
}

func TestPoolsOfOneNameAreTold(t *testing.T) {
	pools := map[types.NamespacedName]bool{{Namespace: "live", Name: "desk"}: true, {Namespace: "itsm", Name: "desk"}: false, {Namespace: "itsm", Name: "lone"}: true}
	want(t, alikePools([]string{"desk", "lone"}, pools), "--pool desk stands for 2 pools: itsm/desk, live/desk. NAMESPACE/NAME names one.")
	want(t, alikePools([]string{"itsm/desk", "lone", "absent"}, pools), "")
}
