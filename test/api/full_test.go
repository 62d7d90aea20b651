// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// full is an object of a kind in which every field of the schema is stated.
func full(kind string) *unstructured.Unstructured {
	GinkgoHelper()
	var object map[string]any
	Expect(yaml.UnmarshalStrict([]byte(fullObjects[kind]), &object)).To(Succeed())
	object["apiVersion"], object["kind"] = "licensing.seatkeeper.dev/v1alpha1", kind
	return named(object)
}

var fullObjects = map[string]string{
	"LicensePool": `
spec:
  displayName: Service Desk
  named: {seats: 25}
  concurrent: {seats: 50}
  enrollment: AccountsOnly
  userNameCase: Sensitive
  validity: {notBefore: "2026-01-01T00:00:00Z", notAfter: "2027-01-01T00:00:00Z"}
  sharing:
    seatPer: [User]
    moduleGroups: [[Web, Desktop], [Mobile]]
  sessions:
    idleTimeoutSeconds: 1800
    unsavedWorkTimeoutSeconds: 28800
    prompt: {leadSeconds: 90, modules: [Web, Mobile]}
    heartbeatIntervalSeconds: 20
    lostAfterSeconds: 300
    maxLifetimeSeconds: 86400
    maxPerUser: {sessions: 3, whenExceeded: TerminateOldest}
    clientIPCheck: Enforced
    onClientExit: EndSession
    retentionSeconds: 7200
status:
  observedGeneration: 1
  model: Combined
  named: {licensed: 25, used: 20, available: 5, accounts: 20, connected: 7}
  concurrent: {licensed: 50, used: 31, available: 19, accounts: 112, connected: 31}
  table:
    named: {licensed: "25", used: "20", available: "5", accounts: "20", connected: "7"}
    concurrent: {licensed: "50", used: "31", available: "19", accounts: "112", connected: "31"}
  expiryHold: {sinceTime: "2026-01-01T00:00:00Z", releasedTime: "2026-01-01T00:15:00Z"}
  grants:
    term: 6f1c
    sessionsFenced: true
    intents:
    - {kind: UserSession, name: s, uid: 1b9d, seat: Concurrent, connection: 1b9d}
  conditions:
  - {type: Ready, status: "True", reason: Reconciled, message: "", lastTransitionTime: "2026-01-01T00:00:00Z"}
`,
	"LicenseAccount": `
spec:
  poolRef: {name: p}
  userName: CORP\ann
  userFullName: Ann Example
  type: Named
  groups: [staff]
  disabled: true
status:
  observedGeneration: 1
  arrivalRevision: "17"
  poolUID: 2c4e
  conditions:
  - {type: Licensed, status: "True", reason: SeatHeld, message: "", lastTransitionTime: "2026-01-01T00:00:00Z"}
`,
	"LicenseUsage": `
spec:
  poolRef: {name: p}
status:
  sinceTime: "2026-01-01T00:00:00Z"
  throughTime: "2026-03-01T00:00:00Z"
  named: {connected: 7, licensed: 25, peakToday: 9, peak30Days: 12, dormantAccounts: 4}
  concurrent: {connected: 31, licensed: 50, peakToday: 31, peak30Days: 44, dormantAccounts: 0}
  denials30Days: {denied: 12, trueDenials: 5}
  peaks: {named: 12 of 25, concurrent: 44 of 50}
  lateTransitions: 1
  history: "1:eJwBAAD//wAAAAE="
`,
	"UserSession": `
spec:
  poolRef: {name: p}
  userName: CORP\ann
  userFullName: Ann Example
  module: Desktop
  type: Interactive
  client: {hostName: pc-17, ip: 192.0.2.17, userName: ann, mode: Desktop, userAgent: Example/1.0}
  applications: [incidents, changes]
  sessionAttributes: {key: value}
  extraAttributes: '{"site": 4}'
  createdBy: portal
  instanceName: app-1
  singleSignOn: true
  systemLogin: true
  maxWaitSeconds: 30
  termination: {requestedBy: User, message: good night}
status:
  observedGeneration: 1
  state: Pending
  seat: Concurrent
  connection: 1b9d
  logonTime: "2026-01-01T00:00:00Z"
  lastActivityTime: "2026-01-01T00:05:00Z"
  lastHeartbeatTime: "2026-01-01T00:06:00Z"
  heardBy: replica-1
  unsavedWork: true
  timeoutTime: "2026-01-01T00:35:00Z"
  durationSeconds: 300
  keepAlive: true
  waitUntilTime: "2026-01-01T00:00:30Z"
  arrivalRevision: "17"
  poolUID: 2c4e
  applications: [incidents]
  sessionAttributes: {key: value}
  sessionAttributeCount: 1
  terminatedTime: "2026-01-01T00:40:00Z"
  terminationAction: NotTerminated
  message: waits for a seat
  conditions:
  - {type: Granted, status: "False", reason: Waiting, message: "", lastTransitionTime: "2026-01-01T00:00:00Z"}
`,
}
