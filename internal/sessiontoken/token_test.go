// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package sessiontoken

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

var session = Session{Namespace: "itsm", Name: "service-desk-4f9c2b7d1e", UID: "0b7f0f0e-3f0a-4c1e-9d0e-6f6d3f1c2a11"}

func ringOf(keys ...key) *Keyring { return newKeyring(keys, keys[len(keys)-1].ID, nil) }

// flip changes one character of the text to another that tokens are made of.
func flip(text string, at int) string {
	with := "A"
	if text[at] == 'A' {
		with = "B"
	}
	return text[:at] + with + text[at+1:]
}

func wantInvalid(t *testing.T, ring *Keyring, token string) {
	t.Helper()
	if got, err := ring.Verify(token); !errors.Is(err, ErrInvalid) || got != (Session{}) {
		t.Errorf("Verify(%q) = %v, %v; it must be refused", token, got, err)
	}
}

func TestWhatWasSignedIsProven(t *testing.T) {
	ring := ringOf(newKey(), newKey())
	for _, s := range []Session{
		session, {}, {Namespace: "a"}, {Name: "a"}, {UID: "a"},
		{Namespace: strings.Repeat("n", 63), Name: strings.Repeat("s.", 126) + "s", UID: session.UID},
		{Namespace: "a/b", Name: ".\x00", UID: "\xff.."},
	} {
		token := ring.Sign(s)
		if strings.Trim(token, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") != "" {
			t.Errorf("%q needs escaping in a URL", token)
		}
		if got, err := ring.Verify(token); err != nil || got != s {
			t.Errorf("Verify(Sign(%v)) = %v, %v", s, got, err)
		}
	}
}

// Two sessions whose texts joined are the same have different tokens, and each proves its own alone.
func TestTokensTellSessionsApart(t *testing.T) {
	ring := ringOf(newKey())
	sessions := []Session{{"ab", "c", "d"}, {"a", "bc", "d"}, {"a", "b", "cd"}, {"", "abc", "d"}, {"abcd", "", ""}, {"", "", "abcd"}}
	seen := map[string]Session{}
	for _, s := range sessions {
		token := ring.Sign(s)
		if other, ok := seen[token]; ok {
			t.Errorf("%v and %v have the same token", s, other)
		}
		seen[token] = s
		if got, err := ring.Verify(token); err != nil || got != s {
			t.Errorf("Verify(Sign(%v)) = %v, %v", s, got, err)
		}
	}
}

func TestAnIdentityThatIsTooLongHasNoToken(t *testing.T) {
	ring := ringOf(newKey())
	for _, s := range []Session{
		{Namespace: strings.Repeat("a", 1<<16+1)}, {Name: strings.Repeat("a", 1<<16)}, {UID: strings.Repeat("a", 1024)}, {Name: strings.Repeat("a", 720)},
	} {
		if got := ring.Sign(s); got != "" {
			t.Errorf("a token of %d bytes for an identity of %d", len(got), len(s.Namespace+s.Name+s.UID))
		}
	}
	wantInvalid(t, ring, "")
}

