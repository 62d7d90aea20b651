// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

const (
	// frameEvery bounds how often the screen is drawn.
	frameEvery = 100 * time.Millisecond
	// lineEvery is how often a line is printed where the output is no terminal.
	lineEvery = 5 * time.Second
)

// screen draws pictures on a terminal, in place, or prints a line now and then.
type screen struct {
	out   *os.File
	began time.Time
	view  view
}

func newScreen(out *os.File, hints []string, began time.Time) *screen {
	_, plain := os.LookupEnv("NO_COLOR")
	return &screen{out: out, began: began, view: view{hints: hints, color: !plain, unicode: unicodeLocale()}}
}

// follow shows how things stand as they change, until the context is done.
func (s *screen) follow(ctx context.Context, changed <-chan struct{}, now func() picture) {
	if !term.IsTerminal(int(s.out.Fd())) || os.Getenv("TERM") == "dumb" {
		s.log(ctx, now)
		return
	}
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	second := time.NewTicker(time.Second) // the clock on screen
	defer second.Stop()

	_, height := s.size()
	fmt.Fprint(s.out, strings.Repeat("\n", height)) // what was on the screen scrolls away, and is not lost
	for {
		s.draw(now())
		if !pause(ctx, frameEvery) {
			break
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-second.C:
		case <-resized:
			fmt.Fprint(s.out, "\x1b[2J")
		}
	}
	s.draw(now())
	fmt.Fprint(s.out, "\n")
}

// draw writes one frame over the last, line by line, so that nothing flickers. The last row stays free.
func (s *screen) draw(p picture) {
	width, height := s.size()
	var frame strings.Builder
	frame.WriteString("\x1b[H")
	for _, line := range s.view.render(p, width, height-1, time.Since(s.began)) {
		frame.WriteString(line + "\x1b[K\r\n")
	}
	frame.WriteString("\x1b[J")
	fmt.Fprint(s.out, frame.String())
}

// log prints a line every few seconds.
func (s *screen) log(ctx context.Context, now func() picture) {
	fmt.Println("To try in another terminal, in this folder:")
	for _, hint := range s.view.hints {
		fmt.Fprintln(s.out, "  "+hint)
	}
	tick := time.NewTicker(lineEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			fmt.Fprintln(s.out, s.view.line(now(), time.Since(s.began)))
		}
	}
}

func (s *screen) size() (width, height int) {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}

// unicodeLocale says whether the terminal shows more than ASCII, as far as the environment tells.
func unicodeLocale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := os.Getenv(name); value != "" {
			value = strings.ToUpper(value)
			return strings.Contains(value, "UTF-8") || strings.Contains(value, "UTF8")
		}
	}
	return false
}
