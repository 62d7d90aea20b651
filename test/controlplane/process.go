// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// tailLines is how much of a child's log an error quotes.
const tailLines = 20

// process is one child: started once, stopped once. To restart a component, start a new process.
type process struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	exited  chan struct{} // closed when the child is gone; waitErr may be read then
	waitErr error
}

// startProcess runs a program with its output appended to a log file.
func startProcess(program, logPath string, args ...string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	// No context: what ends the child is stop, which asks before it kills.
	cmd := exec.Command(program, args...) //nolint:noctx // see above
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()
	p := &process{name: filepath.Base(program), logPath: logPath, cmd: cmd, exited: make(chan struct{})}

	started := make(chan error)
	go func() {
		// On Linux the children are told to die with the thread that started them, so that thread must last as long as they do.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.waitErr = cmd.Wait()
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	return p, nil
}

// alive tells whether the child has not ended.
func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// stop asks the child to end and, after the grace, kills it. When it returns, the child is gone.
func (p *process) stop(grace time.Duration) error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(grace):
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.exited
	return nil
}

// signal sends a signal; that the child is gone already is no error.
func (p *process) signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %s to %s: %w", sig, p.name, err)
	}
	return nil
}

// failure is the error for a child that ended or did not become ready: the reason, and the last lines of its log.
func (p *process) failure(reason error) error {
	if !p.alive() {
		reason = fmt.Errorf("it ended: %w", p.waitErr)
		if p.waitErr == nil {
			reason = errors.New("it ended by itself")
		}
	}
	return fmt.Errorf("%s: %w; the end of its log:\n%s", p.name, reason, tail(p.logPath))
}

// tail returns the last lines of a file.
func tail(path string) []byte {
	content, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-tailLines):], []byte("\n"))
}
