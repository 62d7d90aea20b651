// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package permission says by which command a user gets a permission that the API server found to be missing.
package permission

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// somebody stands for a user whose name is not known.
const somebody = "USER-NAME"

// refusal is how the API server names whom it refuses something.
var refusal = regexp.MustCompile(`User ("(?:[^"\\]|\\.)*") cannot `)

// plain is what a shell takes as it is.
var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// User is whom the API server refused something, as its refusal has the name; empty: it does not say.
func User(err error) string {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return ""
	}
	match := refusal.FindStringSubmatch(status.Status().Message)
	if match == nil {
		return ""
	}
	name, err := strconv.Unquote(match[1])
	if err != nil {
		return ""
	}
	return name
}

// ClusterRole is the command that gives whom the API server refused something a ClusterRole, in a namespace or, if that is empty, in all of them.
func ClusterRole(refused error, role, namespace string) string {
	if namespace == "" {
		return "kubectl create clusterrolebinding NAME --clusterrole=" + role + " --user=" + user(refused)
	}
	return "kubectl create rolebinding NAME --clusterrole=" + role + " --user=" + user(refused) + " -n " + namespace
}

// Role is the command that gives whom the API server refused something a Role of a namespace.
func Role(refused error, role, namespace string) string {
	return "kubectl create rolebinding NAME --role=" + role + " --user=" + user(refused) + " -n " + namespace
}

// user is a user's name as a shell takes it.
func user(refused error) string {
	name := User(refused)
	switch {
	case name == "":
		return somebody
	case plain.MatchString(name):
		return name
	default:
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
}
