// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package apimodel_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/controlplane"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

const namespace = "default"

// pair is the model and a real API server, which are asked the same.
type pair struct {
	t       *testing.T
	chance  *rand.Rand
	real    client.Client
	model   *apimodel.Server
	began   time.Time
	history []string
	answers map[string]int
	uids    map[types.UID]string // the real uids, and what stands for them
	// known are objects as they were read at some time from the real one and from the model, at the same time.
	known []twins
}

type twins struct{ real, model client.Object }

// TestTheModelAnswersAsARealAPIServerDoes asks a real API server and the model the same, at random: what is answered and what is stored must be the same, but for uids, revisions and the time of day.
func TestTheModelAnswersAsARealAPIServerDoes(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Skip("KUBEBUILDER_ASSETS must name the folder of the control plane's binaries, as hack/assets.sh prints it")
	}
	cluster, err := controlplane.Start(t.Context(), controlplane.Options{UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	kubeconfig := t.TempDir() + "/kubeconfig"
	if err := cluster.WriteKubeconfig(kubeconfig); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), "make", "-C", "../../..", "install")
	install.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing: %v\n%s", err, out)
	}
	scheme := runtime.NewScheme()
	if err := licensing.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	config := cluster.RESTConfig()
	config.QPS, config.Burst = 1000, 1000
	direct, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // it is long after 1970
	t.Logf("seed %d", seed)
	p := &pair{t: t, chance: rand.New(rand.NewPCG(seed, 0)), real: direct, model: apimodel.NewServer(time.Now), began: time.Now().Truncate(time.Second), //nolint:gosec // no secret
		answers: map[string]int{}, uids: map[types.UID]string{}}
	for range 1500 {
		p.step()
		if t.Failed() {
			t.Fatalf("after:\n%s", strings.Join(p.history[max(0, len(p.history)-12):], "\n"))
		}
	}
	t.Logf("answers: %v", p.answers)
	for _, want := range []string{"", string(metav1.StatusReasonConflict), string(metav1.StatusReasonNotFound), string(metav1.StatusReasonAlreadyExists), string(metav1.StatusReasonInvalid)} {
		if p.answers[want] == 0 {
			t.Errorf("no call was answered %q", want)
		}
	}
}

// step asks both one thing.
func (p *pair) step() {
	kind := []*apimodel.Kind{apimodel.Pools, apimodel.Accounts, apimodel.Sessions, apimodel.Sessions}[p.chance.IntN(4)]
	name := fmt.Sprintf("%s-%d", kind, p.chance.IntN(4))
	key := types.NamespacedName{Namespace: namespace, Name: name}
	switch p.chance.IntN(8) {
	case 0, 1:
		p.write("create "+name, func(bool) (*apimodel.Request, func() error) {
			obj := p.draw(kind, key)
			return apimodel.NewCreate(obj), func() error { return p.real.Create(p.t.Context(), obj.DeepCopyObject().(client.Object)) }
		})
	case 2:
		p.list(kind)
	case 3:
		known, ok := p.pick()
		if !ok {
			return
		}
		pre := p.chance.IntN(3)
		options := func(o client.Object) []client.DeleteOption {
			uid, version := o.GetUID(), o.GetResourceVersion()
			return [][]client.DeleteOption{nil, {client.Preconditions{UID: &uid}}, {client.Preconditions{UID: &uid, ResourceVersion: &version}}}[pre]
		}
		p.write(fmt.Sprintf("delete %s with %d preconditions", known.real.GetName(), pre), func(bool) (*apimodel.Request, func() error) {
			return apimodel.NewDelete(known.model, options(known.model)...), func() error { return p.real.Delete(p.t.Context(), known.real, options(known.real)...) }
		})
	default:
		known, ok := p.pick()
		if !ok {
			return
		}
		p.change(known)
	}
	p.compare(key, kind)
}

// change updates or patches an object as it was known at some time, which may be long ago.
func (p *pair) change(known twins) {
	status, patch, locked := p.chance.IntN(3) > 0, p.chance.IntN(2) == 0, p.chance.IntN(3) > 0
	seed := p.chance.Uint64()
	apply := func(o client.Object) client.Object {
		changed := o.DeepCopyObject().(client.Object)
		p.alter(changed, status, rand.New(rand.NewPCG(seed, 1))) //nolint:gosec // no secret
		return changed
	}
	patchOf := func(o client.Object) client.Patch {
		if locked {
			return client.MergeFromWithOptions(o.DeepCopyObject().(client.Object), client.MergeFromWithOptimisticLock{})
		}
		return client.MergeFrom(o.DeepCopyObject().(client.Object))
	}
	what := fmt.Sprintf("change %s, status %v, patch %v, locked %v, seed %d", known.real.GetName(), status, patch, locked, seed)
	p.write(what, func(bool) (*apimodel.Request, func() error) {
		real, model := apply(known.real), apply(known.model)
		if !patch {
			return apimodel.NewUpdate(model, status), func() error {
				if status {
					return p.real.Status().Update(p.t.Context(), real)
				}
				return p.real.Update(p.t.Context(), real)
			}
		}
		request, err := apimodel.NewPatch(model, patchOf(known.model), status)
		if err != nil {
			p.t.Fatal(err)
		}
		return request, func() error {
			if status {
				return p.real.Status().Patch(p.t.Context(), real, patchOf(known.real))
			}
			return p.real.Patch(p.t.Context(), real, patchOf(known.real))
		}
	})
}