// A token with any one character changed, left out or added proves nothing; neither does a part of one.
func TestEveryChangeIsRefused(t *testing.T) {
	ring := ringOf(newKey())
	token := ring.Sign(session)
	for i := range token {
		wantInvalid(t, ring, flip(token, i))
		wantInvalid(t, ring, token[:i])
		wantInvalid(t, ring, token[i+1:])
		wantInvalid(t, ring, token[:i]+token[i+1:])
		wantInvalid(t, ring, token[:i]+"."+token[i:])
	}
	for _, other := range []string{token + "=", token + " ", " " + token, token + token, strings.ToUpper(token), "Bearer " + token, token + "\n"} {
		wantInvalid(t, ring, other)
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	mine, theirs := newKey(), newKey()
	ring := ringOf(mine)
	token := ring.Sign(session)
	parts := strings.Split(token, ".")
	sessionB := session
	sessionB.UID = "5e5ae0a4-2b4f-4f6e-8a52-1f2f3d4e5f60"
	other := strings.Split(ring.Sign(sessionB), ".")
	forger := theirs
	forger.ID = mine.ID
	for what, forged := range map[string]string{
		"under another's key with our id": ringOf(forger).Sign(session),
		"under an unknown key":            ringOf(theirs).Sign(session),
		"A's MAC on B's identity":         strings.Join([]string{parts[0], parts[1], other[2], parts[3]}, "."),
		"B's MAC on A's identity":         strings.Join([]string{parts[0], parts[1], parts[2], other[3]}, "."),
		"of another version":              "skt2" + token[4:],
		"without a MAC":                   strings.Join(parts[:3], ".") + ".",
		"a MAC of zeros":                  strings.Join(parts[:3], ".") + "." + strings.Repeat("A", macLength),
		"under nobody's key":              newKeyring([]key{{ID: ""}, mine}, mine.ID, nil).Sign(session)[:headLength] + "." + parts[3],
		"an empty key id":                 parts[0] + ".." + parts[2] + "." + parts[3],
		"too long":                        token + strings.Repeat("A", MaxLength),
	} {
		t.Run(what, func(t *testing.T) { wantInvalid(t, ring, forged) })
	}
	// The last character of a MAC carries four bits that mean nothing: they must be what the signer wrote.
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, c := range characters {
		if last := token[:len(token)-1] + string(c); last != token {
			wantInvalid(t, ring, last)
		}
	}
}

func TestAnUnknownKeyIsReported(t *testing.T) {
	asked := 0
	mine := newKey()
	ring := newKeyring([]key{mine}, mine.ID, func() { asked++ })
	token := ring.Sign(session)
	for _, known := range []string{token, flip(token, len(token)-1), flip(token, headLength), "", "garbage", strings.Repeat("a", 2000), token[:len(token)-1]} {
		_, _ = ring.Verify(known)
	}
	if asked != 0 {
		t.Errorf("asked for unknown keys %d times for tokens that name none", asked)
	}
	wantInvalid(t, ring, ringOf(newKey()).Sign(session))
	if asked != 1 {
		t.Errorf("asked for unknown keys %d times, want once", asked)
	}
}

// What a token is refused for shows in no allocation either: each kind does the work that a valid token does before its identity is read.
func TestRefusalsAllocateNothing(t *testing.T) {
	ring := ringOf(newKey())
	token := ring.Sign(session)
	most := func(what string, token string, want float64) {
		// The race detector makes pools forget at random.
		if got := testing.AllocsPerRun(200, func() { _, _ = ring.Verify(token) }); got > want && !raceDetector {
			t.Errorf("%s: %v allocations, want at most %v", what, got, want)
		}
	}
	most("valid", token, 1)
	most("forged", flip(token, len(token)-1), 0)
	most("truncated", token[:len(token)-9], 0)
	most("unknown key", ringOf(newKey()).Sign(session), 0)
	most("garbage", "garbage", 0)
}

func TestManyAtOnce(t *testing.T) {
	ring := ringOf(newKey(), newKey())
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 200 {
				want := Session{Namespace: "n", Name: fmt.Sprintf("s-%d-%d", i, j), UID: fmt.Sprint(j)}
				if got, err := ring.Verify(ring.Sign(want)); err != nil || got != want {
					t.Errorf("Verify(Sign(%v)) = %v, %v", want, got, err)
				}
			}
		})
	}
	all.Wait()
}

// FuzzVerify tries tokens that nobody signed, and sessions that somebody did.
func FuzzVerify(f *testing.F) {
	mine := key{ID: "00112233445566ff", Secret: []byte("0123456789abcdef0123456789abcdef")}
	ring := ringOf(mine)
	token := ring.Sign(session)
	f.Add(token, "itsm", "service-desk-1", "uid")
	f.Add(flip(token, len(token)-1), "", "", "")
	f.Add(token[:len(token)-1], "a", "b.c", "d")
	f.Add("", "\x00", "\xff", ".")
	f.Add("skt1.00112233445566ff..", "a/b", "c", "d")
	f.Add("skt1.00112233445566ff."+strings.Repeat("A", 100)+"."+strings.Repeat("A", macLength), strings.Repeat("n", 63), strings.Repeat("s", 253), "u")
	f.Add(strings.Repeat("skt1.", 205), "", strings.Repeat("s", 700), "")
	f.Add("skt1."+base64.RawURLEncoding.EncodeToString([]byte("x")), "", "", strings.Repeat("u", 1000))
	f.Fuzz(func(t *testing.T, token, namespace, name, uid string) {
		if got, err := ring.Verify(token); err == nil && ring.Sign(got) != token {
			t.Errorf("%q was accepted for %v, whose token it is not", token, got)
		} else if err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", token, err)
		}
		signed := Session{Namespace: namespace, Name: name, UID: uid}
		made := ring.Sign(signed)
		if made == "" {
			if len(namespace)+len(name)+len(uid) < 600 {
				t.Errorf("no token for %v", signed)
			}
			return
		}
		if got, err := ring.Verify(made); err != nil || got != signed || len(made) > MaxLength {
			t.Errorf("Verify(Sign(%v)) = %v, %v", signed, got, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	ring := ringOf(newKey())
	token := ring.Sign(session)
	for _, kind := range []struct{ name, token string }{
		{"valid", token}, {"forged", flip(token, len(token)-1)}, {"truncated", token[:len(token)-1]}, {"unknown-key", ringOf(newKey()).Sign(session)},
	} {
		b.Run(kind.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = ring.Verify(kind.token)
			}
		})
	}
}
