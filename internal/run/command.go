// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/seatkeeper/seatkeeper/pkg/client"
)

const (
	// working is how often the command's being alive is noted as activity: to a program that knows nothing of seats, running is working.
	working = 5 * time.Second
	// drain is how long output may still come from what a finished command left behind.
	drain = 5 * time.Second
)

// find is where a command is, or the exit code that a shell would give.
func (p Process) find(command string) (path string, code int) {
	path, err := exec.LookPath(command)
	switch {
	case err == nil:
		return path, 0
	case errors.Is(err, exec.ErrDot):
		// Whoever has the current folder in PATH means it.
		return "./" + path, 0
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		p.say("%s: command not found", command)
		return "", ExitNotFound
	default:
		p.say("%s cannot be run: %v", command, err)
		return "", ExitCannotRun
	}
}

// supervise runs the command to its end, or to the session's.
func (p Process) supervise(ctx context.Context, session *client.Session, path string, o *options) int {
	c, err := p.begin(session, path, o)
	if err != nil {
		p.say("%s cannot be run: %v", o.command[0], err)
		if errors.Is(err, fs.ErrNotExist) {
			return ExitNotFound
		}
		return ExitCannotRun
	}
	alive := time.NewTicker(working)
	defer alive.Stop()
	sessionDone, cancelled := session.Done(), ctx.Done()
	var kill <-chan time.Time
	ended := false
	for {
		select {
		case <-c.over:
			if ended {
				return ExitEnded
			}
			return c.code()
		case <-alive.C:
			session.Active()
		case s := <-p.Signals:
			c.forward(s)
		case <-kill:
			kill = nil
			c.signal(syscall.SIGKILL)
		case <-sessionDone:
			sessionDone = nil
			if c.isOver() {
				continue // nothing was cut short
			}
			p.say("%v", session.Err())
			if o.notify {
				p.say("the command goes on without a seat")
				continue
			}
			ended = true
			p.say("the command is asked to stop, and made to after %v", o.grace)
			c.signal(syscall.SIGTERM)
			kill = time.After(o.grace)
		case <-cancelled:
			cancelled = nil
			c.signal(syscall.SIGTERM)
			if kill == nil {
				kill = time.After(o.grace)
			}
		}
	}
}

// command is one that runs.
type command struct {
	cmd *exec.Cmd
	// group: it has a process group of its own, which gets every signal. At a terminal it shares this program's, so that it can read from the terminal, and so that
	// Ctrl-C and Ctrl-Z reach both at once.
	group bool
	over  chan struct{}
}

func (p Process) begin(session *client.Session, path string, o *options) (*command, error) {
	cmd := exec.Command(path, o.command[1:]...) //nolint:gosec,noctx // to run what the user asks for is the purpose; it is stopped by signals, and not killed with a context
	cmd.Args[0] = o.command[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.Stdin, p.Stdout, p.Stderr
	cmd.Env = o.environ(p, session)
	cmd.WaitDelay = drain
	c := &command{cmd: cmd, over: make(chan struct{}), group: !isTerminal(p.Stdin)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: c.group}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		// How it ended is in its ProcessState.
		_ = cmd.Wait()
		close(c.over)
	}()
	return c, nil
}

func isTerminal(stdin any) bool {
	file, ok := stdin.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// forward gives the command a signal that was sent to this program. What the terminal sends reaches a command that shares it by itself.
func (c *command) forward(s os.Signal) {
	number, ok := s.(syscall.Signal)
	if !ok || !c.group && (number == syscall.SIGINT || number == syscall.SIGQUIT || number == syscall.SIGWINCH) {
		return
	}
	c.signal(number)
}

// signal sends one to the command, and to what it started as far as that is in its group. One that has ended is no error.
func (c *command) signal(s syscall.Signal) {
	pid := c.cmd.Process.Pid
	if c.group {
		pid = -pid
	}
	_ = syscall.Kill(pid, s)
}

func (c *command) isOver() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// code is the exit code of a command that is over.
func (c *command) code() int {
	state := c.cmd.ProcessState
	if state == nil {
		return ExitCannotRun
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return ExitSignal + int(status.Signal())
	}
	return state.ExitCode()
}

// number is a signal's.
func number(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return int(n)
	}
	return 0
}
