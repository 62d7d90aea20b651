// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// document is the gateway's contract.
var document = func() *openapi3.T {
	doc, err := openapi3.NewLoader().LoadFromData(gatewayapi.Document)
	if err != nil {
		panic(err)
	}
	return doc
}()

// contract holds every answer that any spec gets to the document, and knows which answers were seen.
type contract struct {
	mu     sync.Mutex
	broken []string
	seen   map[string]bool
}

var promises = &contract{seen: map[string]bool{}}

// Whatever a spec is about, the gateway keeps its contract meanwhile.
var _ = AfterEach(func() {
	Expect(promises.takeBroken()).To(BeEmpty(), "answers that break the document")
})

func (c *contract) takeBroken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	broken := c.broken
	c.broken = nil
	return broken
}

// watched makes calls whose answers are held to the document.
func watched(g *replica.Gateway) *replica.Gateway {
	g.HTTP.Transport = &promising{g.HTTP.Transport, promises}
	return g
}

// promising is a transport that looks at the answers.
type promising struct {
	http.RoundTripper
	contract *contract
}

func (p *promising) CloseIdleConnections() {
	if t, ok := p.RoundTripper.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

func (p *promising) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := p.RoundTripper.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	var body []byte
	if answer.Header.Get("Content-Type") != "text/event-stream" {
		body, err = io.ReadAll(answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return nil, err
		}
		answer.Body = io.NopCloser(bytes.NewReader(body))
	}
	operation := operationOf(request.Method, request.URL.Path)
	if err := keeps(operation, answer, body); err != nil {
		p.contract.mu.Lock()
		p.contract.broken = append(p.contract.broken, fmt.Sprintf("%s %s: %d: %v", request.Method, request.URL.Path, answer.StatusCode, err))
		p.contract.mu.Unlock()
	}
	if operation != nil {
		p.contract.mu.Lock()
		p.contract.seen[operation.OperationID+" "+strconv.Itoa(answer.StatusCode)] = true
		p.contract.mu.Unlock()
	}
	return answer, nil
}

// operationOf is the document's operation for a request; nil: it has none.
func operationOf(method, path string) *openapi3.Operation {
	asked := strings.Split(path, "/")
	for template, item := range document.Paths.Map() {
		parts := strings.Split(template, "/")
		matches := len(parts) == len(asked)
		for i := 0; matches && i < len(parts); i++ {
			matches = parts[i] == asked[i] || strings.HasPrefix(parts[i], "{") && asked[i] != ""
		}
		if matches {
			return item.Operations()[method]
		}
	}
	return nil
}

// keeps says how an answer breaks the document.
func keeps(operation *openapi3.Operation, answer *http.Response, body []byte) error {
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		if answer.Header.Get("WWW-Authenticate") != "Bearer" {
			return errors.New("without WWW-Authenticate: Bearer")
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 3600 {
			return fmt.Errorf("with Retry-After %q", answer.Header.Get("Retry-After"))
		}
	}
	if operation == nil { // no call at all, or not by that method
		if answer.StatusCode != http.StatusNotFound && answer.StatusCode != http.StatusMethodNotAllowed {
			return errors.New("for a call that the document lacks")
		}
		return fits(document.Components.Schemas["Problem"], body)
	}
	documented := operation.Responses.Status(answer.StatusCode)
	if documented == nil {
		return fmt.Errorf("a status that the document does not list for %s: %s", operation.OperationID, body)
	}
	if len(documented.Value.Content) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("with a body: %s", body)
		}
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	media := documented.Value.Content[mediaType]
	switch {
	case media == nil:
		return fmt.Errorf("of type %s, which the document does not list", mediaType)
	case strings.HasSuffix(mediaType, "json"):
		return fits(media.Schema, body)
	}
	return nil
}

// fits says how JSON breaks a schema of the document.
func fits(schema *openapi3.SchemaRef, text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return schema.Value.VisitJSON(value, openapi3.MultiErrors(), openapi3.EnableFormatValidation(), openapi3.VisitAsResponse())
}
