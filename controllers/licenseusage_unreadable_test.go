// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// While a history cannot be read, what happens must not pile up in memory for as long as that lasts.
func TestAHistoryThatCannotBeReadCostsNoMoreMemoryEachLogin(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	theirs := &licensing.LicenseUsage{ObjectMeta: metav1.ObjectMeta{Namespace: DefaultNamespace, Name: "p"}, Spec: licensing.LicenseUsageSpec{PoolRef: licensing.PoolReference{Name: "p"}}}
	d.must(d.api.Create(t.Context(), theirs))
	theirs.Status.History = "7:of a later version"
	d.must(d.api.Status().Update(t.Context(), theirs))
	c := d.clerk()
	for n := range 50 {
		name := fmt.Sprintf("s%d", n)
		d.logon(name, name)
		d.passes(time.Minute)
		d.logoff(name)
		d.delete(name)
	}
	d.passes(5 * time.Minute)
	timeline := reflect.ValueOf(c.r.lines[poolKey].timeline).Elem()
	if n := timeline.FieldByName("events").Len(); n > 10 {
		t.Errorf("%d events of 50 sessions that are over and cleared are kept, and none is ever dropped", n)
	}
}
