// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSignalsReachTheCommand(t *testing.T) {
	g, url := newGateway(t)
	s := start(t, url, nil, "wait")
	s.says("ready")
	s.signals <- syscall.SIGUSR1
	s.says("got user defined signal 1")
	s.signals <- syscall.SIGTERM
	s.exits(7)
	s.says("got terminated")
	if g.signOuts() != 1 {
		t.Error("the seat was not given back")
	}
}

// What the command started hears it, too, though the command itself does not listen.
func TestSignalsReachTheCommandsChildren(t *testing.T) {
	_, url := newGateway(t)
	s := start(t, url, nil, "parent")
	s.says("ready")
	s.signals <- syscall.SIGTERM
	s.exits(0)
	s.says("the child ended: exit status 7")
}

func TestSignalEndsTheWaitForASeat(t *testing.T) {
	g, url := newGateway(t)
	g.hang = true
	s := start(t, url, []string{"--wait", "1h"}, "exit", "0")
	eventually(t, "a login waits", func() bool { return g.count(func(g *gateway) int { return len(g.logins) }) == 1 })
	s.signals <- syscall.SIGINT
	s.exits(130)
}

func TestSeatIsKeptWhileTheCommandLives(t *testing.T) {
	g, url := newGateway(t)
	s := start(t, url, nil, "wait")
	// To run is to be active: it is said again and again.
	eventually(t, "two active heartbeats", func() bool {
		return g.count(func(g *gateway) int {
			active := 0
			for _, beat := range g.beats {
				if beat.Active {
					active++
				}
			}
			return active
		}) >= 2
	})
	s.signals <- syscall.SIGTERM
	s.exits(7)
}

func TestEndOfTheSessionStopsTheCommand(t *testing.T) {
	g, url := newGateway(t)
	s := start(t, url, nil, "wait")
	s.says("ready")
	g.terminate()
	s.exits(ExitEnded)
	s.says("got terminated")
	if got := s.stderr.String(); !strings.Contains(got, "RequestedByAdministrator") || !strings.Contains(got, "Maintenance at nine.") {
		t.Errorf("standard error: %s", got)
	}
}

func TestStubbornCommandIsKilledAfterTheGrace(t *testing.T) {
	g, url := newGateway(t)
	s := start(t, url, []string{"--grace", "200ms"}, "stubborn")
	s.says("ready")
	g.terminate()
	s.exits(ExitEnded)
	s.says("got terminated")
}

func TestNotifyLetsTheCommandGoOn(t *testing.T) {
	g, url := newGateway(t)
	s := start(t, url, []string{"--on-end", "notify"}, "wait")
	s.says("ready")
	g.terminate()
	eventually(t, "the end is told", func() bool { return strings.Contains(s.stderr.String(), "goes on without a seat") })
	if strings.Contains(s.stdout.String(), "got") {
		t.Error("the command was sent a signal")
	}
	s.signals <- syscall.SIGTERM
	s.exits(7)
}

// Held means held: an outage of the gateway stops no command, and is told once.
func TestOutageLetsTheCommandGoOn(t *testing.T) {
	g, url := newGateway(t)
	s := start(t, url, nil, "wait")
	s.says("ready")
	g.set(func(g *gateway) { g.away = true })
	before := g.count(func(g *gateway) int { return len(g.beats) })
	eventually(t, "three heartbeats fail", func() bool { return g.count(func(g *gateway) int { return len(g.beats) }) >= before+3 })
	g.set(func(g *gateway) { g.away = false })
	eventually(t, "it is over", func() bool { return strings.Contains(s.stderr.String(), "get through again") })
	if got := s.stderr.String(); strings.Count(got, "do not get through") != 1 {
		t.Errorf("standard error: %s", got)
	}
	s.signals <- syscall.SIGTERM
	s.exits(7)
}

func TestEndOfTheContextStopsTheCommand(t *testing.T) {
	g, url := newGateway(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("service-account"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stdout := &text{}
	code := make(chan int, 1)
	go func() {
		code <- Main(ctx, []string{"--pool", "p", "--gateway", url, "--token-file", token, "--grace", "1m", "sh", "-c", `trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done`},
			Process{Stdout: stdout, Stderr: io.Discard, Environ: os.Environ()})
	}()
	eventually(t, "ready", func() bool { return strings.Contains(stdout.String(), "ready") })
	cancel()
	select {
	case got := <-code:
		if got != 5 || g.signOuts() != 1 {
			t.Errorf("exit code %d, %d sign-outs", got, g.signOuts())
		}
	case <-time.After(60 * time.Second):
		t.Fatal("still runs")
	}
}
