// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Command kubectl-seats is a plugin of kubectl: `kubectl seats` shows and manages the seats of software licenses.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/clock"

	"github.com/seatkeeper/seatkeeper/internal/cli"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// version is stamped by the build.
var version = "dev"

// interrupted is the exit status after Ctrl-C, as shells have it.
const interrupted = 130

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	command := cli.NewCommand(cli.Environment{
		Streams:     genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Clock:       clock.RealClock{},
		Reader:      grid.Reader{Zone: time.Local, Layout: grid.Layout(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_TIME"), os.Getenv("LANG")))},
		Interactive: isTerminal(os.Stdin) && isTerminal(os.Stderr),
		Version:     version,
	})
	// Under this name kubectl calls its plugins for what completes a command.
	if strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl_complete-seats") {
		command.SetArgs(append([]string{"__complete"}, os.Args[1:]...))
	}
	err := command.ExecuteContext(ctx)
	cancelled := ctx.Err() != nil
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	if cancelled {
		os.Exit(interrupted)
	}
	os.Exit(1)
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
