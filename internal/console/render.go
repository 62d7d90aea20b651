// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/grid"
)

//go:embed assets
var assets embed.FS

//go:embed templates
var sources embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"exact":  grid.Exact,
	"period": func(d time.Duration) string { return grid.Period(d) },
	"pieces": pieces,
}).ParseFS(sources, "templates/*.html"))

// pieces are the parts of a sign-in name between which a line may break: after the domain of CORP\ann, before the @ of an address.
func pieces(name string) []string {
	var all []string
	if domain, user, found := strings.Cut(name, `\`); found {
		all, name = append(all, domain+`\`), user
	}
	if at := strings.LastIndexByte(name, '@'); at > 0 {
		all, name = append(all, name[:at]), name[at:]
	}
	return append(all, name)
}

// render answers with a page or a part of one. It is made whole before any of it is sent.
func render(w http.ResponseWriter, status int, name string, data any) {
	var page bytes.Buffer
	if err := templates.ExecuteTemplate(&page, name, data); err != nil {
		refuse(w, http.StatusInternalServerError, "The page cannot be made: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // a browser that went away is no error
}

// renderPart answers with a part of a page, or with 304 where that is what the page has: while thousands are at work, most changes are of sessions that a page does not show.
func renderPart(w http.ResponseWriter, r *http.Request, name string, data any) {
	var part bytes.Buffer
	if err := templates.ExecuteTemplate(&part, name, data); err != nil {
		refuse(w, http.StatusInternalServerError, "The page cannot be made: "+err.Error())
		return
	}
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256(part.Bytes()))
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = part.WriteTo(w) // a browser that went away is no error
}

// answerJSON answers with data.
func answerJSON(w http.ResponseWriter, data any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(data) // a browser that went away is no error
}
