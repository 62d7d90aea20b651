// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// chromium is the browser that all specs share, each in a profile of its own.
var chromium context.Context

// strangers are names that the browser takes for this machine, as a rebound name server would have it.
const strangers = "MAP *.stranger.example 127.0.0.1"

// startChromium starts Debian's chromium for the suite; where there is none the suite fails.
func startChromium(ctx context.Context) {
	GinkgoHelper()
	find := exec.CommandContext(ctx, "hack/chromium.sh")
	find.Dir, find.Stderr = root, GinkgoWriter
	out, err := find.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 3 {
		Fail("Chromium must be installed (Debian: apt-get install chromium); hack/chromium.sh installs it where it may")
	}
	Expect(err).NotTo(HaveOccurred())
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(strings.TrimSpace(string(out))), chromedp.WindowSize(1280, 1000), chromedp.Flag("host-resolver-rules", strangers),
	}
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to sandbox root
	}
	var stop context.CancelFunc
	chromium, stop = chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(options...)) //nolint:fatcontext // it lives as long as the suite
	DeferCleanup(stop)
	Expect(chromedp.Do(chromium)).To(Succeed())
}

// tab is a page of a browser.
type tab struct {
	ctx context.Context //nolint:containedctx // it is the library's name for a tab

	mu sync.Mutex
	// complaints are what the browser logged: violations of the content policy, answers that were no good, errors of scripts.
	complaints []string
}

// browse opens a page in a profile of its own, without a cookie of other specs, until the spec ends.
func browse(url string) *tab {
	GinkgoHelper()
	ctx, stop := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	DeferCleanup(stop)
	return begin(ctx, url)
}

// see opens the console's page by the URL that was printed first, and waits until the page follows what happens.
func see(ctx context.Context, c *console) *tab {
	GinkgoHelper()
	t := browse(c.url(0)())
	Eventually(t.text("#line")).WithContext(ctx).Should(Equal("Live"))
	return t
}

// another opens a page in the same profile, until the spec ends.
func (t *tab) another(url string) *tab {
	GinkgoHelper()
	ctx, stop := chromedp.NewContext(t.ctx)
	DeferCleanup(stop)
	return begin(ctx, url)
}

func begin(ctx context.Context, url string) *tab {
	GinkgoHelper()
	t := &tab{ctx: ctx}
	Expect(chromedp.Do(ctx)).To(Succeed())
	logged := chromedp.Events(ctx, cdplog.EntryAdded)
	said := chromedp.Console(ctx)
	go func() {
		for event, err := range logged {
			if err != nil {
				return
			}
			t.complain(event.Entry.Text + " " + event.Entry.URL)
		}
	}()
	go func() {
		for message, err := range said {
			if err != nil {
				return
			}
			t.complain(fmt.Sprint(message))
		}
	}()
	_, err := chromedp.Call(ctx, cdplog.Enable, cdp.Empty{})
	Expect(err).NotTo(HaveOccurred())
	// The person's own format and zone. Chromium's option --lang is without effect where the language is not installed, which shows after noon only.
	_, err = chromedp.Call(ctx, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: "en-GB"})
	Expect(err).NotTo(HaveOccurred())
	_, err = chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Europe/Berlin"})
	Expect(err).NotTo(HaveOccurred())
	t.do(chromedp.Navigate(url))
	// The page behind the door leads on to the next by itself, and what is asked of it in that moment is lost.
	Eventually(func() (bool, error) {
		return chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState === "complete" && !document.querySelector("meta[http-equiv=refresh]")`))
	}).WithContext(ctx).Should(BeTrue())
	return t
}

func (t *tab) complain(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.complaints = append(t.complaints, text)
}

// heard is what the browser complained of so far.
func (t *tab) heard() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.complaints...)
}

func (t *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	GinkgoHelper()
	Expect(chromedp.Do(t.ctx, steps...)).To(Succeed())
}

// eval computes a JavaScript expression in the page; it waits for a promise.
func eval[T any](t *tab, expression string) T {
	GinkgoHelper()
	value, err := chromedp.Run(t.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	Expect(err).NotTo(HaveOccurred(), expression)
	return value
}

// text is what is written in all elements of a selector, as a person sees it; empty where there is none, and of rows with content-visibility until the next frame.
func (t *tab) text(selector string) func() string {
	return func() string {
		return eval[string](t, fmt.Sprintf(`[...document.querySelectorAll(%q)].map((e) => e.innerText).join("\n")`, selector))
	}
}

// count is how many elements a selector finds that are shown.
func (t *tab) count(selector string) func() int {
	return func() int {
		return eval[int](t, fmt.Sprintf(`[...document.querySelectorAll(%q)].filter((e) => e.checkVisibility()).length`, selector))
	}
}

// cells is a row's text by its cells.
func (t *tab) cells(row string) func() []string {
	return func() []string {
		return eval[[]string](t, fmt.Sprintf(`[...(document.querySelector(%q)?.children ?? [])].map((e) => e.innerText)`, row))
	}
}

// click clicks with the mouse.
func (t *tab) click(selector string) {
	GinkgoHelper()
	t.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// keys presses keys, wherever the focus is.
func (t *tab) keys(keys string) {
	GinkgoHelper()
	t.do(chromedp.KeyEvent(keys))
}

// tabTo presses the tabulator until the focus is on what a selector finds.
func (t *tab) tabTo(selector string) {
	GinkgoHelper()
	for range 200 {
		if eval[bool](t, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			return
		}
		t.keys(kb.Tab)
	}
	Fail("the tabulator does not lead to " + selector)
}

// choose picks an option of a list, as a person does with the keyboard and the mouse.
func (t *tab) choose(selector, value string) {
	GinkgoHelper()
	t.do(chromedp.SetValue(chromedp.CSS(selector), value))
	eval[any](t, fmt.Sprintf(`document.querySelector(%q).dispatchEvent(new Event("input", {bubbles: true})) && document.querySelector(%q).dispatchEvent(new Event("change", {bubbles: true}))`, selector, selector))
}

// write types into a field.
func (t *tab) write(selector, text string) {
	GinkgoHelper()
	t.do(chromedp.SendKeys(chromedp.CSS(selector), text, chromedp.NodeVisible))
}

// Keys that have names.
const (
	tabulator = kb.Tab
	enter     = kb.Enter
	escape    = kb.Escape
)

func navigate(url string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(url) }
