// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"net/url"
	"sync"
)

// cookieName is that of the cookie which stands for "was let in".
const cookieName = "seatkeeper-console"

// door lets in who knows the secret of the printed URL. A secret opens it once, since URLs stay behind in histories and on screens; each use makes the next one.
//
// The pages are below a path that is random too, and the cookie is bound to that path: browsers send a cookie to every port of a host, and so to any other program of this
// machine that the person looks at, but not outside its path.
type door struct {
	// place is the path that the pages are below: "/" and random characters, without a slash at the end.
	place string
	// form is what a page states with each thing it asks to be done; other sites cannot read it.
	form string

	cookie string

	mu     sync.Mutex
	secret string
}

func newDoor() *door {
	return &door{place: "/" + rand.Text(), form: rand.Text(), cookie: rand.Text(), secret: rand.Text()}
}

// url is what to open next, at an address that is listened on.
func (d *door) url(address string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	u := url.URL{Scheme: "http", Host: address, Path: "/enter", RawQuery: url.Values{"secret": {d.secret}}.Encode()}
	return u.String()
}

// open says whether the secret is the right one, which is no use from then on.
func (d *door) open(secret string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !same(secret, d.secret) {
		return false
	}
	d.secret = rand.Text()
	return true
}

// pass is the cookie for who was let in. It ends with the browser.
func (d *door) pass() *http.Cookie {
	return &http.Cookie{Name: cookieName, Value: d.cookie, Path: d.place + "/", HttpOnly: true, SameSite: http.SameSiteStrictMode} //nolint:gosec // loopback has no TLS to ask for
}

// known says whether a request comes from somebody who was let in.
func (d *door) known(r *http.Request) bool {
	for _, cookie := range r.CookiesNamed(cookieName) {
		if same(cookie.Value, d.cookie) {
			return true
		}
	}
	return false
}

// asked says whether a request was made by one of our own pages.
func (d *door) asked(r *http.Request) bool { return same(r.Header.Get(formHeader), d.form) }

// same takes the same time for all wrong secrets of one length.
func same(got, want string) bool { return subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1 }
