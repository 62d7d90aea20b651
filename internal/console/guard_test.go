// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const here = "127.0.0.1:4711"

// entrance is a guard before a server that answers all that it lets through.
func entrance() (*guard, *door) {
	d := newDoor()
	return &guard{hosts: []string{here, "[::1]:4711"}, door: d, next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		_, _ = io.WriteString(w, "let through")
	})}, d
}

// request is one that the page itself makes, changed by the trials.
func request(t *testing.T, d *door, method, path string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader("{}"))
	r.Host = here
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set("Sec-Fetch-Dest", "empty")
	r.AddCookie(d.pass())
	if method == http.MethodPost {
		r.Header.Set("Origin", "http://"+here)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(formHeader, d.form)
	}
	return r
}

func TestGuard(t *testing.T) {
	navigation := func(r *http.Request, site string) {
		r.Header.Set("Sec-Fetch-Site", site)
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Dest", "document")
	}
	for name, trial := range map[string]struct {
		method string
		path   string // below the place, unless it begins with a slash
		change func(*http.Request)
		want   int
	}{
		"the page's own read":  {"GET", "sessions", nil, 200},
		"the page's own act":   {"POST", "terminate", nil, 200},
		"the address of IPv6":  {"GET", "sessions", func(r *http.Request) { r.Host = "[::1]:4711" }, 200},
		"a typed address":      {"GET", "", func(r *http.Request) { navigation(r, "none") }, 200},
		"an open asset":        {"GET", "/assets/console.css", func(r *http.Request) { r.Header.Del("Cookie") }, 200},
		"a type with charset":  {"POST", "terminate", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 200},
		"a name of the page":   {"GET", "sessions", func(r *http.Request) { r.Host = "localhost:4711" }, 421},
		"a rebound name":       {"GET", "sessions", func(r *http.Request) { r.Host = "evil.example:4711" }, 421},
		"another port":         {"GET", "sessions", func(r *http.Request) { r.Host = "127.0.0.1:80" }, 421},
		"no host":              {"GET", "sessions", func(r *http.Request) { r.Host = "" }, 421},
		"a rebound asset":      {"GET", "/assets/console.css", func(r *http.Request) { r.Host = "evil.example" }, 421},
		"another site's read":  {"GET", "sessions", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"another port's read":  {"GET", "sessions", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
		"another site's asset": {"GET", "/assets/console.js", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"another origin's read": {"GET", "sessions", func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "http://127.0.0.1:8000")
		}, 403},
		"a hidden origin":       {"GET", "sessions", func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		"another site's frame":  {"GET", "", func(r *http.Request) { navigation(r, "cross-site"); r.Header.Set("Sec-Fetch-Dest", "iframe") }, 403},
		"another site's link":   {"GET", "", func(r *http.Request) { navigation(r, "cross-site"); r.Header.Del("Cookie") }, 401},
		"another site's form":   {"POST", "terminate", func(r *http.Request) { navigation(r, "cross-site") }, 403},
		"another origin's act":  {"POST", "terminate", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		"an act of no origin":   {"POST", "terminate", func(r *http.Request) { r.Header.Del("Origin") }, 403},
		"an act as a form's":    {"POST", "terminate", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		"an act without proof":  {"POST", "terminate", func(r *http.Request) { r.Header.Del(formHeader) }, 403},
		"an act, wrong proof":   {"POST", "terminate", func(r *http.Request) { r.Header.Set(formHeader, "x") }, 403},
		"an act without cookie": {"POST", "terminate", func(r *http.Request) { r.Header.Del("Cookie") }, 401},
		"a read without cookie": {"GET", "sessions", func(r *http.Request) { r.Header.Del("Cookie") }, 401},
		"a read, wrong cookie":  {"GET", "sessions", func(r *http.Request) { r.Header.Set("Cookie", cookieName+"=x") }, 401},
		"a wrong place":         {"GET", "/x/sessions", nil, 401},
		"no place":              {"GET", "/", nil, 401},
		"another method":        {"DELETE", "sessions", nil, 405},
		"a preflight":           {"OPTIONS", "terminate", nil, 405},
		"a body that is huge": {"POST", "terminate", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", maxBody+1)))
		}, 413},
	} {
		t.Run(name, func(t *testing.T) {
			g, d := entrance()
			path := trial.path
			if !strings.HasPrefix(path, "/") {
				path = d.place + "/" + path
			}
			r := request(t, d, trial.method, path)
			if trial.change != nil {
				trial.change(r)
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			if w.Code != trial.want {
				t.Errorf("answered %d: %s", w.Code, w.Body)
			}
			if through := strings.Contains(w.Body.String(), "let through"); through != (trial.want == 200) {
				t.Errorf("let through: %v", through)
			}
			for header, part := range map[string]string{
				"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
				"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
			} {
				if !strings.Contains(w.Header().Get(header), part) {
					t.Errorf("%s must have %q: it is %q", header, part, w.Header().Get(header))
				}
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Error("no other origin may read anything")
			}
		})
	}
}

func TestPolicyHasNoHoles(t *testing.T) {
	for _, hole := range []string{"unsafe", "*", "http:", "https:", "data:", "blob:"} {
		if strings.Contains(policy, hole) {
			t.Errorf("the policy must not have %q: %s", hole, policy)
		}
	}
}

func TestDoorOpensOnceWithEachSecret(t *testing.T) {
	var next string
	c := New(Options{Opened: func(url string) { next = url }})
	c.address = here
	g := &guard{hosts: []string{here}, door: c.door, next: c.routes()}
	enter := func(target string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		return w
	}
	first := c.door.url(here)
	for _, wrong := range []string{"/enter", "/enter?secret=", "/enter?secret=x", strings.Replace(first, "secret=", "secret=x", 1)} {
		answer := enter("http://" + here + strings.TrimPrefix(wrong, "http://"+here))
		if answer.Code != http.StatusUnauthorized || len(cookies(answer)) != 0 {
			t.Errorf("%s must not let in: %d, %v", wrong, answer.Code, cookies(answer))
		}
	}
	answer := enter(first)
	if answer.Code != http.StatusOK || len(cookies(answer)) != 1 {
		t.Fatalf("must let in: %d, %v", answer.Code, cookies(answer))
	}
	cookie := cookies(answer)[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != c.door.place+"/" || cookie.Domain != "" || cookie.MaxAge != 0 || !cookie.Expires.IsZero() {
		t.Errorf("unexpected cookie: %+v", cookie)
	}
	u, err := url.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	page := answer.Body.String()
	if strings.Contains(page, u.Query().Get("secret")) || !strings.Contains(page, c.door.place+"/") {
		t.Errorf("must lead on, without the secret:\n%s", page)
	}
	if again := enter(first); again.Code != http.StatusUnauthorized {
		t.Errorf("a secret must open once: %d", again.Code)
	}
	if next == "" || next == first {
		t.Fatalf("must tell the next URL: %q", next)
	}
	if answer := enter(next); answer.Code != http.StatusOK {
		t.Errorf("the next URL must let in: %d", answer.Code)
	}
}

func cookies(w *httptest.ResponseRecorder) []*http.Cookie {
	answer := w.Result()
	defer answer.Body.Close()
	return answer.Cookies()
}

func TestListensOnLoopbackAlone(t *testing.T) {
	listeners, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	port := ""
	for _, l := range listeners {
		defer l.Close()
		u, err := url.Parse("http://" + l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if host := u.Hostname(); host != "127.0.0.1" && host != "::1" {
			t.Errorf("must not listen on %s", host)
		}
		if port != "" && u.Port() != port {
			t.Errorf("must listen on one port, not on %s and %s", port, u.Port())
		}
		port = u.Port()
	}
	if _, err := Listen(listeners[0].Addr().(*net.TCPAddr).Port); err == nil {
		t.Error("a port that is taken must be refused")
	}
}
