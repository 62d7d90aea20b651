// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

func question(uids ...string) string {
	body, _ := json.Marshal(gatewayapi.ActivityQuestion{Uids: uids})
	return string(body)
}

func TestActivityIsAnsweredFromMemory(t *testing.T) {
	w := newWorld(t)
	w.pool(5)
	ann, annToken := w.active("ann")
	bob, _ := w.active("bob")
	over, _ := w.active("over")
	gone, _ := w.active("gone")
	w.terminate(over)
	w.hide(gone)
	w.clock.SetTime(nine.Add(10 * time.Minute))
	w.do("POST", "/v1/session/heartbeat", annToken, `{"idleSeconds":20,"unsavedWork":true}`).wants(http.StatusOK)
	w.clock.SetTime(nine.Add(11 * time.Minute))
	w.away()

	a := w.do("POST", "/v1/activity", "", question(string(ann.UID), "unknown", string(over.UID), string(bob.UID), string(gone.UID))).wants(http.StatusOK)
	got := read[gatewayapi.ActivityAnswer](a).Sessions
	if len(got) != 2 || got[0].UID != string(ann.UID) || got[1].UID != string(bob.UID) {
		t.Fatalf("must answer for the two sessions that are on, in their order: %+v", got)
	}
	heard := nine.Add(10 * time.Minute)
	if !got[0].LastActivityTime.Equal(heard.Add(-20*time.Second)) || got[0].LastHeartbeatTime == nil || !got[0].LastHeartbeatTime.Equal(heard) || !got[0].UnsavedWork || !got[0].KeepAlive ||
		got[0].TimeoutTime == nil || !got[0].TimeoutTime.Equal(heard.Add(-20*time.Second).Add(30*time.Minute)) {
		t.Errorf("of a session that is heard: %+v", got[0])
	}
	if !got[1].LastActivityTime.Equal(nine) || got[1].LastHeartbeatTime != nil || got[1].UnsavedWork {
		t.Errorf("of a session that never sent a heartbeat: %+v", got[1])
	}
	if n := w.count("patch") + w.count("create") + w.count("get"); n != 0 {
		t.Errorf("%d calls of the API server", n)
	}
	if none := w.do("POST", "/v1/activity", "", question("unknown")).wants(http.StatusOK).Body.String(); none != `{"sessions":[]}`+"\n" {
		t.Errorf("of none: %s", none)
	}
}

func TestQuestionsAreBounded(t *testing.T) {
	w := newWorld(t)
	many := slices.Repeat([]string{strings.Repeat("u", 64)}, maxQuestionUIDs)
	w.do("POST", "/v1/activity", "", question(many...)).wants(http.StatusOK)
	for body, said := range map[string]string{
		`{}`:                           "uids must have 1 to 1000 entries.",
		`{"uids":[]}`:                  "uids must have 1 to 1000 entries.",
		question(append(many, "u")...): "uids must have 1 to 1000 entries.",
		`{"uids":"u"}`:                 "The field uids must be a list, not text.",
		`{"uids":["u"],"names":["n"]}`: "The field names must be left out",
		``:                             "The body must be one JSON object",
	} {
		if p := w.do("POST", "/v1/activity", "", body).problem("BadRequest"); !strings.HasPrefix(p.Detail, said) {
			t.Errorf("%.40s: %s", body, p.Detail)
		}
	}
	w.do("POST", "/v1/activity", "", fmt.Sprintf(`{"uids":[%q]}`, strings.Repeat("u", maxQuestion))).problem("TooLarge")

	w.gateway.view.inSync.Store(false)
	w.do("POST", "/v1/activity", "", question("u")).problem("Unavailable")
}

func TestQuestionsOfOneAddressAreLimited(t *testing.T) {
	w := newWorld(t)
	for range 2 * questionRate {
		w.do("POST", "/v1/activity", "", question("u")).wants(http.StatusOK)
	}
	w.do("POST", "/v1/activity", "", question("u")).problem("TooManyRequests")
	w.clock.SetTime(nine.Add(time.Second / questionRate))
	w.do("POST", "/v1/activity", "", question("u")).wants(http.StatusOK)
}
