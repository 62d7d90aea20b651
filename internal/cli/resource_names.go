// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// sessionNames takes sessions' names as kubectl prints and takes them: NAME, or with the resource before it, as of `-o name`.
func sessionNames(texts []string) ([]string, error) {
	names := make([]string, 0, len(texts))
	for _, text := range texts {
		resource, name, ok := strings.Cut(text, "/")
		if !ok {
			names = append(names, text)
			continue
		}
		kind := strings.TrimSuffix(resource, "."+licensing.GroupVersion.Group)
		if !slices.Contains([]string{"usersession", "usersessions", "usession", "usessions"}, strings.ToLower(kind)) || name == "" || strings.Contains(name, "/") {
			return nil, fmt.Errorf("a session must be named by NAME or usersession/NAME, and its namespace by --namespace: it is %q", text)
		}
		names = append(names, name)
	}
	return names, nil
}

// withoutPoolResource takes the resource off a pool's name as `-o name` prints it. No namespace has such a name: it has dots in it.
func withoutPoolResource(text string) string {
	for _, kind := range []string{"licensepool.", "licensepools."} {
		if name, ok := strings.CutPrefix(text, kind+licensing.GroupVersion.Group+"/"); ok {
			return name
		}
	}
	return text
}
