// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Simulate runs seeds of the simulation, or replays one with all that happened in it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/seatkeeper/seatkeeper/test/simulation"
)

func main() {
	log.SetLogger(logr.Discard())
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	seed := flag.Uint64("seed", 0, "The seed to replay with its trace; 0: many are run.")
	first := flag.Uint64("first", uint64(time.Now().UnixNano())/1000, "The first of many seeds.")
	seeds := flag.Uint64("seeds", 0, "How many seeds to run; 0: as many as there is time for.")
	most := flag.Duration("for", 0, "How long to go on; 0: until all seeds are run.")
	workers := flag.Int("workers", runtime.NumCPU(), "How many runs go on at once.")
	flag.Parse()
	if *seed != 0 {
		return replay(*seed)
	}
	if *seeds == 0 && *most == 0 {
		return errors.New("there must be a -seed, a number of -seeds, or a time -for")
	}
	debug.SetGCPercent(1600) // runs are short, and leave nothing behind
	began, told, failed := time.Now(), time.Now(), 0
	counts := simulation.Campaign{First: *first, Seeds: *seeds, For: *most, Workers: *workers,
		Found: func(r simulation.Result) bool {
			failed++
			fmt.Printf("VIOLATION: seed %d: %s\n  replay it: make simulate SEED=%d\n", r.Seed, strings.Join(r.Violations, "\n  "), r.Seed)
			return failed < 100
		},
		Done: func(c simulation.Counts) {
			if time.Since(told) > 10*time.Second {
				told = time.Now()
				fmt.Printf("%d runs, %.0f a second, %d with violations\n", c.Runs, float64(c.Runs)/time.Since(began).Seconds(), failed)
			}
		},
	}.Run(began)
	fmt.Printf("\nSeeds from %d on, generator %d, %.0f s, %.1f runs a second\n%s  runs with violations: %d\n", *first, simulation.GeneratorVersion, time.Since(began).Seconds(),
		float64(counts.Runs)/time.Since(began).Seconds(), counts, failed)
	if failed > 0 {
		return fmt.Errorf("%d of %d runs broke a promise", failed, counts.Runs)
	}
	return nil
}

func replay(seed uint64) error {
	result := simulation.Run(seed, simulation.Broken{}, true)
	if err := result.Write(os.Stdout); err != nil {
		return err
	}
	fmt.Print(result.Counts)
	if len(result.Violations) > 0 {
		return fmt.Errorf("seed %d breaks a promise: %s", seed, strings.Join(result.Violations, "\n  "))
	}
	return nil
}
