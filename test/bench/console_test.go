// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// What is done in the page, and how long it takes until the browser shows what follows.
const (
	found = `(async (act, text) => {
		const began = performance.now();
		act();
		while (!document.getElementById("found")?.textContent.startsWith(text)) await new Promise((again) => setTimeout(again, 5));
		await new Promise((shown) => requestAnimationFrame(shown));
		return performance.now() - began;
	})`
	type7 = `() => { const field = document.getElementById("filter-user"); field.value = "user-00007"; field.dispatchEvent(new Event("input", {bubbles: true})); }`
	clear = `() => { const field = document.getElementById("filter-user"); field.value = ""; field.dispatchEvent(new Event("input", {bubbles: true})); }`
	next  = `() => document.getElementById("page-next").click()`
	parts = `performance.getEntriesByType("resource").filter((e) => e.name.includes("/sessions")).map((e) => e.transferSize)`
)

// BenchmarkConsole opens the page of `kubectl seats console` in Chromium while b.N sessions are on, then filters and turns pages, first while nothing happens and then while sessions'
// records are written as fast as one client can. -benchtime=10000x is what docs/benchmarks.md speaks of.
func BenchmarkConsole(b *testing.B) {
	if b.N == 1 {
		return // the testing package asks for one first, to see how long it takes
	}
	ctx, cancel := context.WithTimeout(b.Context(), 15*time.Minute)
	defer cancel()
	s := onStage(b)
	p := &pool{stage: s, name: "console"}
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	granted := MakeUserSession("").Active(licensing.SeatConcurrent, "", now.Add(-time.Hour)).Obj().Status
	if _, err := p.ceiling(ctx, numbered("user", b.N), granted); err != nil {
		b.Fatal(err)
	}
	if _, err := run(ctx, "go", "build", "-o", s.file("kubectl-seats"), "./cmd/kubectl-seats"); err != nil {
		b.Fatal(err)
	}
	path, err := run(ctx, "hack/chromium.sh")
	if err != nil {
		b.Fatal(err)
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(strings.TrimSpace(path)), chromedp.WindowSize(1280, 1000)}
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	page, end := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(options...))
	defer end()
	if err := chromedp.Do(page, chromedp.Navigate("about:blank")); err != nil {
		b.Fatal(err)
	}

	// The browser runs already, as an administrator's does; the console has read nothing yet.
	began := time.Now()
	url, pid, stop, err := s.console(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "url-ms")
	if err := chromedp.Do(page, chromedp.Navigate(url)); err != nil {
		b.Fatal(err)
	}
	for { // the first page leads on to the second, in which an expression may be lost
		if rows, err := chromedp.Run(page, chromedp.Evaluate[int](`document.querySelectorAll("#grid tbody tr").length`)); err == nil && rows > 0 {
			break
		}
		if ctx.Err() != nil {
			b.Fatal("no session is shown")
		}
	}
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "first-rows-ms")
	all := fmt.Sprintf("%d sessions", b.N)
	ask[float64](page, b, found+`(() => {}, "`+all+`")`)
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "all-read-ms")
	filterAndTurn(page, b, all, "quiet")
	ask[any](page, b, `performance.clearResourceTimings()`)

	// Records are written one after the other, as fast as one client can.
	writing, rest := context.WithCancel(ctx)
	written := make(chan int)
	go func() { written <- p.touchAll(writing, b.N) }()
	began = time.Now()
	filterAndTurn(page, b, all, "busy")
	<-time.After(10 * time.Second)
	seconds := time.Since(began).Seconds()
	rest()
	b.ReportMetric(float64(<-written)/seconds, "writes/s")
	sizes := ask[[]float64](page, b, parts)
	sum := 0.0
	for _, size := range sizes {
		sum += size
	}
	b.ReportMetric(float64(len(sizes))/seconds, "fetches/s")
	b.ReportMetric(sum/seconds/1024, "KiB/s")
	b.ReportMetric(residentMiB(pid), "console-MiB")
	b.StopTimer()
	if _, err := atOnce(b.N, func(i int) error { return p.api.Delete(ctx, MakeUserSession(p.session(i)).Namespace(unserved).Obj()) }); err != nil {
		b.Fatal(err)
	}
}

// filterAndTurn filters by a login and turns a page, and reports how long each took: from the key or click until it is on screen. Typing waits 0.3 s for the next key.
func filterAndTurn(page context.Context, b *testing.B, all, when string) {
	b.Helper()
	const rounds = 5
	var filter, turn float64
	for range rounds {
		filter += ask[float64](page, b, found+`(`+type7+`, "1 session")`)
		filter += ask[float64](page, b, found+`(`+clear+`, "`+all+`")`)
	}
	for i := range rounds {
		turn += ask[float64](page, b, found+`(`+next+`, "`+fmt.Sprintf("%s, %d to", all, 51+50*i)+`")`)
	}
	b.ReportMetric(filter/rounds/2, when+"-filter-ms")
	b.ReportMetric(turn/rounds, when+"-turn-ms")
	ask[float64](page, b, found+`(() => document.getElementById("page-first").click(), "`+all+`, 1 to")`)
}

// touchAll writes sessions' records one after the other, as heartbeats do, and returns how many it wrote.
func (p *pool) touchAll(ctx context.Context, n int) (written int) {
	for i := 0; ctx.Err() == nil; i = (i + 1) % n {
		s := MakeUserSession(p.session(i)).Namespace(unserved).Obj()
		at := time.Now().UTC().Format(time.RFC3339)
		if p.api.Status().Patch(ctx, s, client.RawPatch("application/merge-patch+json", []byte(`{"status":{"lastActivityTime":"`+at+`"}}`))) == nil {
			written++
		}
	}
	return written
}

// console starts the plugin's console for the sessions that nobody serves.
func (s *stage) console(ctx context.Context) (url string, pid int, stop func(), err error) {
	cmd := exec.CommandContext(ctx, s.file("kubectl-seats"), "console", "--kubeconfig", s.file("admin.kubeconfig"), "-n", unserved)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", 0, nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", 0, nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if at := strings.Index(lines.Text(), "http://"); at >= 0 {
			url = lines.Text()[at:]
			break
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, out) // what is printed later would fill the pipe
	}()
	return url, cmd.Process.Pid, func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}, nil
}

// residentMiB is how much memory a process has; 0 where there is no /proc.
func residentMiB(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	var kib float64
	if at := strings.Index(string(text), "VmRSS:"); at >= 0 {
		_, _ = fmt.Sscanf(string(text)[at:], "VmRSS: %f kB", &kib)
	}
	return kib / 1024
}

func ask[T any](page context.Context, b *testing.B, expression string) T {
	b.Helper()
	value, err := chromedp.Run(page, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatal(err)
	}
	return value
}
