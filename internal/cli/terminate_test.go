// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

func keyOf(namespace, name string) client.ObjectKey {
	return client.ObjectKey{Namespace: namespace, Name: name}
}

// ends is the namespace of the sessions that are to end.
const ends = "ends"

func (s *site) asked(t *testing.T, name string) *licensing.Termination {
	t.Helper()
	o := &licensing.UserSession{}
	check(t, s.API.Get(t.Context(), keyOf(ends, name), o))
	return o.Spec.Termination
}

// over writes that a session has ended, as the operator does.
func (s *site) over(t *testing.T, name string, action licensing.TerminationAction, message string) {
	t.Helper()
	o := &licensing.UserSession{}
	check(t, s.API.Get(t.Context(), keyOf(ends, name), o))
	o.Status.State, o.Status.TerminationAction, o.Status.TerminatedTime, o.Status.Message = licensing.SessionTerminated, action, new(metav1.NewTime(noon)), message
	check(t, s.API.Status().Update(t.Context(), o))
}

// listener keeps what is written to it, and closes heard when a word was.
type listener struct {
	text  bytes.Buffer
	word  string
	heard chan struct{}
}

func (l *listener) Write(p []byte) (int, error) {
	before := strings.Contains(l.text.String(), l.word)
	n, err := l.text.Write(p)
	if !before && strings.Contains(l.text.String(), l.word) {
		close(l.heard)
	}
	return n, err
}

