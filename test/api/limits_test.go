// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
)

// limit is what a field may hold: trials up to its edges, and just past them with the sentence that says what must be.
type limit struct {
	field   string
	covers  []string
	accepts []trial
	refuses []refusal
}

type refusal struct {
	trial
	field, sentence string
}

// accept adds a trial that the API server must accept: the field with that value, and what must be beside it.
func (l limit) accept(value any, with ...edit) limit {
	title := fmt.Sprintf("%s accepts %s", l.field, show(value))
	l.accepts = append(l.accepts, l.trial(title, append(with, set(l.field, value))))
	return l
}

// refuse adds one that it must refuse with that sentence.
func (l limit) refuse(value any, sentence string, with ...edit) limit {
	return l.refuseAt(l.field, value, sentence, with...)
}

func (l limit) refuseAt(field string, value any, sentence string, with ...edit) limit {
	title := fmt.Sprintf("%s refuses %s", l.field, show(value))
	l.refuses = append(l.refuses, refusal{l.trial(title, append(with, set(l.field, value))), field, sentence})
	return l
}

// alongside names a sentence that comes with each refusal, since no value breaks this limit alone.
func (l limit) alongside(sentence string) limit {
	for i := range l.refuses {
		l.refuses[i].trial = l.refuses[i].trial.alongside(sentence)
	}
	return l
}

// trial is a creation for a spec's field, and an update for a status's.
func (l limit) trial(title string, edits []edit) trial {
	if strings.HasPrefix(l.field, "status") {
		return given().writing(title, edits...)
	}
	return creating(title, edits...)
}

// number is a field that holds min to max.
func number(field string, min, max int64, with ...edit) limit {
	return limit{field: field, covers: []string{"minimum", "maximum"}}.
		accept(min, with...).accept(max, with...).
		refuse(min-1, fmt.Sprintf("should be greater than or equal to %d", min), with...).
		refuse(max+1, fmt.Sprintf("should be less than or equal to %d", max), with...)
}

// natural is a field that holds any number but those below zero.
func natural(field string) limit {
	return limit{field: field, covers: []string{"minimum"}}.
		accept(0).accept(1_000_000).
		refuse(-1, "should be greater than or equal to 0")
}

// text is a field that holds min to max characters; of those, not bytes.
func text(field string, min, max int) limit {
	l := limit{field: field, covers: []string{"maxLength"}}.
		accept(strings.Repeat("n", max)).accept(strings.Repeat("\u00e4", max)).
		refuse(strings.Repeat("n", max+1), fmt.Sprintf("may not be more than %d bytes", max)).
		refuse(strings.Repeat("n", max+10_000), fmt.Sprintf("may not be more than %d bytes", max))
	if min == 1 {
		l.covers = append(l.covers, "minLength")
		l = l.accept("n").refuse("", "should be at least 1 chars long")
	}
	return l
}

// poolName is a field that names a pool; of what characters is a rule's matter.
func poolName(field string) limit {
	return limit{field: field, covers: []string{"minLength", "maxLength"}}.
		accept("n").accept(strings.Repeat("n", 253)).
		refuse("", "should be at least 1 chars long").
		alongside(poolRefRule.sentence).
		refuse(strings.Repeat("n", 254), "may not be more than 253 bytes")
}

// list is a field that holds min to max elements.
func list(field string, min, max int, element func(int) any) limit {
	l := limit{field: field, covers: []string{"maxItems"}}.
		accept(repeat(max, element)).
		refuse(repeat(max+1, element), fmt.Sprintf("must have at most %d items", max))
	if min == 1 {
		l.covers = append(l.covers, "minItems")
		l = l.accept(repeat(1, element)).refuse([]any{}, "should have at least 1 items")
	}
	return l
}

// unique is a list that holds no element twice.
func unique(field string, element any) limit {
	l := limit{field: field, covers: []string{"unique"}}.accept([]any{element})
	return l.refuseAt(field+"[1]", []any{element, element}, "Duplicate value")
}

// oneOf is a field that holds one of these words.
func oneOf(words []string, field string, with ...edit) limit {
	l := limit{field: field}
	for _, word := range words {
		l.covers = append(l.covers, fmt.Sprintf("enum %q", word))
		l = l.accept(word, with...)
	}
	return l.refuse("Nonsense", "Unsupported value", with...).refuse("", "Unsupported value", with...)
}

// moment is a field that holds a time.
func moment(field string) limit {
	return limit{field: field, covers: []string{"date-time"}}.
		accept("2026-06-15T12:00:00Z").
		refuse("yesterday", "must be of type date-time")
}

// required is a field that must be stated.
func required(field string) limit {
	l := limit{field: field, covers: []string{"required"}}
	l.accepts = []trial{l.trial(field+" stated is accepted", nil)}
	l.refuses = []refusal{{l.trial(field+" left out is refused", []edit{unset(field)}), field, "Required value"}}
	return l
}

func words[T ~string](of ...T) []string {
	all := make([]string, len(of))
	for i, word := range of {
		all[i] = string(word)
	}
	return all
}

// show is a value as a test's title names it.
func show(value any) string {
	switch v := value.(type) {
	case string:
		if len(v) > 60 {
			return fmt.Sprintf("%d characters (%q...)", len([]rune(v)), string([]rune(v)[:1]))
		}
		return fmt.Sprintf("%q", v)
	case []any:
		return fmt.Sprintf("%d elements", len(v))
	case map[string]any:
		return fmt.Sprintf("%d entries", len(v))
	default:
		return fmt.Sprint(v)
	}
}

// covered lists the constraints that limits of a kind prove.
func covered(kind string, limits []limit) []constraint {
	var all []constraint
	for _, l := range limits {
		for _, keyword := range l.covers {
			all = append(all, constraint{kind, l.field, keyword})
		}
	}
	return all
}

// proveLimits lays out a test for each trial.
func proveLimits(kind string, limits []limit) {
	for _, l := range limits {
		for _, t := range l.accepts {
			It(t.title, func(ctx SpecContext) { t.accepted(ctx, full(kind)) })
		}
		for _, r := range l.refuses {
			It(r.title, func(ctx SpecContext) { r.refused(ctx, full(kind), r.field, r.sentence) })
		}
	}
}
