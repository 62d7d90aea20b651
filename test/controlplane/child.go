// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"os"
	"time"
)

// Child is a program that runs beside a control plane, such as the operator, and like its parts ends with this process.
type Child struct{ process *process }

// StartChild runs a program with its output appended to a log file.
func StartChild(program, logPath string, args ...string) (*Child, error) {
	p, err := startProcess(program, logPath, args...)
	if err != nil {
		return nil, err
	}
	return &Child{p}, nil
}

// Wait returns when the context is done, without an error, or when the program ended by itself, with one that quotes its log.
func (c *Child) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-c.process.exited:
		return c.process.failure(nil)
	}
}

// Stop asks the program to end and, after the grace, kills it. When it returns, the program is gone.
func (c *Child) Stop(grace time.Duration) error { return c.process.stop(grace) }

// Signal sends the program a signal; that it is gone already is no error.
func (c *Child) Signal(signal os.Signal) error { return c.process.signal(signal) }

// Ended is closed when the program is gone.
func (c *Child) Ended() <-chan struct{} { return c.process.exited }

// Err is how the program ended, nil if well; it may be called when Ended is closed. The error quotes the program's log.
func (c *Child) Err() error {
	if c.process.waitErr == nil {
		return nil
	}
	return c.process.failure(nil)
}
