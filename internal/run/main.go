// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package run is `seatkeeper run`: it takes a seat, runs a command, keeps the seat while the command lives, and gives it back.
// It licenses programs that know nothing of seats.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// Exit codes, beside the command's own: those of sysexits.h where it has one, and a shell's.
const (
	// ExitUsage: the command line, or what it names, cannot work.
	ExitUsage = 64
	// ExitUnavailable: no gateway gave an answer in time.
	ExitUnavailable = 69
	// ExitNoSeat: no seat is free; another try may get one.
	ExitNoSeat = 75
	// ExitEnded: the session ended while the command ran, and the command was stopped for it.
	ExitEnded = 76
	// ExitNotAllowed: the caller or the user may not sign on.
	ExitNotAllowed = 77
	// ExitCannotRun: the command cannot be executed.
	ExitCannotRun = 126
	// ExitNotFound: the command was not found.
	ExitNotFound = 127
	// ExitSignal and the signal's number: the command, or the wait for a seat, was ended by that signal.
	ExitSignal = 128
)

// givingBack is how long the gateway is asked to take the seat back; a client that falls silent loses it anyhow.
const givingBack = 10 * time.Second

// Process is what belongs to the process that runs: a test has its own.
type Process struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Environ is the environment, of this program and of the command.
	Environ []string
	// Signals are those sent to this program. They reach the command.
	Signals <-chan os.Signal
	// Version is this program's.
	Version string
}

// Main runs a command line (without the program's name and "run") and gives the exit code. When ctx ends the command is asked to stop.
func Main(ctx context.Context, args []string, p Process) int {
	o, err := parse(args, p)
	if err != nil {
		if errors.Is(err, errHelp) {
			return 0
		}
		p.say("%v", err)
		return ExitUsage
	}
	// Nobody takes a seat for a command that is not there.
	path, code := p.find(o.command[0])
	if code != 0 {
		return code
	}
	c, err := client.New(client.Options{URL: o.gateway, TokenFile: o.tokenFile, CAFile: o.caFile, InsecureSkipVerify: o.insecure})
	if err != nil {
		p.say("%v", err)
		return ExitUsage
	}
	defer c.CloseIdleConnections()
	session, code := p.signOn(ctx, c, o)
	if session == nil {
		return code
	}
	defer p.giveBack(session)
	return p.supervise(ctx, session, path, o)
}

// say tells the user something.
func (p Process) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.Stderr, "seatkeeper: "+format+"\n", args...)
}

// signOn takes the seat. A signal meanwhile ends the wait for it.
func (p Process) signOn(ctx context.Context, c *client.Client, o *options) (*client.Session, int) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, expire := context.WithTimeout(ctx, o.wait+o.patience)
	defer expire()
	watched := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case s := <-p.Signals:
			cancel(signalled{s})
		case <-stop:
		}
	}()
	session, err := c.SignOn(ctx, o.namespace, o.pool, o.login, p.sessionOptions(o))
	close(stop)
	<-watched
	if cause := (signalled{}); errors.As(context.Cause(ctx), &cause) {
		if session != nil {
			p.giveBack(session)
		}
		return nil, ExitSignal + number(cause.Signal)
	}
	if err != nil {
		p.say("%v", err)
		return nil, codeOf(err)
	}
	return session, 0
}

// signalled is the wait for a seat, ended by a signal.
type signalled struct{ os.Signal }

func (s signalled) Error() string { return "signal: " + s.String() }

func (p Process) sessionOptions(o *options) client.SessionOptions {
	away := false
	return client.SessionOptions{
		Wait: o.wait,
		OnProblem: func(err error) {
			switch {
			case err == nil:
				p.say("heartbeats get through again")
			case !away:
				p.say("heartbeats do not get through, the command goes on: %v", err)
			}
			away = err != nil
		},
	}
}

// codeOf is the exit code for a login that failed.
func codeOf(err error) int {
	var unavailable *client.UnavailableError
	var problem *gatewayapi.Problem
	switch {
	case errors.As(err, &unavailable):
		return ExitUnavailable
	case client.IsCredentialError(err):
		return ExitNotAllowed
	case !errors.As(err, &problem):
		return ExitUnavailable
	}
	switch problem.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return ExitNotAllowed
	case http.StatusConflict:
		return ExitNoSeat
	case http.StatusGone:
		return ExitEnded
	default:
		return ExitUsage
	}
}

// giveBack signs out. The command is over by then, so that its exit code counts, and not how this went.
func (p Process) giveBack(session *client.Session) {
	ctx, cancel := context.WithTimeout(context.Background(), givingBack)
	defer cancel()
	if err := session.SignOut(ctx); err != nil {
		p.say("the seat was not given back, and comes free by itself: %v", err)
	}
}
