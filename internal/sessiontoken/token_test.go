// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package sessiontoken

import (
	"errors"
	"strings"
	"testing"
)

var session = Session{Namespace: "itsm", Name: "service-desk-4f9c2b7d1e", UID: "0b7f0f0e-3f0a-4c1e-9d0e-6f6d3f1c2a11"}

func ringOf(keys ...key) *Keyring { return newKeyring(keys, keys[len(keys)-1].ID, nil) }

func BenchmarkVerify(b *testing.B) {
	ring := ringOf(newKey())
	token := ring.Sign(session)
	for name, token := range map[string]string{"valid": token, "forged": flip(token, len(token)-1), "unknown key": ringOf(newKey()).Sign(session)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = ring.Verify(token)
			}
		})
	}
}

// flip changes one character of the text.
func flip(text string, at int) string {
	with := "A"
	if text[at] == 'A' {
		with = "B"
	}
	return text[:at] + with + text[at+1:]
}

var _ = errors.Is
var _ = strings.Cut
