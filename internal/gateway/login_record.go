// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	stdjson "encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/callers"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// login is one request to sign a user on.
type login struct {
	pool           types.NamespacedName
	idempotencyKey string
	wait           time.Duration

	// key is the session's namespace and name, chosen before it is created: a creation whose answer was lost is repeated under the same name, and finds its own.
	key    types.NamespacedName
	spec   licensing.UserSessionSpec
	digest string

	// created: this request created the session. written: the session may exist, so that somebody has to take care of it. settled: it was decided on.
	created, written, settled bool
	// uid is the session's, once it is known.
	uid types.UID
}

// state takes over what the caller states, with the defaults that are the gateway's: the client's address is where the request comes from, unless an application server states its user's.
func (l *login) state(stated *gatewayapi.Login, caller *callers.Caller, from netip.Addr) {
	spec := &l.spec
	*spec = licensing.UserSessionSpec{
		PoolRef:  licensing.PoolReference{Name: l.pool.Name},
		UserName: stated.UserName, UserFullName: stated.UserFullName, Module: licensing.ModuleName(stated.Module), Type: licensing.SessionType(stated.Type),
		Applications: stated.Applications, ExtraAttributes: string(stated.ExtraAttributes),
		CreatedBy: stated.CreatedBy, InstanceName: stated.InstanceName, SingleSignOn: stated.SingleSignOn, SystemLogin: stated.SystemLogin,
		MaxWaitSeconds: int32(l.wait / time.Second), //nolint:gosec // at most an hour
	}
	if len(stated.SessionAttributes) > 0 {
		spec.SessionAttributes = attributesOf(stated.SessionAttributes)
	}
	spec.Client = &licensing.Client{}
	if c := stated.Client; c != nil {
		*spec.Client = licensing.Client{HostName: c.HostName, IP: c.IP, UserName: c.UserName, Mode: licensing.ClientMode(c.Mode), UserAgent: c.UserAgent}
	}
	if spec.CreatedBy == "" {
		spec.CreatedBy = cut(caller.Username, 256)
	}
	// The digest is of what was stated: a repetition may come by another way.
	digest := sha256.New()
	_ = stdjson.NewEncoder(digest).Encode(map[string]any{"login": stated}) // nothing in it can fail: it was read from JSON
	if spec.Client.IP == "" && from.IsValid() {
		spec.Client.IP = from.String()
	}
	l.key = types.NamespacedName{Namespace: l.pool.Namespace, Name: sessionName(l.pool, caller.Username, l.idempotencyKey)}
	if l.idempotencyKey == "" {
		digest.Write([]byte(l.key.Name)) // nobody else's login is this one, the same facts or not
	}
	l.digest = hex.EncodeToString(digest.Sum(nil))
}

// nameEncoding writes what object names may hold.
var nameEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// sessionName is the name of a login's session: with a key the same each time, without one a random one.
func sessionName(pool types.NamespacedName, caller, key string) string {
	tail := make([]byte, 10)
	if key == "" {
		_, _ = rand.Read(tail) // it never fails: crypto/rand ends the program first
	} else {
		sum := sha256.New()
		for _, part := range []string{pool.Namespace, pool.Name, caller, key} {
			_, _ = fmt.Fprintf(sum, "%d:%s", len(part), part)
		}
		tail = sum.Sum(nil)[:20]
	}
	suffix := nameEncoding.EncodeToString(tail)
	return strings.TrimRight(pool.Name[:min(len(pool.Name), 253-1-len(suffix))], "-.") + "-" + suffix
}

// object is the session to create.
func (l *login) object(replica string) *licensing.UserSession {
	return &licensing.UserSession{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.key.Namespace, Name: l.key.Name, Annotations: map[string]string{
			licensing.AnnotationHeardBy:     replica,
			licensing.AnnotationLoginDigest: l.digest,
		}},
		Spec: *l.spec.DeepCopy(),
	}
}

// facts are what the seating rules go by. The API server has not yet filled in its defaults.
func (l *login) facts() seating.Session {
	s := &licensing.UserSession{Spec: l.spec}
	if s.Spec.Module == "" {
		s.Spec.Module = "Web"
	}
	return facts.Session(s)
}

// isOwn says whether a session was made by this login, or by one with the same key and facts.
func (l *login) isOwn(s *licensing.UserSession) bool {
	return s.Annotations[licensing.AnnotationLoginDigest] == l.digest && s.Spec.PoolRef.Name == l.pool.Name
}
