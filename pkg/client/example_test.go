// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"log"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
)

// A user signs on, works, and signs out.
func Example() {
	ctx := context.Background()
	c, err := client.New(client.Options{
		URL: "https://seatkeeper-gateway.seatkeeper-system.svc", TokenFile: "/var/run/secrets/seatkeeper/token", CAFile: "/etc/seatkeeper/ca.crt",
	})
	if err != nil {
		log.Fatal(err)
	}
	s, err := c.SignOn(ctx, "itsm", "service-desk", client.Login{UserName: "ann@example.com"}, client.SessionOptions{
		Wait:     30 * time.Second,
		OnPrompt: func(timeout time.Time) { log.Print("Keep your session? It ends at ", timeout) },
		OnKept:   func() { log.Print("Your session goes on.") },
		OnEnd:    func(end client.End) { log.Print(end.Action, ": ", end.Message) },
	})
	if err != nil {
		log.Fatal(err) // a *gatewayapi.Problem says why: SeatsExhausted, AccountDisabled, ...
	}

	s.Active()          // the user did something; cheap, call it as often as you like
	s.UnsavedWork(true) // an edit screen is open
	s.SetApplications("Incidents", "Changes")
	err = s.SignOut(ctx) // gives the seat back
	if err != nil {
		log.Print(err)
	}
}