// write asks both for a change.
func (p *pair) write(what string, ask func(bool) (*apimodel.Request, func() error)) {
	request, real := ask(true)
	answer, err := p.model.Do(request), real()
	want, got := string(apierrors.ReasonForError(err)), string(apierrors.ReasonForError(answer.Err))
	if err != nil && want == "" {
		want = err.Error()
	}
	p.history = append(p.history, fmt.Sprintf("%s: %q", what, want))
	p.answers[want]++
	if got != want {
		p.t.Errorf("%s: a real API server answers %v, the model %v", what, err, answer.Err)
	}
}

// pick is an object as it was known at some time.
func (p *pair) pick() (twins, bool) {
	if len(p.known) == 0 {
		return twins{}, false
	}
	i := len(p.known) - 1 - p.chance.IntN(min(len(p.known), 12))
	return p.known[i], true
}

// compare reads an object from both.
func (p *pair) compare(key types.NamespacedName, kind *apimodel.Kind) {
	real, model := p.empty(kind), p.empty(kind)
	err := p.real.Get(p.t.Context(), key, real)
	answer := p.model.Do(apimodel.NewGet(key, model))
	if apierrors.IsNotFound(err) != apierrors.IsNotFound(answer.Err) {
		p.t.Errorf("%s: a real API server answers %v, the model %v", key, err, answer.Err)
		return
	}
	if err != nil {
		return
	}
	answer.Deliver(model)
	if a, b := p.text(real), p.text(model); a != b {
		p.t.Errorf("%s is\n%s\nand in the model\n%s", key, a, b)
	}
	p.known = append(p.known, twins{real, model})
}

// list lists from both, page by page.
func (p *pair) list(kind *apimodel.Kind) {
	options := []client.ListOption{client.InNamespace(namespace)}
	if kind != apimodel.Pools && p.chance.IntN(2) == 0 {
		options = append(options, client.MatchingFields{"spec.poolRef.name": fmt.Sprintf("pool-%d", p.chance.IntN(2))})
	}
	if p.chance.IntN(2) == 0 {
		options = append(options, client.Limit(2))
	}
	var real, model []string
	for token := ""; ; {
		list := p.emptyList(kind)
		if err := p.real.List(p.t.Context(), list, append(slices.Clone(options), client.Continue(token))...); err != nil {
			p.t.Fatal(err)
		}
		real = append(real, p.names(list)...)
		if token = list.GetContinue(); token == "" {
			break
		}
	}
	for token := ""; ; {
		list := p.emptyList(kind)
		answer := p.model.Do(apimodel.NewList(list, append(slices.Clone(options), client.Continue(token))...))
		if answer.Err != nil {
			p.t.Fatal(answer.Err)
		}
		answer.DeliverList(list)
		model = append(model, p.names(list)...)
		if token = list.GetContinue(); token == "" {
			break
		}
	}
	p.history = append(p.history, fmt.Sprintf("list %ss: %v", kind, real))
	if !slices.Equal(real, model) {
		p.t.Errorf("a list is %v, and in the model %v", real, model)
	}
}

var (
	volatile = regexp.MustCompile(`"(uid|resourceVersion|creationTimestamp|selfLink)":"[^"]*",?`)
	defaults = []string{"managedFields", "kind", "apiVersion"}
)

// text is an object without what differs by nature.
func (p *pair) text(o client.Object) string {
	o = o.DeepCopyObject().(client.Object)
	o.SetManagedFields(nil)
	text, err := json.Marshal(o)
	if err != nil {
		p.t.Fatal(err)
	}
	var plain map[string]any
	if err := json.Unmarshal(text, &plain); err != nil {
		p.t.Fatal(err)
	}
	for _, name := range defaults {
		delete(plain, name)
	}
	text, err = json.Marshal(plain)
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.NewReplacer(",}", "}").Replace(volatile.ReplaceAllString(string(text), ""))
}

func (p *pair) empty(kind *apimodel.Kind) client.Object {
	switch kind {
	case apimodel.Pools:
		return &licensing.LicensePool{}
	case apimodel.Accounts:
		return &licensing.LicenseAccount{}
	default:
		return &licensing.UserSession{}
	}
}

