// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package refresh

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// site is an API server that knows pods and passes calls on to them.
type site struct {
	pods []corev1.Pod
	// answers is what a pod answers, by what the proxy was asked for ("https:a:9443"); one that is missing is not there.
	answers map[string][]gatewayapi.Activity
	status  int // of the pods' list; 0: 200

	mu    sync.Mutex
	asked []string
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fail := func(code int, reason metav1.StatusReason, message string) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Code: int32(code), Reason: reason, Message: message})
	}
	const pods = "/api/v1/namespaces/operators/pods"
	target, proxied := strings.CutPrefix(r.URL.Path, pods+"/")
	switch {
	case r.URL.Path == pods && s.status != 0:
		fail(s.status, metav1.StatusReasonForbidden, `pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "operators"`)
	case r.URL.Path == pods && r.URL.Query().Get("labelSelector") == selector:
		_ = json.NewEncoder(w).Encode(corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: s.pods})
	case proxied && r.Method == http.MethodPost:
		target, ok := strings.CutSuffix(target, "/proxy/v1/activity")
		answers, there := s.answers[target]
		if !ok || !there {
			fail(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "connection refused")
			return
		}
		var question gatewayapi.ActivityQuestion
		if err := json.NewDecoder(r.Body).Decode(&question); err != nil || len(question.Uids) > maxUIDs {
			fail(http.StatusBadRequest, metav1.StatusReasonBadRequest, "too many")
			return
		}
		s.mu.Lock()
		s.asked = append(s.asked, fmt.Sprintf("%s %d", target, len(question.Uids)))
		s.mu.Unlock()
		answer := gatewayapi.ActivityAnswer{}
		for _, a := range answers {
			if slices.Contains(question.Uids, a.UID) {
				answer.Sessions = append(answer.Sessions, a)
			}
		}
		_ = json.NewEncoder(w).Encode(answer)
	default:
		fail(http.StatusNotFound, metav1.StatusReasonNotFound, r.URL.Path)
	}
}

func (s *site) asker(t *testing.T) *Asker {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	a, err := New(&rest.Config{Host: server.URL, QPS: -1}, "operators")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func pod(name string, change ...func(*corev1.Pod)) corev1.Pod {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.PodStatus{Phase: corev1.PodRunning},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "sidecar", Ports: []corev1.ContainerPort{{ContainerPort: 1}}},
			{Name: "seatkeeper", Args: []string{"--gateway-tls=self-signed"}, Ports: []corev1.ContainerPort{{Name: "metrics", ContainerPort: 8443}, {Name: "gateway", ContainerPort: 9443}}}}}}
	for _, f := range change {
		f(&p)
	}
	return p
}

func knows(uid string, ago time.Duration) gatewayapi.Activity {
	return gatewayapi.Activity{UID: uid, LastActivityTime: noon.Add(-ago), LastHeartbeatTime: new(noon.Add(-ago)), KeepAlive: true, TimeoutTime: new(noon.Add(time.Hour))}
}

func TestNewestAnswerCounts(t *testing.T) {
	s := &site{pods: []corev1.Pod{pod("a"), pod("b", func(p *corev1.Pod) { p.Spec.Containers[1].Args[0] = "--gateway-tls=off" }),
		pod("pending", func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending }), pod("stops", func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.NewTime(noon)) }),
		pod("another", func(p *corev1.Pod) { p.Spec.Containers[1].Ports = nil })},
		answers: map[string][]gatewayapi.Activity{
			"https:a:9443": {knows("1", time.Minute), knows("2", time.Second)},
			"http:b:9443":  {knows("1", time.Second), knows("2", time.Minute), {UID: "3", LastActivityTime: noon}},
		}}
	got, err := s.asker(t).Ask(t.Context(), []types.UID{"1", "2", "3", "4"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || !got["1"].LastActivity.Equal(noon.Add(-time.Second)) || !got["2"].LastHeartbeat.Equal(noon.Add(-time.Second)) || !got["2"].KeepAlive || !got["2"].Timeout.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v", got)
	}
	if f := got["3"]; !f.LastHeartbeat.IsZero() || !f.Timeout.IsZero() {
		t.Errorf("what is absent must be zero: %+v", f)
	}
}

func TestManyAreAskedInSeveralCalls(t *testing.T) {
	s := &site{pods: []corev1.Pod{pod("a")}, answers: map[string][]gatewayapi.Activity{"https:a:9443": {knows("uid-0", 0), knows("uid-2499", 0)}}}
	var uids []types.UID
	for i := range 2500 {
		uids = append(uids, types.UID(fmt.Sprintf("uid-%d", i)))
	}
	got, err := s.asker(t).Ask(t.Context(), uids)
	if err != nil || len(got) != 2 {
		t.Errorf("%d, %v", len(got), err)
	}
	if want := []string{"https:a:9443 1000", "https:a:9443 1000", "https:a:9443 500"}; !slices.Equal(s.asked, want) {
		t.Errorf("asked %v", s.asked)
	}
}

func TestWhatCouldNotBeAskedIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		site  *site
		known int
		want  []string
	}{
		"nobody is there":     {&site{}, 0, []string{"no pod of the operator was found in namespace operators"}},
		"may not list":        {&site{status: http.StatusForbidden}, 0, []string{"you may not ask", "kubectl create rolebinding NAME --role=seatkeeper-activity-reader --user=ann -n operators"}},
		"one does not answer": {&site{pods: []corev1.Pod{pod("a"), pod("b")}, answers: map[string][]gatewayapi.Activity{"https:a:9443": {knows("1", 0)}}}, 1, []string{"1 of 2 replicas", "(b)", "unable to handle the request"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.site.asker(t).Ask(t.Context(), []types.UID{"1"})
			if err == nil || len(got) != test.known {
				t.Fatalf("%v, %v", got, err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("must say %q: %v", part, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("must be one sentence: %v", err)
			}
		})
	}
	if got, err := (&site{}).asker(t).Ask(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("who asks nothing needs nobody: %v", err)
	}
}

// One replica heard that the user works, another a bare heartbeat a moment later: the user works.
func TestActivityThatOneReplicaHeardIsNotLostByAnothersHeartbeat(t *testing.T) {
	bare := knows("1", time.Hour)
	bare.LastHeartbeatTime = new(noon)
	s := &site{pods: []corev1.Pod{pod("a"), pod("b")}, answers: map[string][]gatewayapi.Activity{"https:a:9443": {knows("1", time.Minute)}, "https:b:9443": {bare}}}
	known, err := s.asker(t).Ask(t.Context(), []types.UID{"1"})
	if err != nil {
		t.Fatal(err)
	}
	if f := known["1"]; !f.LastActivity.Equal(noon.Add(-time.Minute)) || !f.LastHeartbeat.Equal(noon) {
		t.Errorf("last activity %s ago, heartbeat %s ago", noon.Sub(f.LastActivity), noon.Sub(f.LastHeartbeat))
	}
}