func (s *site) terminate(t *testing.T) {
	ctx := t.Context()
	const ns = ends
	s.namespace(t, ns)
	s.make(t, maker.MakeLicensePool("service-desk").Namespace(ns).Concurrent(50).Obj())
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		s.make(t, session(name, ns).Active(licensing.SeatConcurrent, "c-"+name, noon.Add(-time.Hour)).LastActivity(noon.Add(-40*time.Minute)).Obj())
	}
	s.make(t, session("over", ns).Denied(licensing.ReasonSeatsExhausted, noon).Message("All 50 concurrent seats are taken.").Obj())

	t.Run("must be told which", func(t *testing.T) {
		for _, test := range []struct {
			args []string
			want string
		}{
			{nil, "it must be said which sessions end"},
			{[]string{"a", "--all"}, "by their names or by flags, not by both"},
			{[]string{"a", "-A"}, "one in one namespace"},
			{[]string{"--state", "Denied"}, "a session that is Denied has ended"},
			{[]string{"a", "--dry-run=yes"}, "--dry-run must be none, client or server"},
			{[]string{"a", "--message", "\x1b[31m"}, "--message: the message must not contain control characters"},
			{[]string{"a"}, "nobody can be asked"},
		} {
			_, _, err := s.ender.seats(ctx, append([]string{"terminate", "-n", ns}, test.args...)...)
			wantError(t, err, test.want)
		}
	})
	t.Run("dry runs end nothing", func(t *testing.T) {
		out, _, err := s.ender.seats(ctx, "terminate", "--all", "--dry-run", "-n", ns)
		check(t, err)
		if strings.Count(out, "would be asked to end (dry run)") != 6 {
			t.Error(out)
		}
		out, _, err = s.ender.seats(ctx, "terminate", "a", "--dry-run=server", "-n", ns)
		check(t, err)
		want(t, out, "usersession.licensing.seatkeeper.dev/a asked to end (server dry run)\n")
		_, _, err = s.viewer.seats(ctx, "terminate", "a", "--dry-run=server", "-n", ns)
		wantError(t, err, "1 of 1 sessions were not ended", "forbidden")
		if s.asked(t, "a") != nil {
			t.Error("a dry run must end nothing")
		}
	})
	t.Run("asks, says how many of which pools, and takes no for an answer", func(t *testing.T) {
		for _, answer := range []string{"", "n\n", "\n", "yep\n"} {
			_, errOut, err := s.ender.answering(answer).seats(ctx, "terminate", "--all", "-n", ns, "--message", "Maintenance.")
			wantError(t, err, "nothing was ended")
			for _, said := range []string{"6 sessions of 6 users would end:\n  6 of pool ends/service-desk\n  a: a, Web, Active\n", "Their clients are told: Maintenance.", "End them? [y/N] "} {
				if !strings.Contains(errOut, said) {
					t.Errorf("must say %q: %s", said, errOut)
				}
			}
		}
		if s.asked(t, "a") != nil {
			t.Error("no is no")
		}
	})
	t.Run("needs the permission", func(t *testing.T) {
		out, _, err := s.viewer.seats(ctx, "terminate", "a", "b", "--yes", "-n", ns)
		wantError(t, err, "2 of 2 sessions were not ended", "kubectl create rolebinding NAME --clusterrole=seatkeeper-session-admin --user=system:serviceaccount:default:viewer -n ends")
		want(t, out, "usersession.licensing.seatkeeper.dev/a not ended: you may not\nusersession.licensing.seatkeeper.dev/b not ended: you may not\n")
		_, _, err = s.nobody.seats(ctx, "terminate", "a", "--yes", "-n", ns)
		wantError(t, err, "forbidden")
	})
	t.Run("ends those it was told, and says what became of each", func(t *testing.T) {
		out, errOut, err := s.ender.answering("Yes\n").seats(ctx, "terminate", "a", "over", "absent", "-n", ns, "-m", "Maintenance.", "--wait=false")
		wantError(t, err, `"absent" not found in namespace `+ns)
		want(t, out, "usersession.licensing.seatkeeper.dev/over had ended before: All 50 concurrent seats are taken.\nusersession.licensing.seatkeeper.dev/a asked to end\n")
		if !strings.Contains(errOut, "1 session of 1 user would end:") {
			t.Error(errOut)
		}
		if got := s.asked(t, "a"); got == nil || got.RequestedBy != licensing.RequesterAdministrator || got.Message != "Maintenance." {
			t.Errorf("%+v", got)
		}
		out, _, err = s.ender.seats(ctx, "terminate", "a", "--yes", "--wait=false", "-n", ns)
		check(t, err)
		want(t, out, "usersession.licensing.seatkeeper.dev/a was asked to end before\n")
		out, errOut, err = s.ender.seats(ctx, "terminate", "--user", "B", "--user", "c", "--yes", "--wait=false", "-n", ns)
		check(t, err)
		want(t, out, "usersession.licensing.seatkeeper.dev/b asked to end\nusersession.licensing.seatkeeper.dev/c asked to end\n")
		want(t, errOut, "2 sessions: 2 asked to end.\n")
		_, errOut, err = s.ender.seats(ctx, "terminate", "--user", "zoe", "--yes", "-n", ns)
		check(t, err)
		want(t, errOut, "There are no such sessions; nothing was ended.\n")
	})
	t.Run("waits until they have ended, and says how", func(t *testing.T) {
		var out string
		done := make(chan error, 1)
		// What a person reads: a session that goes before its request is answered was none to end, so that all must be answered before one is deleted.
		reads := &listener{word: "Sessions asked to end: 3 of 3", heard: make(chan struct{})}
		user := s.ender
		user.change = func(e *Environment) { e.Interactive, e.Streams.ErrOut = true, reads }
		go func() {
			var err error
			out, _, err = user.seats(ctx, "terminate", "--user", "c", "--user", "d", "--user", "e", "--yes", "--timeout=0", "-n", ns, "-m", "Maintenance.")
			done <- err
		}()
		select {
		case <-reads.heard:
		case err := <-done:
			t.Fatalf("it must wait: %v\n%s", err, reads.text.String())
		}
		s.over(t, "d", licensing.RequestedByAdministrator, "Maintenance.")
		s.over(t, "e", licensing.ExpiredSessionTerminated, "It was idle.")
		o := &licensing.UserSession{}
		o.Namespace, o.Name = ns, "c"
		check(t, s.API.Delete(ctx, o))
		check(t, <-done)
		want(t, out, "usersession.licensing.seatkeeper.dev/c ended\nusersession.licensing.seatkeeper.dev/d ended\n"+
			"usersession.licensing.seatkeeper.dev/e ended before it could be: It was idle.\n")
		if errOut := reads.text.String(); !strings.HasSuffix(errOut, "3 sessions: 3 ended.\n") {
			t.Errorf("%q", errOut)
		}
	})
	t.Run("does not wait for ever", func(t *testing.T) {
		out, _, err := s.ender.seats(ctx, "terminate", "a", "--yes", "--timeout=100ms", "-n", ns)
		wantError(t, err, "1 of 1 sessions have not ended yet, and none has for 100ms", "kubectl get pods -n seatkeeper-system")
		want(t, out, "usersession.licensing.seatkeeper.dev/a was asked to end before, and has not ended yet\n")
	})
	t.Run("says that it cannot know, to who may ask for ends and may not see them", func(t *testing.T) {
		check(t, s.API.Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "asker"},
			Rules: []rbacv1.PolicyRule{{APIGroups: []string{licensing.GroupVersion.Group}, Resources: []string{"usersessions"}, Verbs: []string{"get", "patch"}}}}))
		asker := s.user(t, "asker")
		s.bind(t, ns, "Role", "asker", "asker")
		until(t, "the role is known", func() bool {
			_, _, err := asker.seats(ctx, "show", "b", "-n", ns, "--refresh=false")
			return err == nil
		})
		out, _, err := asker.seats(ctx, "terminate", "b", "--yes", "-n", ns)
		wantError(t, err, "they were asked to end, and whether they have is not known (--wait=false does not ask)", "forbidden")
		want(t, out, "usersession.licensing.seatkeeper.dev/b asked to end\n")
	})
	t.Run("ends nobody for idleness on an old record, unless told to", func(t *testing.T) {
		_, _, err := s.ender.seats(ctx, "terminate", "--idle-over", "30m", "--yes", "-n", ns)
		wantError(t, err, "nothing was ended, since not all of the gateway's replicas could be asked", "--refresh=false goes by the record")
		if s.asked(t, "f") != nil {
			t.Error("nothing may be ended")
		}
		out, _, err := s.ender.seats(ctx, "terminate", "--idle-over", "30m", "--refresh=false", "--dry-run=client", "-n", ns)
		check(t, err)
		if !strings.Contains(out, "/f would be asked to end") {
			t.Error(out)
		}
	})
}
