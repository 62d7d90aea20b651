// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// wall is the clock of the network's deadlines. What becomes of sessions goes by Gateway.Clock alone.
var wall clock.PassiveClock = clock.RealClock{}

// call is one request's answer in the making: the response writer that the handlers get. They are used again and again, with their buffers.
type call struct {
	http.ResponseWriter

	op      *operation
	status  int
	started time.Time
	// body is what was read, answer what is written.
	body, answer []byte
	report       activity.Report
}

// keptBuffer is how large a buffer may be to be used again.
const keptBuffer = 64 << 10

var callPool = sync.Pool{New: func() any { return &call{body: make([]byte, 0, 512), answer: make([]byte, 0, 512)} }}

func (c *call) reset() {
	if cap(c.body) > keptBuffer {
		c.body = nil
	}
	if cap(c.answer) > keptBuffer {
		c.answer = nil
	}
	*c = call{body: c.body[:0], answer: c.answer[:0]}
}

// callOf is the call that a handler's writer is; op is which call it turned out to be.
func callOf(w http.ResponseWriter, op *operation) *call {
	c := w.(*call)
	c.op = op
	return c
}

// Unwrap is for http.ResponseController.
func (c *call) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// WriteHeader gives the client some time to take the answer.
func (c *call) WriteHeader(status int) {
	if c.status != 0 {
		return
	}
	c.status = status
	c.giveTime()
	c.ResponseWriter.WriteHeader(status)
}

// Write is http.ResponseWriter's.
func (c *call) Write(data []byte) (int, error) {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	return c.ResponseWriter.Write(data)
}

// giveTime sets the deadline of the next write. It lasts until another is set, over a connection's later requests as well, so each answer sets its own.
func (c *call) giveTime() {
	// Writers that know no deadlines, in tests, have none.
	_ = http.NewResponseController(c.ResponseWriter).SetWriteDeadline(wall.Now().Add(writeTimeout))
}

// Headers that every answer has; shared, so that a heartbeat allocates none.
var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
	closed   = []string{"close"}
)

// send answers with JSON that was made already.
func (c *call) send(status int, document []byte) {
	h := c.Header()
	h["Content-Type"] = jsonType
	h["Cache-Control"] = noStore
	c.WriteHeader(status)
	_, _ = c.Write(document) // whoever went away meanwhile needs no answer
}

// sendJSON answers 200 with a document of gatewayapi.
func (c *call) sendJSON(document any) {
	data, err := json.Marshal(document)
	if err != nil { // only text that is no JSON could do that, and the API server took it for such
		c.refuse(&problem{Problem: gatewayapi.NewProblem(gatewayapi.ReasonInternal, "The answer cannot be written as JSON.")})
		return
	}
	c.send(http.StatusOK, append(data, '\n'))
}

// noContent answers that it is done.
func (c *call) noContent() {
	c.Header()["Cache-Control"] = noStore
	c.WriteHeader(http.StatusNoContent)
}

// refuse answers with a problem.
func (c *call) refuse(p *problem) {
	if c.status != 0 {
		return
	}
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		c.Header().Set("Retry-After", retryAfter(p))
	}
	p.Write(c)
}

// front is in front of all calls: it counts them, bounds their time and catches their panics.
type front struct {
	*Gateway
	mux *http.ServeMux
}

// ServeHTTP is http.Handler's.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := callPool.Get().(*call)
	c.ResponseWriter, c.op, c.started = w, opOther, wall.Now()
	defer f.finish(c, r)
	if r.ProtoMajor == 1 {
		// The connection's earlier requests left a deadline that may be over. On HTTP/2 it would be the stream's, and reset it.
		c.giveTime()
		if r.ContentLength != 0 {
			// A call that is refused before its body is read is not answered before the server has thrown the body away, for which it would wait without end.
			_ = http.NewResponseController(w).SetReadDeadline(wall.Now().Add(unreadTimeout))
		}
	}
	if f.cutOff() {
		c.Header()["Connection"] = closed // clients had better come back through the load balancer, perhaps to another replica
	}
	f.mux.ServeHTTP(c, r)
}

// finish is deferred: it counts the request, and answers in place of a handler that panicked.
func (f *front) finish(c *call, r *http.Request) {
	failure := recover()
	aborted, _ := failure.(error)
	if errors.Is(aborted, http.ErrAbortHandler) {
		defer panic(failure) // the server's own way to end a connection
	} else if failure != nil {
		// What was panicked with may hold anything; what the runtime says holds no data of a request.
		what := fmt.Sprintf("%T", failure)
		if err, ok := failure.(runtime.Error); ok {
			what = err.Error()
		}
		f.Log.Error(nil, "A request panicked", "call", c.op.name, "method", r.Method, "panic", what, "stack", string(debug.Stack()))
		c.refuse(&problem{Problem: gatewayapi.NewProblem(gatewayapi.ReasonInternal, "The gateway failed to answer; its log says more.")})
	}
	if c.status == 0 && failure == nil {
		c.status = http.StatusOK
	}
	c.op.count(c.status)
	if c.op != opSessionEvents {
		c.op.seconds.Observe(wall.Since(c.started).Seconds())
	}
	if failure != nil {
		return // a call that panicked is not used again
	}
	c.reset()
	callPool.Put(c)
}

// badParameter answers requests whose path, query or headers the generated wiring cannot read.
func badParameter(w http.ResponseWriter, r *http.Request, err error) {
	c := callOf(w, opOther)
	if _, ok := bearer(r); !ok {
		c.refuse(unauthenticated())
		return
	}
	c.refuse(bad("%s.", strings.TrimSuffix(firstUpper(err.Error()), ".")))
}

// notFound answers requests that are none of the calls.
func notFound(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := callOf(w, opOther)
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != "/" && pattern != "" {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			c.refuse(&problem{Problem: gatewayapi.NewProblem(gatewayapi.ReasonNotFound, "There is no such call; GET /v1/openapi.yaml lists those that there are.")})
			return
		}
		c.Header().Set("Allow", strings.Join(allowed, ", "))
		c.refuse(&problem{Problem: gatewayapi.NewProblem(gatewayapi.ReasonMethodNotAllowed, "The method must be "+strings.Join(allowed, " or ")+".")})
	}
}

// GetDocument answers with the OpenAPI document.
func (g calls) GetDocument(w http.ResponseWriter, r *http.Request) {
	c := callOf(w, opDocument)
	if !g.addresses.take(neighbourhood(g.Proxies.Of(r)), g.Clock.Now()) {
		c.refuse(tooMany())
		return
	}
	c.Header().Set("Content-Type", "application/openapi+yaml")
	_, _ = c.Write(gatewayapi.Document)
}
