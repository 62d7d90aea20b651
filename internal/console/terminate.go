// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/seatkeeper/seatkeeper/internal/terminate"
)

// maxTargets bounds how many sessions one request may end.
const maxTargets = 20_000

// order is a request to end sessions.
type order struct {
	// Keys identify them: namespace/name/uid.
	Keys []string `json:"keys"`
	// Message is told to their clients.
	Message string `json:"message"`
}

// progress is one line of the answer: how far the work is, or, at its end, what became of each session.
type progress struct {
	Done    int          `json:"done"`
	Of      int          `json:"of"`
	Summary string       `json:"summary,omitempty"`
	Results []oneOutcome `json:"results,omitempty"`
}

type oneOutcome struct {
	Key     string            `json:"key"`
	Outcome terminate.Outcome `json:"outcome"`
	// Good: there is nothing left to do about it.
	Good     bool   `json:"good"`
	Sentence string `json:"sentence"`
}

// terminate asks for the end of sessions (A9), and tells the page line by line how far it is. Leaving the page calls off what was not tried yet.
func (c *Console) terminate(w http.ResponseWriter, r *http.Request) {
	targets, message, problem := c.targets(r)
	if problem != "" {
		refuse(w, http.StatusBadRequest, problem)
		return
	}
	out := &line{stream: newStream(w, "application/x-ndjson")}
	step := max(1, len(targets)/100)
	results := terminate.All(r.Context(), c.options.API, targets, terminate.Request{Message: message, Progress: func(done, of int) {
		if done%step == 0 && done < of {
			out.send(progress{Done: done, Of: of})
		}
	}})
	last := progress{Done: len(results), Of: len(results), Summary: summary(results)}
	for i := range results {
		result := &results[i]
		last.Results = append(last.Results, oneOutcome{
			Key:     strings.Join([]string{result.Namespace, result.Name, string(result.UID)}, "/"),
			Outcome: result.Outcome, Good: result.Done(), Sentence: sentence(result),
		})
	}
	out.send(last)
}

// targets reads the request; problem is what is wrong with it, in a sentence.
func (c *Console) targets(r *http.Request) (targets []terminate.Target, message, problem string) {
	var asked order
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return nil, "", "The request must be JSON of at most 4 MiB with keys and message: " + err.Error() + "."
	}
	if len(asked.Keys) == 0 || len(asked.Keys) > maxTargets {
		return nil, "", fmt.Sprintf("Between 1 and %d sessions can be ended in one act.", maxTargets)
	}
	if err := terminate.CheckMessage(asked.Message); err != nil {
		return nil, "", upper(err.Error()) + "."
	}
	for _, key := range asked.Keys {
		parts := strings.Split(key, "/")
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
			return nil, "", "Each key must be a session's namespace, name and unique id, with a slash between them."
		}
		targets = append(targets, terminate.Target{Namespace: parts[0], Name: parts[1], UID: types.UID(parts[2])})
	}
	return targets, asked.Message, ""
}

// line sends lines of JSON, one at a time.
type line struct {
	stream *stream
	mu     sync.Mutex
}

func (l *line) send(p progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, err := json.Marshal(p)
	if err == nil {
		_ = l.stream.send("%s\n", text) // a page that went away called the rest off
	}
}

// sentence says what became of one session.
func sentence(r *terminate.Result) string {
	switch r.Outcome {
	case terminate.Asked:
		return "Its end was asked for."
	case terminate.AskedBefore:
		return "Its end had been asked for before."
	case terminate.Ended:
		return "It had ended already."
	case terminate.Gone:
		return "It does not exist any more."
	case terminate.Forbidden:
		return "You may not end sessions in namespace " + r.Namespace + ". Who administers the cluster can let you, by the role seatkeeper-session-admin."
	case terminate.NotTried:
		return "It was not tried: the work was called off."
	case terminate.Failed, terminate.Spared: // nobody is spared without Request.Still
	}
	return explain(r.Err, about{plural: "sessions", namespace: r.Namespace}).Text
}

// summary says what became of all.
func summary(results []terminate.Result) string {
	counts := terminate.Count(results)
	var parts []string
	for _, part := range []struct {
		outcome   terminate.Outcome
		one, many string
	}{
		{terminate.Asked, "1 session is being ended", "%d sessions are being ended"},
		{terminate.AskedBefore, "1 was being ended before", "%d were being ended before"},
		{terminate.Ended, "1 had ended already", "%d had ended already"},
		{terminate.Gone, "1 does not exist any more", "%d do not exist any more"},
		{terminate.Forbidden, "1 you may not end", "%d you may not end"},
		{terminate.Failed, "1 failed", "%d failed"},
		{terminate.NotTried, "1 was not tried", "%d were not tried"},
	} {
		switch n := counts[part.outcome]; n {
		case 0:
		case 1:
			parts = append(parts, part.one)
		default:
			parts = append(parts, fmt.Sprintf(part.many, n))
		}
	}
	return upper(strings.Join(parts, ", ")) + "."
}

func upper(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
