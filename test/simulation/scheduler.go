// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"container/heap"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"
)

// scheduler runs what happens in the order of a time of its own, one thing at a time. What is drawn from its chance decides everything, so that a seed stands for one run.
type scheduler struct {
	*rand.Rand
	now     time.Time
	timers  timers
	ordinal uint64
	current *task
	tasks   []*task // in the order in which they began; those that have ended leave now and then
}

func newScheduler(seed uint64, start time.Time) *scheduler {
	return &scheduler{Rand: rand.New(rand.NewPCG(seed, GeneratorVersion)), now: start}
}

// chance says yes with a probability.
func (s *scheduler) chance(p float64) bool { return p > 0 && s.Float64() < p }

// between draws a duration; short ones are as likely as long ones, whatever the scale.
func (s *scheduler) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	low, high := math.Log(float64(max(least, time.Microsecond))), math.Log(float64(most))
	return time.Duration(math.Exp(low + (high-low)*s.Float64()))
}

// evenly draws a duration, each as likely as any other.
func (s *scheduler) evenly(least, most time.Duration) time.Duration {
	return least + time.Duration(s.Int64N(int64(most-least)+1))
}

// timer is something that happens at a time. One that belongs to a process waits while the process is paused, and never happens when it is dead.
type timer struct {
	at, meant time.Time // when it happens, and when it would have but for a pause
	ordinal   uint64
	of        *process
	do        func()
}

type timers []timer

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	if order := t[i].at.Compare(t[j].at); order != 0 {
		return order < 0
	}
	if order := t[i].meant.Compare(t[j].meant); order != 0 {
		return order < 0
	}
	return t[i].ordinal < t[j].ordinal
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push and Pop are for package heap alone.
func (t *timers) Push(x any) { *t = append(*t, x.(timer)) }

// Pop is heap.Interface's.
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	(*t)[last] = timer{}
	*t = (*t)[:last]
	return x
}

// after has something happen; of: the process that it happens in, if any.
func (s *scheduler) after(d time.Duration, of *process, do func()) {
	s.ordinal++
	at := s.now.Add(max(d, 0))
	heap.Push(&s.timers, timer{at: at, meant: at, ordinal: s.ordinal, of: of, do: do})
}

// hasten lets what a pause of a process put off happen at its own time, or now.
func (s *scheduler) hasten(of *process) {
	for i := range s.timers {
		if t := &s.timers[i]; t.of == of {
			t.at = t.meant
			if t.at.Before(s.now) {
				t.at = s.now
			}
		}
	}
	heap.Init(&s.timers)
}

// run lets things happen up to a time, or until done says so; done is asked now and then.
func (s *scheduler) run(until time.Time, done func() bool) {
	for len(s.timers) > 0 && !s.timers[0].at.After(until) {
		next := heap.Pop(&s.timers).(timer)
		if next.of != nil && next.of.dead {
			continue
		}
		if next.of != nil && next.of.awakeAt.After(next.at) {
			next.at = next.of.awakeAt
			heap.Push(&s.timers, next)
			continue
		}
		s.now = next.at
		next.do()
		if done() {
			return
		}
	}
	if s.now.Before(until) {
		s.now = until
	}
}

// task is one thread of what a process, a client or an administrator does. It runs until it waits; then others do.
type task struct {
	s    *scheduler
	of   *process // nil: it is no operator's
	name string
	next func() (struct{}, bool)
	wait func(struct{}) bool
	dead bool
	done bool
	// waits counts how often it has waited, so that what would wake it from an earlier time does not wake it from this one.
	waits int
}

// killed is what unwinds a task whose process has died.
type killed struct{}

// spawn begins a task.
func (s *scheduler) spawn(of *process, name string, body func(*task)) {
	t := &task{s: s, of: of, name: name}
	t.next, _ = iter.Pull(func(wait func(struct{}) bool) {
		t.wait = wait
		defer func() {
			if what := recover(); what != nil {
				if _, ok := what.(killed); !ok {
					panic(fmt.Sprintf("%v in %s\n%s", what, t.name, debug.Stack()))
				}
			}
		}()
		t.waits++
		if !t.dead {
			body(t)
		}
	})
	if s.tasks = append(s.tasks, t); len(s.tasks) > 64 {
		s.tasks = slices.DeleteFunc(s.tasks, func(t *task) bool { return t.done })
	}
	s.after(0, of, t.waker())
}

// resume runs a task until it waits again or has ended.
func (t *task) resume() {
	if t.done {
		return
	}
	before := t.s.current
	t.s.current = t
	_, more := t.next()
	t.s.current = before
	if !more {
		t.done = true
	}
}

// waker is what wakes the task from its next wait, if nothing else has; of one that has not begun, what lets it begin.
func (t *task) waker() func() {
	of := t.waits
	return func() {
		if t.waits == of {
			t.resume()
		}
	}
}

// park waits to be resumed.
func (t *task) park() {
	defer func() { t.waits++ }()
	t.wait(struct{}{})
	if t.dead {
		panic(killed{})
	}
}

// sleep waits for a time.
func (t *task) sleep(d time.Duration) {
	t.s.after(d, t.of, t.waker())
	t.park()
}

// kill ends a task where it stands: nothing more of it runs than what it had deferred. The running task must end itself.
func (t *task) kill() {
	t.dead = true
	if t != t.s.current {
		t.resume()
	}
}

// ordered are the tasks that have not ended.
func (s *scheduler) ordered() []*task {
	return slices.DeleteFunc(slices.Clone(s.tasks), func(t *task) bool { return t.done })
}

// close ends all tasks.
func (s *scheduler) close() {
	for _, t := range s.ordered() {
		t.kill()
	}
}
