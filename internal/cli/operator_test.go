// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/refresh"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	"github.com/seatkeeper/seatkeeper/test/controlplane"
	maker "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// outside is an address of this machine that is not loopback, which the API server's pod proxy refuses.
func outside(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	check(t, err)
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
			return ip.IP.String()
		}
	}
	t.Fatal("this machine must have an address that is not loopback: the API server proxies to no pod at a loopback address")
	return ""
}

// pod makes an object that stands for a replica, as the Deployment's pods do.
func (s *site) pod(t *testing.T, name string, r *replica.Replica, args ...string) {
	t.Helper()
	host, port, err := net.SplitHostPort(r.Address)
	check(t, err)
	number, err := strconv.ParseInt(port, 10, 32)
	check(t, err)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: replica.Namespace, Name: name, Labels: map[string]string{"app.kubernetes.io/name": "seatkeeper", "app.kubernetes.io/component": "operator"}},
		Spec: corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{Name: "seatkeeper", Image: "seatkeeper", Args: args,
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}, Ports: []corev1.ContainerPort{{Name: "gateway", ContainerPort: int32(number)}}}}}}
	check(t, s.API.Create(t.Context(), pod))
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: host, PodIPs: []corev1.PodIP{{IP: host}}}
	check(t, s.API.Status().Update(t.Context(), pod))
}

