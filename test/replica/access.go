// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// accessTimeout bounds how long a permission takes to be known to the API server.
const accessTimeout = time.Minute

// AppServer makes a service account in the namespace, lets it sign users on there, and returns a token of it for the gateway. When it returns, the API
// server knows of the permission.
func (i *Installation) AppServer(ctx context.Context, namespace, name string) (string, error) {
	if err := i.MakeServiceAccount(ctx, namespace, name); err != nil {
		return "", err
	}
	if err := i.AllowSignOn(ctx, namespace, namespace, name); err != nil {
		return "", err
	}
	return i.Token(ctx, namespace, name, Audience)
}

// MakeServiceAccount makes a service account, which may do nothing.
func (i *Installation) MakeServiceAccount(ctx context.Context, namespace, name string) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := i.Kube.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{})
	return err
}

// AllowSignOn lets a service account (of accountNamespace) sign users on in a namespace, by the shipped role, and waits until the API server knows.
func (i *Installation) AllowSignOn(ctx context.Context, namespace, accountNamespace, account string) error {
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "signs-on-" + accountNamespace + "-" + account},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "seatkeeper-client"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: accountNamespace, Name: account}},
	}
	if _, err := i.Kube.RbacV1().RoleBindings(namespace).Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return err
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               UserName(accountNamespace, account),
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "create", Group: licensing.GroupVersion.Group, Resource: "usersessions"},
	}}
	ctx, cancel := context.WithTimeout(ctx, accessTimeout)
	defer cancel()
	for {
		answer, err := i.Kube.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		if answer.Status.Allowed {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the permission of %s to sign users on in %s: %w", account, namespace, ctx.Err())
		case <-time.After(pollInterval):
		}
	}
}

// UserName is what the API server calls a service account.
func UserName(namespace, account string) string {
	return "system:serviceaccount:" + namespace + ":" + account
}

// Token asks for a token of a service account, good for an hour. Without audiences it is for the API server, as a pod's default token is.
func (i *Installation) Token(ctx context.Context, namespace, account string, audiences ...string) (string, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences, ExpirationSeconds: new(int64(3600))}}
	answer, err := i.Kube.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("requesting a token for service account %s/%s: %w", namespace, account, err)
	}
	return answer.Status.Token, nil
}

// KubeconfigVia writes a copy of the operator's kubeconfig to a file, which reaches the API server at another URL, such as a proxy's that passes bytes on.
func (i *Installation) KubeconfigVia(path, server string) error {
	config, err := clientcmd.LoadFromFile(i.Kubeconfig())
	if err != nil {
		return err
	}
	for _, cluster := range config.Clusters {
		cluster.Server = server
	}
	return clientcmd.WriteToFile(*config, path)
}
