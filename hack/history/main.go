// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// History records what an API server tells of pools, accounts and sessions, and checks it against the promises of docs/design.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/history"
)

const usage = `Usage:
  go run ./hack/history record [flags] FILE      write down every change of pools, accounts, sessions and their Events, until Ctrl-C
  go run ./hack/history check [flags] FILE...    read such files, packed too (.gz), and say what breaks a promise; each file is a history of its own
  go run ./hack/history follow [flags]           both at once, live, until Ctrl-C

What is checked, at every revision (the numbers are those of docs/design.md):
  1  never oversold    no seat is given away beyond those that the pool's spec has then; lowering them breaks nothing
  2  held means held   each end of a session was asked for, or its time had come by the record and the rules then in force
  3  final is final    nothing final of an ended session ever changes
  5  no seat is lost   who waits gets a free seat, first come first served; counts do not stay wrong
  6  every end is told by a time, an action and a message

The exit code is 0 if all is well, 1 if a promise was broken, 2 if that cannot be said: the files cannot be read, or a history has a gap
(the API server had forgotten changes before they were recorded; where is printed). A program that "go run" runs always seems to end with 1; build it to tell.

Flags:
`

// What the exit code says.
const (
	allWell = 0
	broken  = 1
	unknown = 2
)

// options are those of the command line.
type options struct {
	kubeconfig string
	namespace  string
	check      history.Options
	settled    bool
	hold       time.Duration
	json       bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr)) //nolint:gocritic // nothing is left to stop
}

// run does what the arguments say and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := &options{}
	flags := flag.NewFlagSet("history", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "record, follow: how to reach the API server")
	flags.StringVar(&o.namespace, "namespace", "", "record, follow: the namespace to record; empty: all")
	flags.DurationVar(&o.check.Grace, "pool-removal-grace", history.DefaultGrace, "check, follow: the operator's flag of that name")
	flags.DurationVar(&o.check.SeatBound, "seat-bound", history.DefaultSeatBound, "check, follow: how long a free seat may stay unoffered while an allocator is at work")
	flags.BoolVar(&o.check.Events, "events", false, "check with -settled: demand an Event of each end; not for histories in which the operator crashed, or whose Events have expired")
	flags.BoolVar(&o.settled, "settled", false, "check: at the end of the history all was quiet for some seconds and the operator ran, so counts must be exact and nobody may wait in vain")
	flags.DurationVar(&o.hold, "hold", 2*time.Second, "follow: how long to wait for the watches of other kinds before a change is checked")
	flags.BoolVar(&o.json, "json", false, "check, follow: print findings as JSON, one a line")
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	command := ""
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		command, args = args[0], args[1:]
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return allWell
	} else if err != nil {
		return unknown
	}
	files := flags.Args()
	code, err := unknown, error(nil)
	switch {
	case command == "record" && len(files) == 1:
		code, err = record(ctx, o, files[0], stderr)
	case command == "check" && len(files) > 0:
		code, err = checkFiles(o, files, stdout)
	case command == "follow" && len(files) == 0:
		code, err = follow(ctx, o, stdout, stderr)
	default:
		err = errors.New("the command must be record FILE, check FILE... or follow; see --help")
	}
	if err != nil {
		fmt.Fprintln(stderr, "history:", err)
	}
	return code
}
