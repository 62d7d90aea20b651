// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// checkPools says what is wrong with pools that --pool names, for those who look in one namespace or, if that is empty, in all.
func checkPools(pools []string, namespace string) error {
	for _, text := range pools {
		of, name := grid.PoolOf(text)
		switch {
		case name == "" || strings.Contains(name, "/") || (of == "" && strings.Contains(text, "/")):
			return fmt.Errorf("--pool must be a pool's name, or NAMESPACE/NAME: it is %q", text)
		case namespace != "" && of != "" && of != namespace:
			return advise(fmt.Errorf("--pool %s is not of namespace %s", text, namespace), "Give --namespace "+of+", or --all-namespaces.")
		}
	}
	return nil
}

// alikePools says which pools of several namespaces are meant by one name; empty: each name stands for one at most.
func alikePools[V any](names []string, pools map[types.NamespacedName]V) string {
	var lines []string
	for _, text := range names {
		of, name := grid.PoolOf(text)
		if of != "" {
			continue
		}
		var alike []string
		for key := range maps.Keys(pools) {
			if key.Name == name {
				alike = append(alike, key.String())
			}
		}
		if len(alike) > 1 {
			slices.Sort(alike)
			lines = append(lines, fmt.Sprintf("--pool %s stands for %d pools: %s. NAMESPACE/NAME names one.", name, len(alike), strings.Join(alike, ", ")))
		}
	}
	return strings.Join(lines, "\n")
}

// pool reads the name of one pool, as NAME in the namespace of the flag or kubeconfig, or as NAMESPACE/NAME.
func (c *cluster) pool(text string) (types.NamespacedName, error) {
	namespace, stated, err := c.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return types.NamespacedName{}, misconfigured(err)
	}
	text = withoutPoolResource(text)
	of, name := grid.PoolOf(text)
	switch {
	case name == "" || strings.Contains(name, "/") || (of == "" && strings.Contains(text, "/")):
		return types.NamespacedName{}, fmt.Errorf("a pool must be named by NAME or NAMESPACE/NAME: it is %q", text)
	case of == "":
		return types.NamespacedName{Namespace: namespace, Name: name}, nil
	case stated && of != namespace:
		return types.NamespacedName{}, fmt.Errorf("pool %s is not of the namespace that --namespace names, %s", text, namespace)
	}
	return types.NamespacedName{Namespace: of, Name: name}, nil
}
