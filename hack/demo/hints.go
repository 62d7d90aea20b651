// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// hints are the lines to try in another terminal, each short enough for 80 columns; the first are the most important.
func (d *demo) hints() []string {
	environment := d.stage.environment
	if here, err := os.Getwd(); err == nil {
		if path, err := filepath.Rel(here, environment); err == nil && !strings.HasPrefix(path, "..") {
			environment = path
		}
	}
	namespace := d.pool.Namespace
	return aligned([][2]string{
		{". " + environment, "PATH, KUBECONFIG, GATEWAY, POOL"},
		{"kubectl seats sessions -n " + namespace + " -w", "who is on, as they come and go"},
		{"kubectl seats usage " + d.pool.Name + " -n " + namespace, "a chart, and advice"},
		{"kubectl seats terminate NAME -n " + namespace, "ends one; its client is told"},
		{"TOKEN=$(kubectl create token " + applicationAccount + " -n " + namespace + " --audience=" + audience + ")", ""},
		{`curl $POOL/sessions --oauth2-bearer $TOKEN --json '{"userName": "me"}'`, ""},
		{"kubectl edit pool -n " + namespace + " " + d.pool.Name, "buys seats"},
		{"kubectl get pools,usessions,lusage -n " + namespace, ""},
		{"kubectl seats console -n " + namespace, "all of it in a browser"},
	})
}

// aligned puts the comments of commands one below the other. A command too long for that, as the path of a folder far away may be, has its own right behind it.
func aligned(commands [][2]string) []string {
	const widest = 42
	column := 0
	for _, c := range commands {
		if n := len(c[0]); c[1] != "" && n <= widest {
			column = max(column, n)
		}
	}
	var lines []string
	for _, c := range commands {
		line := c[0]
		if c[1] != "" {
			line = fmt.Sprintf("%-*s   # %s", column, c[0], c[1])
		}
		lines = append(lines, line)
	}
	return lines
}
