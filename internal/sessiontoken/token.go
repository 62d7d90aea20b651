// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package sessiontoken signs and checks session tokens: what a client shows to prove which session is its own (requirement C9). A token is the
// session's identity and an HMAC over it, so that every replica can check it without a look-up; the keys are shared through a Secret.
//
// A token reads "skt1.<key id>.<identity>.<mac>": the format's version, the id of the key that signed it, the identity, and the MAC of all that comes
// before, in the characters of a URL. It is a secret of the session's client: no log, Event, metric or error shows one.
package sessiontoken

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"strings"
	"sync"
)

// MaxLength is how long a token may be, in bytes. The longest identity that an API server accepts makes one of about 550.
const MaxLength = 1024

// ErrInvalid is the answer to every token that does not prove a session, whatever is wrong with it.
var ErrInvalid = errors.New("the session token is not valid: it must be the one that the sign-in answered")

const (
	prefix   = "skt1."
	idLength = 16
	// headLength is where the identity begins.
	headLength = len(prefix) + idLength + 1
	// macLength is that of 32 bytes in base64 without padding.
	macLength = 43
)

var text = base64.RawURLEncoding.Strict()

// Session is the identity that a token proves.
type Session struct {
	Namespace, Name, UID string
}

// Keyring signs and checks tokens; safe for many goroutines at once. It does not change: ask the Keeper for its current one at each use.
type Keyring struct {
	keys   map[string]*signer
	signer *signer
	// nobodys is the key that tokens of unknown keys are checked under, so that they take the same work as others.
	nobodys *signer
	// unknown is told of a token under a key that is not in the ring; it must not block.
	unknown func()
}

// newKeyring signs with the key of that id, which must be among the keys.
func newKeyring(keys []key, signing string, unknown func()) *Keyring {
	ring := &Keyring{keys: make(map[string]*signer, len(keys)), nobodys: newSigner(newKey()), unknown: unknown}
	for _, key := range keys {
		ring.keys[key.ID] = newSigner(key)
	}
	ring.signer = ring.keys[signing]
	return ring
}

// Sign makes the token of a session. An identity too long for a token (no API server accepts one) makes "", which is no token.
func (k *Keyring) Sign(s Session) string {
	identity := make([]byte, 0, 512)
	for _, part := range []string{s.Namespace, s.Name} {
		if len(part) > MaxLength {
			return ""
		}
		identity = binary.BigEndian.AppendUint16(identity, uint16(len(part))) //nolint:gosec // bounded just above
		identity = append(identity, part...)
	}
	identity = append(identity, s.UID...)
	length := headLength + text.EncodedLen(len(identity)) + 1 + macLength
	if length > MaxLength {
		return ""
	}
	token := make([]byte, 0, length)
	token = append(token, prefix...)
	token = append(token, k.signer.id...)
	token = append(token, '.')
	token = text.AppendEncode(token, identity)
	w := k.signer.work()
	defer k.signer.done(w)
	mac := w.mac(token)
	token = append(token, '.')
	return string(append(token, mac...))
}

// Verify returns the session that the token proves, or ErrInvalid. Every token of up to MaxLength bytes takes the work of a valid one of its length,
// whatever is wrong with it; longer ones take none.
func (k *Keyring) Verify(token string) (Session, error) {
	if len(token) > MaxLength {
		return Session{}, ErrInvalid
	}
	parts, shaped := split(token)
	by := k.keys[parts.id]
	known := by != nil
	if !known {
		by = k.nobodys
	}
	w := by.work()
	w.message = append(w.message[:0], parts.signed...)
	w.claimed = append(w.claimed[:0], parts.mac...)
	proven := subtle.ConstantTimeCompare(w.mac(w.message), w.claimed) == 1
	by.done(w)
	if shaped && !known && k.unknown != nil {
		k.unknown()
	}
	if !shaped || !known || !proven {
		return Session{}, ErrInvalid
	}
	return identify(parts.identity)
}

type tokenParts struct {
	id, identity, signed, mac string
}

// split takes a token apart. Of one that is not shaped as a token, all is taken as signed, and no key has its id.
func split(token string) (tokenParts, bool) {
	dot := len(token) - macLength - 1
	if dot < headLength || token[dot] != '.' || token[headLength-1] != '.' || !strings.HasPrefix(token, prefix) {
		return tokenParts{signed: token}, false
	}
	return tokenParts{id: token[len(prefix) : headLength-1], identity: token[headLength:dot], signed: token[:dot], mac: token[dot+1:]}, true
}

// identify reads an identity that its MAC has proven.
func identify(identity string) (Session, error) {
	var plain [MaxLength]byte
	length, err := text.Decode(plain[:], []byte(identity))
	if err != nil {
		return Session{}, ErrInvalid
	}
	// The three texts share one piece of memory of their own, not the token's, which so is not kept as long as they are.
	all := string(plain[:length])
	namespace, rest, ok := field(all)
	if !ok {
		return Session{}, ErrInvalid
	}
	name, uid, ok := field(rest)
	if !ok {
		return Session{}, ErrInvalid
	}
	return Session{Namespace: namespace, Name: name, UID: uid}, nil
}

// field takes a text with its length in front off the rest.
func field(all string) (value, rest string, ok bool) {
	if len(all) < 2 {
		return "", "", false
	}
	length := int(all[0])<<8 | int(all[1])
	if len(all)-2 < length {
		return "", "", false
	}
	return all[2 : 2+length], all[2+length:], true
}

// A signer makes MACs under one key.
type signer struct {
	id   string
	pool sync.Pool
}

// work is what one MAC needs; it is used again and again, so that a heartbeat allocates none of it.
type work struct {
	hash             hash.Hash
	message, claimed []byte
	sum, encoded     []byte
}

func newSigner(by key) *signer {
	secret := by.Secret
	s := &signer{id: by.ID}
	s.pool.New = func() any {
		return &work{
			hash:    hmac.New(sha256.New, secret),
			message: make([]byte, 0, MaxLength), claimed: make([]byte, 0, macLength),
			sum: make([]byte, 0, sha256.Size), encoded: make([]byte, 0, macLength),
		}
	}
	return s
}

func (s *signer) work() *work  { return s.pool.Get().(*work) }
func (s *signer) done(w *work) { s.pool.Put(w) }

// mac is the message's, as a token shows it; it is valid until the next call.
func (w *work) mac(message []byte) []byte {
	w.hash.Reset()
	w.hash.Write(message)
	w.sum = w.hash.Sum(w.sum[:0])
	w.encoded = text.AppendEncode(w.encoded[:0], w.sum)
	return w.encoded
}

// random fills the bytes from the system's source, which cannot fail (it ends the program instead).
func random(length int) []byte {
	bytes := make([]byte, length)
	_, _ = rand.Read(bytes)
	return bytes
}
