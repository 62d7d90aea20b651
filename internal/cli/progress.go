// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
)

// progress says how far long work is, in one line that is written over; to people alone.
type progress struct {
	out   io.Writer // nil: nobody looks
	what  string
	shown bool
}

func (e *Environment) progress(what string) *progress {
	p := &progress{what: what}
	if e.Interactive {
		p.out = e.Streams.ErrOut
	}
	return p
}

// show shows how many are done, of how many; 0: nobody knows.
func (p *progress) show(done, of int) {
	if p.out == nil {
		return
	}
	p.shown = true
	if of > 0 {
		fmt.Fprintf(p.out, "\r%s: %d of %d", p.what, done, of)
		return
	}
	fmt.Fprintf(p.out, "\r%s: %d", p.what, done)
}

// clear takes the line away.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}