func (s *site) withAnOperator(t *testing.T) {
	ctx := t.Context()
	const ns = "live"
	s.namespace(t, ns)
	start := func(tls string) *replica.Replica {
		address, err := controlplane.FreeAddress(outside(t))
		check(t, err)
		r, err := s.Start(ctx, replica.Options{LeaderElect: true, TLS: tls, Address: address, Args: []string{"--freshness-budget=0", "--namespaces=" + ns}})
		check(t, err)
		t.Cleanup(func() { check(t, r.Stop()) })
		return r
	}
	secure, plain := start("self-signed"), start("off")
	s.make(t, maker.MakeLicensePool("service-desk").Namespace(ns).Concurrent(600).IdleTimeout(time.Hour).Obj())
	token, err := s.AppServer(ctx, ns, "portal")
	check(t, err)

	t.Run("ends five hundred, some of which are written meanwhile", func(t *testing.T) { s.fiveHundred(t, ns) })

	// Both replicas hear clients, and write nothing for freshness: the records lag.
	signOn := func(user string, at *replica.Replica) *gatewayapi.SignedOn {
		answer, err := at.Gateway().SignOn(ctx, token, ns, "service-desk", gatewayapi.Login{UserName: user}, replica.SignOnOptions{Wait: time.Minute})
		check(t, err)
		if answer.OK == nil {
			t.Fatalf("not signed on: %s", answer)
		}
		return answer.OK
	}
	works, idles := signOn("works", secure), signOn("idles", plain)
	lag := func(signed *gatewayapi.SignedOn, at *replica.Replica) {
		until(t, "the user did something that is not on record", func() bool {
			a, err := at.Gateway().Beat(ctx, signed.Token, &gatewayapi.HeartbeatReport{Active: true})
			check(t, err)
			return a.OK != nil && a.OK.TimeoutTime != nil && a.OK.TimeoutTime.Sub(signed.LogonTime) > time.Hour+2*time.Second
		})
	}
	lag(works, secure)
	list := func(user shell, args ...string) (out, errOut string) {
		t.Helper()
		out, errOut, err := user.now().seats(ctx, append([]string{"sessions", "-n", ns}, args...)...)
		check(t, err)
		return out, errOut
	}
	t.Run("without permission, the records are shown and one sentence", func(t *testing.T) {
		out, errOut := list(s.viewer, "--refresh")
		if !strings.Contains(out, works.Name) || strings.Count(errOut, "\n") != 1 ||
			!strings.Contains(errOut, "LAST ACTIVITY is as recorded, and may lag: you may not ask the gateway's replicas; who administers the cluster can let you: `kubectl create rolebinding NAME --role=seatkeeper-activity-reader --user=system:serviceaccount:default:viewer -n seatkeeper-system`") {
			t.Errorf("%s%s", out, errOut)
		}
	})
	for _, user := range []string{"viewer", "ender"} {
		s.bind(t, replica.Namespace, "Role", refresh.Role, user)
	}
	t.Run("without pods as well", func(t *testing.T) {
		until(t, "the role is known", func() bool {
			_, errOut := list(s.viewer, "--refresh")
			return strings.HasPrefix(errOut, "LAST ACTIVITY is as recorded, and may lag: no pod of the operator was found in namespace seatkeeper-system")
		})
	})
	s.pod(t, "seatkeeper-secure", secure, "--gateway-tls=self-signed")
	s.pod(t, "seatkeeper-plain", plain, "--gateway-tls=off")

	exact := func(name string, args ...string) time.Time {
		t.Helper()
		out, errOut, err := s.viewer.now().seats(ctx, append([]string{"sessions", "-n", ns, "-o", "json"}, args...)...)
		check(t, err)
		want(t, errOut, "")
		for _, o := range decodeList(t, out) {
			if o.Name == name {
				return o.Status.LastActivityTime.Time
			}
		}
		t.Fatalf("no %s in %s", name, out)
		return time.Time{}
	}
	t.Run("every replica is asked through the API server's pod proxy, and the newest answer is shown", func(t *testing.T) {
		lag(idles, plain)
		for _, signed := range []*gatewayapi.SignedOn{works, idles} {
			recorded, fresh := exact(signed.Name), exact(signed.Name, "--refresh")
			if fresh.Sub(recorded) < time.Second {
				t.Errorf("%s: recorded %v, known %v", signed.Name, recorded, fresh)
			}
		}
		out, errOut, err := s.viewer.now().seats(ctx, "show", works.Name, "-n", ns)
		check(t, err)
		want(t, errOut, "")
		if strings.Contains(out, "as recorded") {
			t.Errorf("must be exact:\n%s", out)
		}
	})
	t.Run("nobody who works is ended for idleness, whatever the record says", func(t *testing.T) {
		// On record both did nothing since their logon; in truth one works on.
		began := time.Now()
		until(t, "one has idled for five seconds, and the other works", func() bool {
			a, err := secure.Gateway().Beat(ctx, works.Token, &gatewayapi.HeartbeatReport{Active: true})
			check(t, err)
			return a.OK != nil && time.Since(began) > 6*time.Second
		})
		out, _, err := s.ender.now().seats(ctx, "terminate", "--user", "works", "--user", "idles", "--idle-over", "5s", "--yes", "-n", ns)
		check(t, err)
		if !strings.Contains(out, idles.Name+" ended\n") || strings.Contains(out, works.Name) {
			t.Errorf("only who idles may end: %s", out)
		}
		until(t, "the idle client is told", func() bool {
			a, err := plain.Gateway().Beat(ctx, idles.Token, nil)
			check(t, err)
			return a.Reason() == "Terminated" && a.Problem.TerminationAction == "RequestedByAdministrator"
		})
	})
	t.Run("a replica that does not answer is named", func(t *testing.T) {
		pod := &corev1.Pod{}
		check(t, s.API.Get(ctx, keyOf(replica.Namespace, "seatkeeper-plain"), pod))
		silent := pod.DeepCopy()
		silent.ObjectMeta = metav1.ObjectMeta{Namespace: pod.Namespace, Name: "seatkeeper-silent", Labels: pod.Labels}
		silent.Spec.Containers[0].Ports[0].ContainerPort = 1
		check(t, s.API.Create(ctx, silent))
		silent.Status = pod.Status
		check(t, s.API.Status().Update(ctx, silent))
		_, errOut := list(s.viewer, "--refresh")
		if !strings.Contains(errOut, "1 of 3 replicas of the gateway did not answer (seatkeeper-silent)") {
			t.Error(errOut)
		}
		_, _, err := s.ender.now().seats(ctx, "terminate", "--all", "--idle-over", "1s", "--yes", "-n", ns)
		wantError(t, err, "nothing was ended, since not all of the gateway's replicas could be asked")
	})
}

