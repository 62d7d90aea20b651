// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package apimodel_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/controlplane"
	"github.com/seatkeeper/seatkeeper/test/replica"
	"github.com/seatkeeper/seatkeeper/test/simulation"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

const root = "../../.."

var (
	seed = flag.Uint64("seed", uint64(time.Now().UnixNano())/1000, "what the requests are drawn from")
	many = flag.Int("many", 1, "how many times as much to ask as usual")
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// TestTheModelAnswersAsARealAPIServerDoes asks a real API server, with the kinds as they ship, what the model is asked: at random, and what the operator, its clients and administrators ask in runs of the simulation.
// Answers, objects, which writes make a revision, lists and watches must be the same.
func TestTheModelAnswersAsARealAPIServerDoes(t *testing.T) {
	t.Logf("go test ./test/simulation/apimodel -seed %d", *seed)
	api := realAPI(t)
	answers := map[string]int{}
	for n := range uint64(4 * *many) {
		t.Run(fmt.Sprintf("at random, seed %d", *seed+n), func(t *testing.T) {
			g := newGuesser(t, api, *seed+n)
			for range 400 {
				if g.step(); t.Failed() {
					return
				}
			}
			g.finish(g.model, guesses, guesses)
			add(answers, g.answers)
		})
	}
	for _, what := range wanted {
		if answers[what] == 0 {
			t.Errorf("nothing was answered as in %q", what)
		}
	}
	t.Run("in runs of the simulation", func(t *testing.T) {
		asked := 0
		for n := uint64(0); asked < 1500**many && !t.Failed(); n++ {
			asked += replay(t, api, *seed+n, answers)
		}
	})
	for _, what := range slices.Sorted(maps.Keys(answers)) {
		t.Logf("%6d %s", answers[what], what)
	}
}

func add(to, more map[string]int) {
	for what, n := range more {
		to[what] += n
	}
}

// question is what the model was asked in a run, and answered.
type question struct {
	request *apimodel.Request
	answer  apimodel.Answer
}

// replay asks a real API server what was asked in a run of the simulation, if that is not too much; it returns how much it was.
func replay(t *testing.T, api client.WithWatch, seed uint64, answers map[string]int) int {
	t.Helper()
	const most = 1200
	var questions []question
	var server *apimodel.Server
	run := simulation.Run(seed, simulation.Broken{Asked: func(s *apimodel.Server, r *apimodel.Request, a apimodel.Answer) {
		server = s
		questions = append(questions, question{r, a})
	}}, false)
	if len(questions) > most {
		return 0
	}
	t.Logf("the run of seed %d asks %d times", seed, len(questions))
	d := newTwin(t, api, map[*apimodel.Kind]string{apimodel.Pools: "itsm", apimodel.Accounts: "itsm", apimodel.Sessions: "itsm", apimodel.Leases: "seatkeeper-system"})
	for _, q := range questions {
		if d.ask(q.request, q.answer, run.Scenario.PageSize); t.Failed() {
			return len(questions)
		}
	}
	server.Changed = nil
	d.finish(server, "itsm", "seatkeeper-system")
	add(answers, d.answers)
	return len(questions)
}

// finish makes an object of each kind, so that the watches have an end, and compares what they told.
func (d *twin) finish(server *apimodel.Server, namespace, leases string) {
	d.t.Helper()
	last := metav1.ObjectMeta{Namespace: namespace, Name: "last"}
	for _, obj := range []client.Object{
		&licensing.LicensePool{ObjectMeta: last, Spec: licensing.LicensePoolSpec{Concurrent: &licensing.Seats{Seats: new(int32(1))}}},
		&licensing.LicenseAccount{ObjectMeta: last, Spec: licensing.LicenseAccountSpec{PoolRef: licensing.PoolReference{Name: "p"}, UserName: "last"}},
		&licensing.UserSession{ObjectMeta: last, Spec: licensing.UserSessionSpec{PoolRef: licensing.PoolReference{Name: "p"}, UserName: "last"}},
		&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: leases, Name: "last"}},
	} {
		r := apimodel.NewCreate(obj)
		d.ask(r, server.Do(r), 0)
	}
	d.watched(server)
}

// realAPI starts a control plane with the kinds and the namespaces.
func realAPI(t *testing.T) client.WithWatch {
	t.Helper()
	assets, err := replica.Assets(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := controlplane.Start(t.Context(), controlplane.Options{BinDir: assets, UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	if _, err := envtest.InstallCRDs(cluster.RESTConfig(), envtest.CRDInstallOptions{Paths: []string{root + "/config/crd/bases"}, ErrorIfPathMissing: true}); err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{licensing.AddToScheme, clientgoscheme.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	api, err := client.NewWithWatch(cluster.RESTConfig(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"itsm", "seatkeeper-system", "guesses"} {
		if err := api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	return api
}
