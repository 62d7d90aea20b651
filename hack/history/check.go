// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/seatkeeper/seatkeeper/internal/history"
)

// checkFiles checks each file for itself.
func checkFiles(o *options, files []string, out io.Writer) (int, error) {
	code := allWell
	for _, file := range files {
		found, err := checkFile(o, file, out)
		if err != nil {
			return unknown, fmt.Errorf("%s: %w", file, err)
		}
		if code == allWell || found == broken {
			code = found
		}
	}
	return code, nil
}

func checkFile(o *options, file string, out io.Writer) (int, error) {
	f, err := os.Open(file)
	if err != nil {
		return unknown, err
	}
	defer f.Close()
	var text io.Reader = f
	if strings.HasSuffix(file, ".gz") {
		if text, err = gzip.NewReader(f); err != nil {
			return unknown, err
		}
	}
	entries, err := history.Read(text)
	if err != nil {
		return unknown, err
	}
	if len(entries) == 0 || entries[0].Type != history.Began {
		return unknown, fmt.Errorf("the file must begin with an entry of type %s", history.Began)
	}
	checker := history.NewChecker(o.check)
	report := &reporter{out: out, json: o.json}
	for _, e := range entries {
		if err := checker.Feed(e); err != nil {
			return unknown, err
		}
		report.report(checker)
	}
	if o.settled {
		checker.Settle()
		report.report(checker)
	}
	fmt.Fprintf(out, "%s: %d entries, revisions %d to %d, %d findings, %d gaps\n", file, len(entries), entries[0].Revision, checker.Revision(), report.findings, report.gaps)
	return report.code(), nil
}

// reporter prints what a checker has found since it was last asked.
type reporter struct {
	out            io.Writer
	json           bool
	findings, gaps int
}

func (r *reporter) report(c *history.Checker) {
	for _, g := range c.Gaps()[r.gaps:] {
		r.gaps++
		fmt.Fprintf(r.out, "the history has a gap: what happened after revision %d and up to %d is not known (%s)\n", g.After, g.Until, g.Why)
	}
	for _, f := range c.Findings()[r.findings:] {
		r.findings++
		if !r.json {
			fmt.Fprintln(r.out, f)
		} else if text, err := json.Marshal(f); err == nil {
			fmt.Fprintf(r.out, "%s\n", text)
		}
	}
}

func (r *reporter) code() int {
	switch {
	case r.findings > 0:
		return broken
	case r.gaps > 0:
		return unknown
	default:
		return allWell
	}
}
