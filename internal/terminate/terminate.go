// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package terminate ends many sessions in one act (A9): it asks for the end of each, and says what became of each request. The operator then ends them and tells their clients.
package terminate

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

const (
	// defaultParallel is how many requests are under way at a time unless Request says otherwise.
	defaultParallel = 16
	// maxTries bounds how often a session is tried that others keep writing.
	maxTries = 8
	// MaxMessage is the longest message there may be, in characters.
	MaxMessage = 1024
)

// Target is a session to end. A session of the same name with another uid is another login, and is left alone.
type Target struct {
	Namespace, Name string
	// UID is required.
	UID types.UID
	// ResourceVersion is that of the record by which the session was chosen; empty: it is read first.
	ResourceVersion string
}

// Request says how to end sessions.
type Request struct {
	// Message is told to the sessions' clients: at most 1,024 characters, no control characters but line ends and tabs. Empty: the operator's own.
	Message string
	// DryRun has the API server check each request and carry none out.
	DryRun bool
	// Parallel is how many requests are under way at a time; 0: 16.
	Parallel int
	// Still, where it is given, says of a record that somebody wrote since it was chosen whether its session is still to be ended.
	Still func(*licensing.UserSession) bool
	// Progress, where it is given, is called after each session with the number of those done, never at the same time as another call of it.
	Progress func(done, of int)
}

// Outcome is what became of the request to end a session.
type Outcome string

// The outcomes there are.
const (
	// Asked: the operator was asked to end the session.
	Asked Outcome = "Asked"
	// AskedBefore: somebody had asked for its end before; the first message stays.
	AskedBefore Outcome = "AskedBefore"
	// Ended: the session had ended or was denied before, and nothing was written.
	Ended Outcome = "Ended"
	// Spared: the record was written since it was chosen, and the session is not to be ended any more.
	Spared Outcome = "Spared"
	// Gone: there is no such session any more.
	Gone Outcome = "Gone"
	// Forbidden: who asks may not end sessions there.
	Forbidden Outcome = "Forbidden"
	// Failed: the API server could not be asked, or refused it for another reason.
	Failed Outcome = "Failed"
	// NotTried: the work was called off before.
	NotTried Outcome = "NotTried"
)

// Result is what became of one session.
type Result struct {
	Target

	Outcome Outcome
	// Action and Message are how a session had Ended.
	Action  licensing.TerminationAction
	Message string
	// Err is why the outcome is Forbidden, Failed or NotTried; nil otherwise.
	Err error
}

// Done says whether there is nothing left to do about the session: it has ended, is about to, or is not to be ended.
func (r *Result) Done() bool {
	switch r.Outcome {
	case Asked, AskedBefore, Ended, Spared, Gone:
		return true
	case Forbidden, Failed, NotTried:
	}
	return false
}

// All asks for the end of each target and returns what became of each, in their order. When ctx ends, those not yet tried are NotTried.
func All(ctx context.Context, api client.Client, targets []Target, request Request) []Result {
	results := make([]Result, len(targets))
	parallel := request.Parallel
	if parallel <= 0 {
		parallel = defaultParallel
	}
	next := make(chan int)
	var group sync.WaitGroup
	var progress sync.Mutex
	done := 0
	for range min(parallel, len(targets)) {
		group.Go(func() {
			for i := range next {
				results[i] = one(ctx, api, targets[i], &request)
				if request.Progress != nil {
					progress.Lock()
					done++
					request.Progress(done, len(targets))
					progress.Unlock()
				}
			}
		})
	}
	for i := range targets {
		next <- i // a call that was called off ends at once, so that this does not wait for long
	}
	close(next)
	group.Wait()
	return results
}

// one asks for the end of one session. The request holds for the record that was looked at alone, so that one that ended meanwhile is not written.
func one(ctx context.Context, api client.Client, target Target, request *Request) Result {
	result := Result{Target: target}
	revision, looked := target.ResourceVersion, false
	var err error
	for range maxTries {
		if ctx.Err() != nil {
			return result.failed(NotTried, context.Cause(ctx))
		}
		if revision == "" {
			record := &licensing.UserSession{}
			if err = api.Get(ctx, client.ObjectKey{Namespace: target.Namespace, Name: target.Name}, record); err != nil {
				return result.refused(err)
			}
			if settled := result.settled(record); settled {
				return result
			}
			if request.Still != nil && record.ResourceVersion != target.ResourceVersion && !request.Still(record) {
				result.Outcome = Spared
				return result
			}
			revision, looked = record.ResourceVersion, true
		}
		if err = ask(ctx, api, target, revision, request); err == nil {
			result.Outcome = Asked
			return result
		}
		// What the API server finds invalid may be a second request for an end; once the record was looked at, it is the request itself.
		if !apierrors.IsConflict(err) && (!apierrors.IsInvalid(err) || looked) {
			return result.refused(err)
		}
		revision = ""
	}
	return result.refused(err)
}

// settled takes in a record of which there is nothing left to ask.
func (r *Result) settled(record *licensing.UserSession) bool {
	row := grid.NewRow(record, false)
	switch {
	case record.UID != r.UID:
		r.Outcome = Gone
	case !row.Live():
		r.Outcome, r.Action, r.Message = Ended, record.Status.TerminationAction, record.Status.Message
	case row.Ending:
		r.Outcome = AskedBefore
	default:
		return false
	}
	return true
}

func ask(ctx context.Context, api client.Client, target Target, revision string, request *Request) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": target.UID, "resourceVersion": revision},
		// The message is stated though it be empty, or it would leave an earlier request's as it is and seem to be taken.
		"spec": map[string]any{"termination": map[string]any{"requestedBy": licensing.RequesterAdministrator, "message": request.Message}},
	})
	if err != nil {
		return err
	}
	record := &licensing.UserSession{}
	record.Namespace, record.Name = target.Namespace, target.Name
	var options []client.PatchOption
	if request.DryRun {
		options = append(options, client.DryRunAll)
	}
	return api.Patch(ctx, record, client.RawPatch(types.MergePatchType, patch), options...)
}

// refused is the result of a request that the API server did not carry out.
func (r Result) refused(err error) Result {
	switch {
	case apierrors.IsNotFound(err):
		r.Outcome = Gone
		return r
	case apierrors.IsForbidden(err):
		return r.failed(Forbidden, err)
	default:
		return r.failed(Failed, err)
	}
}

func (r Result) failed(outcome Outcome, err error) Result {
	r.Outcome, r.Err = outcome, err
	return r
}

// CheckMessage says what is wrong with a message that the API server would refuse; nil: nothing.
func CheckMessage(message string) error {
	if n := utf8.RuneCountInString(message); n > MaxMessage {
		return errors.New("the message must have at most 1,024 characters")
	}
	for _, c := range message {
		if c != '\n' && c != '\t' && (c < ' ' || (c >= 0x7f && c < 0xa0)) {
			return errors.New("the message must not contain control characters other than line ends and tabs")
		}
	}
	if !utf8.ValidString(message) {
		return errors.New("the message must be text in UTF-8")
	}
	return nil
}

// Count is how many results have each outcome.
func Count(results []Result) map[Outcome]int {
	counts := map[Outcome]int{}
	for i := range results {
		counts[results[i].Outcome]++
	}
	return counts
}
