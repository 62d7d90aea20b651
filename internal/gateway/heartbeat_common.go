// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// readCommon reads the commonest reports without allocating: an empty body, or an object of active, idleSeconds and unsavedWork in any order, each once. It says whether it
// did; all else is for readReport to read, or to refuse. What both read they read alike (FuzzCommon).
func readCommon(body []byte, report *activity.Report) bool {
	*report = activity.Report{}
	rest := body
	if len(rest) == 0 {
		return true
	}
	if rest = space(rest); len(rest) == 0 || rest[0] != '{' {
		return false
	}
	if rest = space(rest[1:]); len(rest) > 0 && rest[0] == '}' {
		return len(space(rest[1:])) == 0
	}
	seen := 0
	for {
		field, ok := 0, false
		switch {
		case skip(&rest, `"active"`):
			field = 1
		case skip(&rest, `"idleSeconds"`):
			field = 2
		case skip(&rest, `"unsavedWork"`):
			field = 4
		}
		if field == 0 || seen&field != 0 {
			return false
		}
		seen |= field
		if rest = space(rest); !skip(&rest, ":") {
			return false
		}
		rest = space(rest)
		switch field {
		case 1:
			report.Active, ok = truth(&rest)
		case 2:
			report.HasIdleFor = true
			report.IdleFor, ok = idle(&rest)
		case 4:
			var unsaved bool
			unsaved, ok = truth(&rest)
			report.UnsavedWork = said[unsaved]
		}
		if !ok {
			return false
		}
		rest = space(rest)
		if skip(&rest, "}") {
			return len(space(rest)) == 0
		}
		if !skip(&rest, ",") {
			return false
		}
		rest = space(rest)
	}
}

func space(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }

// skip takes a word off the text, if it begins with it.
func skip(text *[]byte, word string) bool {
	if len(*text) < len(word) || string((*text)[:len(word)]) != word {
		return false
	}
	*text = (*text)[len(word):]
	return true
}

func truth(text *[]byte) (value, ok bool) {
	if skip(text, "true") {
		return true, true
	}
	return false, skip(text, "false")
}

// idle takes whole seconds within the bounds off the text, without a sign and without needless zeros.
func idle(text *[]byte) (time.Duration, bool) {
	seconds, digits := 0, 0
	for _, c := range *text {
		if c < '0' || c > '9' {
			break
		}
		if digits++; digits > 8 {
			return 0, false
		}
		seconds = 10*seconds + int(c-'0')
	}
	if digits == 0 || (digits > 1 && (*text)[0] == '0') || seconds > gatewayapi.MaxIdleSeconds {
		return 0, false
	}
	*text = (*text)[digits:]
	return time.Duration(seconds) * time.Second, true
}
