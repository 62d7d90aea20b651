// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// What the busy service desk bought, who is known there, and who is on.
const (
	deskNamed, deskConcurrent                 = 25, 50
	deskNamedAccounts, deskConcurrentAccounts = 20, 111
	deskNamedOn, deskConcurrentOn             = 7, 45
)

// somebody is the n-th of a staff of 400, none of whom exists.
func somebody(n int) (user, fullName string) {
	first := []string{"Ada", "Ben", "Cleo", "Dana", "Eli", "Fay", "Gus", "Hana", "Ivo", "Jun", "Kit", "Lena", "Milo", "Nia", "Otto", "Pia", "Quin", "Rosa", "Sven", "Tara"}
	last := []string{"Archer", "Baker", "Carver", "Dyer", "Fisher", "Glover", "Hunter", "Mason", "Miller", "Potter", "Sawyer", "Shepherd", "Slater", "Smith", "Tanner", "Thatcher", "Turner", "Walker", "Weaver", "Wright"}
	one, two := first[n%20], last[(n*7+n/20)%20]
	return strings.ToLower(one+"."+two) + "@example.com", one + " " + two
}

// busyDesk makes namespace itsm as it looks on a working day: sessions that began hours ago, which the operator takes over and counts, and a week on record that ends with them.
func busyDesk(ctx context.Context) *place {
	GinkgoHelper()
	p := &place{ns: "itsm"}
	Expect(op.API.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.ns}})).To(Succeed())
	chance := rand.New(rand.NewPCG(1, 2))
	now := time.Now().Truncate(time.Second)
	account := func(n int, kind licensing.AccountType) {
		user, fullName := somebody(n)
		Expect(op.API.Create(ctx, MakeLicenseAccount(fmt.Sprintf("account-%03d", n)).Namespace(p.ns).Pool("service-desk").User(user).FullName(fullName).Type(kind).Obj())).To(Succeed())
	}
	for n := range deskNamedAccounts {
		account(n, licensing.AccountNamed)
	}
	for n := range deskConcurrentAccounts {
		account(deskNamedAccounts+n, licensing.AccountConcurrent)
	}
	// A session waits while its pool is not there, so that its record can be made to look as if it had been on for long.
	var on []usage.Session
	session := func(n int, module, connection string, seat licensing.SeatType) *licensing.UserSession {
		user, fullName := somebody(n)
		logon := now.Add(-time.Duration(10+chance.IntN(300)) * time.Minute)
		last := logon.Add(time.Duration((0.9 + 0.1*chance.Float64()) * float64(now.Sub(logon)-time.Minute))) // idle for less than the half hour that ends a session
		last = later(last, now.Add(-25*time.Minute)).Truncate(time.Second)
		s := MakeUserSession(fmt.Sprintf("%s-%s", strings.NewReplacer("@example.com", "", ".", "-").Replace(user), strings.ToLower(strings.Fields(module)[0]))).Namespace(p.ns).
			Pool("service-desk").User(user).FullName(fullName).Module(licensing.ModuleName(module)).ClientIP(fmt.Sprintf("192.0.2.%d", 10+n)).ClientHost(fmt.Sprintf("pc-%03d", 10+n)).
			Interactive(licensing.ClientModeDesktop).Applications("Incidents", "Changes").UserAgent("Desk/5.2 (Linux)").Instance("desk-app-1").Obj()
		Expect(op.API.Create(ctx, s)).To(Succeed())
		if connection == "" {
			connection = string(s.UID)
		}
		Eventually(func() error {
			record := p.record(ctx, s.Name)
			record.Status = MakeUserSession("").Active(seat, connection, logon).LastActivity(last).Obj().Status
			return op.API.Status().Update(ctx, record)
		}).WithContext(ctx).Should(Succeed())
		if seat == licensing.SeatConcurrent && connection == string(s.UID) {
			on = append(on, usage.Session{ID: string(s.UID), User: user, Model: usage.Concurrent, Connection: connection, Logon: logon})
		}
		return s
	}
	modules := []string{"Web", "Desktop", "Web", "Mobile", "Web", "Network Inventory"}
	for n := range deskNamedOn {
		session(n, modules[n%len(modules)], "", licensing.SeatNamed)
	}
	for n := range deskConcurrentOn {
		s := session(deskNamedAccounts+n, modules[n%len(modules)], "", licensing.SeatConcurrent)
		if n%15 == 4 { // some have a second module open, in the same seat
			session(deskNamedAccounts+n, "Mobile", string(s.UID), licensing.SeatConcurrent)
		}
	}
	for _, pool := range []*licensing.LicensePool{
		MakeLicensePool("service-desk").DisplayName("Service Desk").Named(deskNamed).Concurrent(deskConcurrent).IdleTimeout(30 * time.Minute).Obj(),
		MakeLicensePool("reporting").DisplayName("Reporting").Named(10).Obj(),
	} {
		pool.Namespace = p.ns
		Expect(op.API.Create(ctx, pool)).To(Succeed())
	}
	pool := &licensing.LicensePool{}
	Eventually(func(g Gomega) {
		g.Expect(op.API.Get(ctx, keyOf(p.ns, "service-desk"), pool)).To(Succeed())
		g.Expect(pool.Status.Concurrent).NotTo(BeNil())
		g.Expect(*pool.Status.Concurrent.Connected).To(BeEquivalentTo(deskConcurrentOn))
		g.Expect(*pool.Status.Named.Used).To(BeEquivalentTo(deskNamedAccounts))
		g.Expect(*pool.Status.Named.Connected).To(BeEquivalentTo(deskNamedOn))
	}).WithContext(ctx).Should(Succeed())
	p.history(ctx, "service-desk", busyWeek(now, on, chance))
	return p
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// busyWeek is a week of a desk that has people all over the world and most of them around this hour, never more than there are seats: first 45, then 50. It ends with those who are on.
func busyWeek(now time.Time, on []usage.Session, chance *rand.Rand) *usage.History {
	const step = 5 * time.Minute
	begin := now.Add(-8 * 24 * time.Hour)
	line, history := usage.NewTimeline(begin), usage.NewHistory()
	raised := now.Add(-3 * 24 * time.Hour)
	line.License(begin, deskNamed, 45)
	line.License(raised, deskNamed, deskConcurrent)
	seats := func(at time.Time) int {
		if at.Before(raised) {
			return 45
		}
		return deskConcurrent
	}
	var open []usage.Session
	count := 0
	remaining := func(at time.Time) int { // how many of those who are on now were on already
		n := 0
		for _, s := range on {
			if s.Logon.Before(at) {
				n++
			}
		}
		return n
	}
	login := func(at time.Time) usage.Session {
		count++
		id := fmt.Sprintf("past-%d", count)
		return usage.Session{ID: id, User: id, Model: usage.Concurrent, Connection: id, Logon: at}
	}
	for at := begin; at.Before(now); at = at.Add(step) {
		day := at.Sub(now).Hours() / 24
		busy := math.Exp(-math.Pow((day-math.Round(day))*24/4.5, 2))
		want := int(4 + (38+8*math.Sin(day*2))*busy + 4*chance.Float64())
		free := seats(at) - remaining(at.Add(step))
		for len(open) > max(0, min(want-remaining(at), free)) {
			i := chance.IntN(len(open))
			open[i].Ended = at
			line.Put(open[i])
			open = append(open[:i], open[i+1:]...)
		}
		for len(open)+remaining(at) < want {
			s := login(at.Add(time.Duration(1+chance.IntN(290)) * time.Second))
			if len(open) < free {
				open = append(open, s)
				line.Put(s)
				continue
			}
			s.Ended, s.Logon, s.Denied = s.Logon, time.Time{}, licensing.ReasonSeatsExhausted
			line.Put(s)
			break
		}
	}
	for _, s := range open {
		s.Ended = now.Add(-time.Minute)
		line.Put(s)
	}
	for _, s := range on {
		line.Put(s)
	}
	line.Tell(history, now, time.Hour)
	return history
}
