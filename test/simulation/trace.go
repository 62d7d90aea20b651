// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
)

// note writes a line of the run's trace: what happened, and when.
func (w *World) note(format string, args ...any) {
	if w.trace == nil {
		return
	}
	fmt.Fprintf(w.trace, "%9.3f ", w.now.Sub(beginning).Seconds())
	fmt.Fprintf(w.trace, format, args...)
	_, _ = io.WriteString(w.trace, "\n")
}

// log is where a process's log goes: into the trace, if there is one.
func (w *World) log(p *process) logr.Logger {
	if w.trace == nil {
		return logr.Discard()
	}
	return funcr.New(func(_, args string) { w.note("%s says %s", p.name, strings.TrimSpace(args)) }, funcr.Options{})
}

// clock is a time of day in the trace.
func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%.3f", t.Sub(beginning).Seconds())
}
