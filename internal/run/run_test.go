// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// roleVariable in the environment makes the test's binary the command.
const roleVariable = "SEATKEEPER_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" && len(os.Args) > 1 {
		os.Exit(play(os.Args[1], os.Args[2:]))
	}
	os.Exit(m.Run())
}

// play is the command.
func play(role string, args []string) int {
	switch role {
	case "exit":
		code, _ := strconv.Atoi(args[0])
		return code
	case "echo":
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		fmt.Printf("read %s", line)
		fmt.Fprintln(os.Stderr, "an error of its own")
		fmt.Println(strings.Join(args, "|"), os.Getenv("SEATKEEPER_SESSION"), "token:"+os.Getenv("SEATKEEPER_TOKEN"))
		return 0
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "wait", "stubborn":
		signals := make(chan os.Signal, 16)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGHUP)
		fmt.Println("ready")
		for s := range signals {
			fmt.Println("got", s)
			if role == "wait" && s != syscall.SIGUSR1 {
				return 7
			}
		}
	case "parent":
		self, _ := os.Executable()
		child := exec.CommandContext(context.Background(), self, "wait")
		child.Stdout = os.Stdout
		signal.Ignore(syscall.SIGTERM)
		if err := child.Run(); err != nil {
			fmt.Println("the child ended:", err)
		}
		return 0
	}
	return 99
}

func TestCommandRunsWithASeat(t *testing.T) {
	g, url := newGateway(t)
	s := start(t, url, []string{"--module", "Desktop"}, "echo", "a b", "--pool", "c")
	s.exits(0)
	if got, want := s.stdout.String(), "read what was typed\na b|--pool|c cad-1 token:\n"; got != want {
		t.Errorf("the command wrote %q, want %q", got, want)
	}
	if got := s.stderr.String(); got != "an error of its own\n" {
		t.Errorf("on standard error: %q", got)
	}
	if len(g.logins) != 1 || g.out != 1 {
		t.Fatalf("%d logins, %d sign-outs", len(g.logins), g.out)
	}
	login := g.logins[0]
	if login.UserName != "ann" || login.Module != "Desktop" || login.Client.UserAgent != "seatkeeper-run/v1.2.3" || len(login.Applications) != 1 ||
		!strings.Contains(login.Applications[0], "run.test") {
		t.Errorf("signed on as %+v", login)
	}
}

func TestTokenIsPassedOnWhenWished(t *testing.T) {
	_, url := newGateway(t)
	s := start(t, url, []string{"--pass-token"}, "echo")
	s.exits(0)
	if !strings.Contains(s.stdout.String(), "cad-1 token:session-token") {
		t.Errorf("the command wrote %q", s.stdout)
	}
}

func TestExitCodeIsTheCommands(t *testing.T) {
	for name, tc := range map[string]struct {
		role []string
		want int
	}{
		"zero": {[]string{"exit", "0"}, 0}, "three": {[]string{"exit", "3"}, 3}, "signal": {[]string{"die"}, 137},
	} {
		t.Run(name, func(t *testing.T) {
			g, url := newGateway(t)
			start(t, url, nil, tc.role...).exits(tc.want)
			if g.signOuts() != 1 {
				t.Error("the seat was not given back")
			}
		})
	}
	t.Run("shell", func(t *testing.T) {
		_, url := newGateway(t)
		startCommand(t, url, nil, "sh", "-c", "exit 42").exits(42)
	})
}

// Nobody takes a seat for a command that cannot run.
func TestCommandThatCannotRun(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		command string
		want    int
	}{
		"unknown": {"no-such-command-anywhere", ExitNotFound}, "missing": {"/nonexistent/program", ExitNotFound}, "plain": {plain, ExitCannotRun}, "folder": {t.TempDir(), ExitCannotRun},
	} {
		t.Run(name, func(t *testing.T) {
			g, url := newGateway(t)
			startCommand(t, url, nil, tc.command).exits(tc.want)
			if len(g.logins) != 0 {
				t.Error("a seat was taken")
			}
		})
	}
	t.Run("no format", func(t *testing.T) {
		if err := os.Chmod(plain, 0o700); err != nil {
			t.Fatal(err)
		}
		g, url := newGateway(t)
		startCommand(t, url, nil, plain).exits(ExitCannotRun)
		if g.signOuts() != 1 {
			t.Error("the seat was not given back")
		}
	})
}