func (p *pair) emptyList(kind *apimodel.Kind) client.ObjectList {
	switch kind {
	case apimodel.Pools:
		return &licensing.LicensePoolList{}
	case apimodel.Accounts:
		return &licensing.LicenseAccountList{}
	default:
		return &licensing.UserSessionList{}
	}
}

func (p *pair) names(list client.ObjectList) []string {
	var names []string
	switch l := list.(type) {
	case *licensing.LicensePoolList:
		for i := range l.Items {
			names = append(names, l.Items[i].Name)
		}
	case *licensing.LicenseAccountList:
		for i := range l.Items {
			names = append(names, l.Items[i].Name)
		}
	case *licensing.UserSessionList:
		for i := range l.Items {
			names = append(names, l.Items[i].Name)
		}
	}
	return names
}

// draw is a new object, with all that a schema would fill in.
func (p *pair) draw(kind *apimodel.Kind, key types.NamespacedName) client.Object {
	meta := metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}
	pool := licensing.PoolReference{Name: fmt.Sprintf("pool-%d", p.chance.IntN(2))}
	switch kind {
	case apimodel.Pools:
		return &licensing.LicensePool{ObjectMeta: meta, Spec: licensing.LicensePoolSpec{Concurrent: &licensing.Seats{Seats: new(p.chance.Int32N(5))},
			Enrollment: licensing.EnrollmentOpen, UserNameCase: licensing.UserNameCaseInsensitive,
			Sharing: &licensing.Sharing{SeatPer: []licensing.SeatDimension{licensing.SeatPerUser}},
			Sessions: &licensing.SessionRules{ClientIPCheck: licensing.ClientIPCheckIgnored, HeartbeatIntervalSeconds: new(int32(30)), LostAfterSeconds: new(int32(600)),
				OnClientExit: licensing.ExitKeepSession, RetentionSeconds: new(int32(3600))}}}
	case apimodel.Accounts:
		return &licensing.LicenseAccount{ObjectMeta: meta, Spec: licensing.LicenseAccountSpec{PoolRef: pool, UserName: "ann", Type: licensing.AccountNamed}}
	default:
		return &licensing.UserSession{ObjectMeta: meta, Spec: licensing.UserSessionSpec{PoolRef: pool, UserName: "ann", Module: "Web", Type: licensing.SessionTypeNotApplicable}}
	}
}

// alter changes an object: its status, or its spec and annotations; or, of either, what may not be changed.
func (p *pair) alter(obj client.Object, status bool, chance *rand.Rand) {
	now := func() *metav1.Time {
		return new(metav1.NewTime(p.began.Add(time.Duration(chance.IntN(3)) * time.Second).Add(300 * time.Millisecond)))
	}
	if !status && chance.IntN(2) == 0 {
		obj.SetAnnotations(map[string]string{"n": fmt.Sprint(chance.IntN(3))})
	}
	switch o := obj.(type) {
	case *licensing.LicensePool:
		if status {
			o.Status.ObservedGeneration = int64(chance.IntN(3) + 1)
			o.Status.Grants = &licensing.GrantLog{Term: fmt.Sprint("t", chance.IntN(3)), SessionsFenced: chance.IntN(2) == 0}
			return
		}
		o.Spec.Concurrent.Seats = new(chance.Int32N(3))
	case *licensing.LicenseAccount:
		switch {
		case status:
			o.Status.PoolUID = fmt.Sprint("u", chance.IntN(3))
		case chance.IntN(4) == 0:
			o.Spec.UserName = "bob"
		default:
			o.Spec.Disabled = chance.IntN(2) == 0
		}
	case *licensing.UserSession:
		switch {
		case status:
			alterStatus(&o.Status, chance, now)
		case chance.IntN(4) == 0:
			o.Spec.UserName = "bob"
		case chance.IntN(2) == 0:
			o.Spec.Termination = &licensing.Termination{RequestedBy: []licensing.Requester{licensing.RequesterUser, licensing.RequesterSystem}[chance.IntN(2)]}
		}
	}
}

func alterStatus(s *licensing.UserSessionStatus, chance *rand.Rand, now func() *metav1.Time) {
	switch chance.IntN(8) {
	case 0, 1:
		s.State, s.Seat, s.Connection, s.LogonTime = licensing.SessionActive, licensing.SeatConcurrent, "c", now()
	case 2:
		s.State, s.TerminatedTime, s.TerminationAction = licensing.SessionTerminated, now(), licensing.RequestedByUser
	case 3:
		s.State, s.TerminatedTime = licensing.SessionDenied, now()
	case 4:
		s.State = licensing.SessionPending
	case 5:
		s.Connection = "d"
	case 6:
		s.TerminatedTime = now()
	default:
		s.LastActivityTime, s.UnsavedWork, s.Message = now(), chance.IntN(2) == 0, fmt.Sprint(chance.IntN(2))
	}
}
