// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
)

const (
	// formHeader has the page's proof that a request is its own.
	formHeader = "X-Seatkeeper-Form"
	// maxBody is the largest body in bytes: room for the names of some 20,000 sessions.
	maxBody = 4 << 20
)

// policy lets a page load what this server serves, and nothing else: no script or style in the page itself, nothing from outside, no frames.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard stands before everything. hosts are the addresses that are listened on, as browsers name them.
type guard struct {
	hosts []string
	door  *door
	next  http.Handler
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	// A name that leads to loopback, whoever's name it is, must not lead to this page (DNS rebinding).
	if !slices.Contains(g.hosts, r.Host) {
		refuse(w, http.StatusMisdirectedRequest, fmt.Sprintf("The Host header must be %s: open the URL that the console printed.", strings.Join(g.hosts, " or ")))
		return
	}
	if !ours(r) {
		refuse(w, http.StatusForbidden, "Requests must come from the console's own page: this one was sent by another site.")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		refuse(w, http.StatusMethodNotAllowed, "The method must be GET or POST.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if open(r.URL.Path) {
		g.next.ServeHTTP(w, r)
		return
	}
	if !strings.HasPrefix(r.URL.Path, g.door.place+"/") || !g.door.known(r) {
		closed(w, r)
		return
	}
	if r.Method == http.MethodPost {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			refuse(w, http.StatusUnsupportedMediaType, "The Content-Type must be application/json.")
			return
		}
		if !g.door.asked(r) {
			refuse(w, http.StatusForbidden, "Requests must come from the console's own page: load the page anew, then try again.")
			return
		}
	}
	g.next.ServeHTTP(w, r)
}

// open says whether a path tells nothing of the cluster: what the page looks like, and the door itself.
func open(path string) bool { return path == "/enter" || strings.HasPrefix(path, "/assets/") }

// ours says whether a request is no other site's. Browsers state who asks; what they do not state is taken for the answer of a program that is no browser, which the cookie keeps out.
// A link on another site may lead here, as all links may: such a navigation brings no cookie and finds the door closed.
func ours(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return false
	}
	if r.Method == http.MethodPost && r.Header.Get("Origin") == "" {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	default:
		return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	}
}

// harden sets the headers that every answer has.
func harden(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

// refuse answers with one sentence.
func refuse(w http.ResponseWriter, status int, sentence string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, sentence) //nolint:gosec // plain text, and browsers may not take it for anything else
}

// closed answers who was not let in: a person with a page, a script with a sentence.
func closed(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Sec-Fetch-Dest") != "document" {
		refuse(w, http.StatusUnauthorized, "You must be let in first: open the URL that the console printed last.")
		return
	}
	render(w, http.StatusUnauthorized, "closed.html", nil)
}