// fiveHundred signs 500 users on and ends them in one act, while a replica and a user write some of their records.
func (s *site) fiveHundred(t *testing.T, ns string) {
	t.Helper()
	ctx := t.Context()
	const users = 500
	each := func(do func(i int)) {
		var group sync.WaitGroup
		next := make(chan int)
		for range 16 {
			group.Go(func() {
				for i := range next {
					do(i)
				}
			})
		}
		for i := range users {
			next <- i
		}
		close(next)
		group.Wait()
	}
	each(func(i int) {
		if err := s.API.Create(ctx, session(fmt.Sprintf("user-%03d", i), ns).MaxWait(time.Minute).Obj()); err != nil {
			t.Error(err)
		}
	})
	in := func(state licensing.SessionState) int {
		list := &licensing.UserSessionList{}
		check(t, s.API.List(ctx, list, client.InNamespace(ns), client.MatchingFields{fieldState: string(state)}))
		return len(list.Items)
	}
	until(t, "all are signed on", func() bool { return in(licensing.SessionActive) == users })

	// While the person reads the question, some records are written and one user signs out.
	reads := &pause{asked: func() {
		for i := range 40 {
			o := &licensing.UserSession{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: fmt.Sprintf("user-%03d", i*7)}}
			check(t, s.API.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"written":"meanwhile"}}}`))))
		}
		o := &licensing.UserSession{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "user-499"}}
		check(t, s.API.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"termination":{"requestedBy":"User"}}}`))))
		until(t, "it has ended", func() bool { return in(licensing.SessionTerminated) == 1 })
	}}
	ender := s.ender
	ender.change = func(e *Environment) { e.Interactive, e.Streams.In = true, reads }
	out, errOut, err := ender.seats(ctx, "terminate", "--pool", "service-desk", "-n", ns, "--message", "Maintenance at noon.")
	check(t, err)
	if !strings.Contains(errOut, "500 sessions of 500 users would end:\n  500 of pool live/service-desk\n") || !strings.Contains(errOut, "500 sessions: 499 ended, 1 had ended.\n") ||
		!strings.Contains(errOut, "Sessions asked to end: 500 of 500") || !strings.Contains(errOut, "Sessions ended: 499 of 499") {
		t.Errorf("%q", errOut)
	}
	if got := strings.Count(out, " ended\n"); got != users-1 {
		t.Errorf("%d lines of sessions that have ended", got)
	}
	if got := in(licensing.SessionTerminated); got != users {
		t.Errorf("%d have ended when the command says that all have", got)
	}
	list := &licensing.UserSessionList{}
	check(t, s.API.List(ctx, list, client.InNamespace(ns)))
	byHand, byUser := 0, 0
	for i := range list.Items {
		switch status := list.Items[i].Status; {
		case status.TerminationAction == licensing.RequestedByAdministrator && status.Message == "Maintenance at noon.":
			byHand++
		case status.TerminationAction == licensing.RequestedByUser && list.Items[i].Name == "user-499":
			byUser++
		}
	}
	if byHand != users-1 || byUser != 1 {
		t.Errorf("%d were ended by the administrator, %d by their user", byHand, byUser)
	}
}

// pause is a person who takes a while to say yes.
type pause struct {
	asked func()
	once  sync.Once
	left  strings.Reader
}

func (p *pause) Read(b []byte) (int, error) {
	p.once.Do(func() {
		p.asked()
		p.left.Reset("y\n")
	})
	return p.left.Read(b)
}

func decodeList(t *testing.T, text string) []licensing.UserSession {
	t.Helper()
	var list licensing.UserSessionList
	check(t, json.Unmarshal([]byte(text), &list))
	return list.Items
}
