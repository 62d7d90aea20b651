// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"
)

// display is what a chart can be shown on.
type display struct {
	terminal      bool
	columns, rows int // 0: not known
	// color: escape sequences are understood and wanted. ascii: nothing but ASCII is understood.
	color, ascii bool
}

// displayOf finds out what standard output is.
func displayOf(out io.Writer) display {
	s := display{}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.terminal = true
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil {
			s.columns, s.rows = columns, rows
		}
	}
	return s.within(os.Getenv, runtime.GOOS)
}

// within adds what the environment says: NO_COLOR and TERM of colors, the locale of characters. On Windows there is no locale, and terminals know Unicode.
func (s display) within(getenv func(string) string, system string) display {
	s.color = s.terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	locale := strings.ToUpper(cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG")))
	s.ascii = system != "windows" && !strings.Contains(locale, "UTF-8") && !strings.Contains(locale, "UTF8")
	return s
}
