// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/seatkeeper/seatkeeper/pkg/client"
)

const (
	// applicationAccount is the service account of pool.yaml that may sign users on, and nothing else.
	applicationAccount = "helpdesk"
	// audience is the gateway's default.
	audience = "seatkeeper"
	// tokenLife is how long a token lasts, tokenUse how long it is used.
	tokenLife, tokenUse = time.Hour, 30 * time.Minute
	// instance is what the demo's own sessions bear, to tell them from those that somebody makes by hand.
	instance = "demo"
)

// application is the application server that the simulated users work with. It talks to the gateway alone, by HTTP, as any application would.
type application struct {
	gateway *client.Client
	traffic *traffic

	accounts corev1client.ServiceAccountInterface
	mu       sync.Mutex
	token    string
	renew    time.Time
}

// newApplication makes the application server and waits until the gateway lets it in: permissions take a moment to be known everywhere.
func newApplication(ctx context.Context, config *rest.Config, gateway string, pool types.NamespacedName) (*application, error) {
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	a := &application{accounts: kube.CoreV1().ServiceAccounts(pool.Namespace), traffic: newTraffic(transport)}
	a.gateway, err = client.New(client.Options{URL: gateway, Token: a.currentToken, HTTPClient: &http.Client{Transport: a.traffic}})
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(readyTimeout); ; {
		if _, err = a.gateway.Pool(ctx, pool.Namespace, pool.Name); err == nil {
			a.traffic.forget()
			return a, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the gateway did not let the application server in within %s: %w", readyTimeout, err)
		}
		if !pause(ctx, 200*time.Millisecond) {
			return nil, context.Cause(ctx)
		}
	}
}

// currentToken is the service account's token for the gateway; in a cluster a projected volume brings it.
func (a *application) currentToken(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Now().Before(a.renew) {
		return a.token, nil
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: []string{audience}, ExpirationSeconds: new(int64(tokenLife / time.Second))}}
	answer, err := a.accounts.CreateToken(ctx, applicationAccount, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	a.token, a.renew = answer.Status.Token, time.Now().Add(tokenUse)
	return a.token, nil
}