func TestLoginsThatFail(t *testing.T) {
	for reason, want := range map[gatewayapi.Reason]int{
		gatewayapi.ReasonSeatsExhausted: ExitNoSeat, gatewayapi.ReasonWaitExpired: ExitNoSeat, gatewayapi.ReasonUserLimitReached: ExitNoSeat,
		gatewayapi.ReasonForbidden: ExitNotAllowed, gatewayapi.ReasonUnauthenticated: ExitNotAllowed, gatewayapi.ReasonAccountDisabled: ExitNotAllowed,
		gatewayapi.ReasonPoolNotFound: ExitUsage, gatewayapi.ReasonInvalid: ExitUsage, gatewayapi.ReasonTerminated: ExitEnded,
		gatewayapi.ReasonUnavailable: ExitUnavailable, gatewayapi.ReasonTooManyRequests: ExitUnavailable,
	} {
		t.Run(reason, func(t *testing.T) {
			g, url := newGateway(t)
			g.refusal = gatewayapi.NewProblem(reason, "so it is")
			s := start(t, url, []string{"--gateway-timeout", "1s"}, "exit", "0")
			s.exits(want)
			if !strings.Contains(s.stderr.String(), "so it is") {
				t.Errorf("standard error: %s", s.stderr)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		start(t, "http://127.0.0.1:1", []string{"--gateway-timeout", "1s"}, "exit", "0").exits(ExitUnavailable)
	})
	t.Run("no token", func(t *testing.T) {
		_, url := newGateway(t)
		start(t, url, []string{"--token-file", "/nonexistent"}, "exit", "0").exits(ExitNotAllowed)
	})
}

func TestBadCommandLines(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--", "true"}, {"--pool", "p"}, {"--pool", "p", "--"}, {"--pool", "p", "--", ""}, {"--nonsense"}, {"--pool", "p", "--wait", "2h", "--", "true"},
		{"--pool", "p", "--wait", "-1s", "--", "true"}, {"--pool", "p", "--on-end", "shout", "--", "true"}, {"--pool", "p", "--grace", "-1s", "--", "true"},
		{"--pool", "p", "--gateway-timeout", "0s", "--", "true"}, {"--pool", "p", "--gateway", "nowhere", "--", "true"},
		{"--pool", "p", "--ca-file", "/nonexistent", "--", "true"},
	} {
		stderr := &text{}
		if code := Main(t.Context(), args, Process{Stdout: io.Discard, Stderr: stderr}); code != ExitUsage || !strings.HasPrefix(stderr.String(), "seatkeeper: ") {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
	stdout := &text{}
	if code := Main(t.Context(), []string{"--help"}, Process{Stdout: stdout, Stderr: io.Discard}); code != 0 || !strings.Contains(stdout.String(), "-pool") {
		t.Errorf("--help: exit code %d, %s", code, stdout)
	}
}

func TestDefaultsComeFromTheEnvironment(t *testing.T) {
	o, err := parse([]string{"--pool", "p", "true"}, Process{Environ: []string{
		"SEATKEEPER_GATEWAY=https://old", "SEATKEEPER_GATEWAY=https://g", "SEATKEEPER_NAMESPACE=n", "SEATKEEPER_TOKEN_FILE=/t", "SEATKEEPER_CA_FILE=/c",
	}})
	if err != nil || o.gateway != "https://g" || o.namespace != "n" || o.tokenFile != "/t" || o.caFile != "/c" || o.login.UserName == "" {
		t.Errorf("got %+v, %v", o, err)
	}
	o, err = parse([]string{"--pool", "p", "--namespace", "m", "--gateway", "http://h", "true"}, Process{Environ: []string{"SEATKEEPER_GATEWAY=https://g"}})
	if err != nil || o.gateway != "http://h" || o.namespace != "m" || o.tokenFile != defaultTokenFile {
		t.Errorf("got %+v, %v", o, err)
	}
}
