// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/utils/clock"
)

// What happened to a session that is watched.
const (
	eventListed  = "Listed"
	eventStarted = "Started"
	eventChanged = "Changed"
	// eventEnding: its end was asked for, and is about to happen.
	eventEnding = "Ending"
	eventEnded  = "Ended"
	// eventLeft: it is not among those that were asked for any more, and lives.
	eventLeft = "Left"
	// eventCleared: the record of a session that had ended is gone.
	eventCleared = "Cleared"
)

// sessionPrinter prints sessions as they come.
type sessionPrinter interface {
	// add prints one, or keeps it for flush.
	add(it *item, event string) error
	flush() error
	// end ends the list; more says that single sessions will follow.
	end(more bool) error
	printed() int
}

func (o *SessionsOptions) printer(models models) sessionPrinter {
	if !o.output.table() {
		return &objectsPrinter{list: o.output.objects(o.Streams.Out, "UserSession"), single: o.watch}
	}
	table := sessionsTable{wide: o.output.wide(), namespaces: o.selection.allNamespaces, seats: o.output.wide() || models.anyCombined(o.selection.filter.Pools), events: o.watch, reader: o.Reader}
	out := printers.GetNewTabWriter(o.Streams.Out)
	if o.watch {
		out.SetRememberedWidths(table.widths())
	}
	return &tablePrinter{table: table, out: out, clock: o.Clock, noHeader: o.noHeaders}
}

// tabWriter is what kubectl's tables are written with.
type tabWriter interface {
	io.Writer
	Flush() error
}

// tablePrinter prints a table whose columns are as wide as what was printed so far needs.
type tablePrinter struct {
	table    sessionsTable
	out      tabWriter
	clock    clock.PassiveClock
	noHeader bool
	count    int
}

func (p *tablePrinter) add(it *item, event string) error {
	if p.count == 0 && !p.noHeader {
		fmt.Fprintln(p.out, strings.Join(p.table.header(), "\t"))
	}
	p.count++
	_, err := fmt.Fprintln(p.out, cellsOf(p.table.row(&it.row, event, p.clock.Now())))
	return err
}

func (p *tablePrinter) flush() error   { return p.out.Flush() }
func (p *tablePrinter) end(bool) error { return p.out.Flush() }
func (p *tablePrinter) printed() int   { return p.count }

// objectsPrinter prints the objects themselves: a list, or each for itself, since a list that goes on never ends.
type objectsPrinter struct {
	list   *objects
	single bool
}

func (p *objectsPrinter) add(it *item, _ string) error {
	if p.single {
		return p.list.one(it.session)
	}
	if it.row.Exact {
		record(it.session, &it.row)
	}
	return p.list.add(it.session)
}

func (p *objectsPrinter) flush() error { return nil }
func (p *objectsPrinter) printed() int { return p.list.count }

func (p *objectsPrinter) end(bool) error {
	if p.single {
		return nil
	}
	return p.list.close()
}
