// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package maker

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// UserSessionBuilder builds a UserSession. What it sets of the status is in usersession_status.go.
type UserSessionBuilder struct{ session licensing.UserSession }

// MakeUserSession begins a session that has no pool and no user yet.
func MakeUserSession(name string) *UserSessionBuilder {
	return &UserSessionBuilder{licensing.UserSession{
		TypeMeta:   metav1.TypeMeta{APIVersion: licensing.GroupVersion.String(), Kind: "UserSession"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: DefaultNamespace},
	}}
}

// Obj returns the session.
func (b *UserSessionBuilder) Obj() *licensing.UserSession { return b.session.DeepCopy() }

// Namespace sets metadata.namespace.
func (b *UserSessionBuilder) Namespace(namespace string) *UserSessionBuilder {
	b.session.Namespace = namespace
	return b
}

// UID sets metadata.uid, for tests without an API server.
func (b *UserSessionBuilder) UID(uid string) *UserSessionBuilder {
	b.session.UID = types.UID(uid)
	return b
}

// ResourceVersion sets metadata.resourceVersion.
func (b *UserSessionBuilder) ResourceVersion(version string) *UserSessionBuilder {
	b.session.ResourceVersion = version
	return b
}

// CreatedAt sets metadata.creationTimestamp, for tests without an API server.
func (b *UserSessionBuilder) CreatedAt(t time.Time) *UserSessionBuilder {
	b.session.CreationTimestamp = metav1.NewTime(t)
	return b
}

// Label adds a label.
func (b *UserSessionBuilder) Label(key, value string) *UserSessionBuilder {
	b.session.Labels = with(b.session.Labels, key, value)
	return b
}

// Annotation adds an annotation.
func (b *UserSessionBuilder) Annotation(key, value string) *UserSessionBuilder {
	b.session.Annotations = with(b.session.Annotations, key, value)
	return b
}

// Pool sets spec.poolRef.name.
func (b *UserSessionBuilder) Pool(name string) *UserSessionBuilder {
	b.session.Spec.PoolRef.Name = name
	return b
}

// User sets spec.userName.
func (b *UserSessionBuilder) User(name string) *UserSessionBuilder {
	b.session.Spec.UserName = name
	return b
}

// FullName sets spec.userFullName.
func (b *UserSessionBuilder) FullName(name string) *UserSessionBuilder {
	b.session.Spec.UserFullName = name
	return b
}

// Module sets spec.module.
func (b *UserSessionBuilder) Module(module licensing.ModuleName) *UserSessionBuilder {
	b.session.Spec.Module = module
	return b
}

// Type sets spec.type.
func (b *UserSessionBuilder) Type(t licensing.SessionType) *UserSessionBuilder {
	b.session.Spec.Type = t
	return b
}

// Interactive makes it an interactive session of that client mode.
func (b *UserSessionBuilder) Interactive(mode licensing.ClientMode) *UserSessionBuilder {
	return b.Type(licensing.SessionTypeInteractive).ClientMode(mode)
}

// ClientHost sets spec.client.hostName.
func (b *UserSessionBuilder) ClientHost(name string) *UserSessionBuilder {
	b.client().HostName = name
	return b
}

// ClientIP sets spec.client.ip.
func (b *UserSessionBuilder) ClientIP(ip string) *UserSessionBuilder {
	b.client().IP = ip
	return b
}

// ClientUser sets spec.client.userName.
func (b *UserSessionBuilder) ClientUser(name string) *UserSessionBuilder {
	b.client().UserName = name
	return b
}

// ClientMode sets spec.client.mode.
func (b *UserSessionBuilder) ClientMode(mode licensing.ClientMode) *UserSessionBuilder {
	b.client().Mode = mode
	return b
}

// UserAgent sets spec.client.userAgent.
func (b *UserSessionBuilder) UserAgent(agent string) *UserSessionBuilder {
	b.client().UserAgent = agent
	return b
}

// Applications sets spec.applications.
func (b *UserSessionBuilder) Applications(names ...string) *UserSessionBuilder {
	b.session.Spec.Applications = names
	return b
}

// Attribute adds a session attribute to spec.sessionAttributes.
func (b *UserSessionBuilder) Attribute(name, value string) *UserSessionBuilder {
	if b.session.Spec.SessionAttributes == nil {
		b.session.Spec.SessionAttributes = map[string]licensing.AttributeValue{}
	}
	b.session.Spec.SessionAttributes[name] = licensing.AttributeValue(value)
	return b
}

// ExtraAttributes sets spec.extraAttributes.
func (b *UserSessionBuilder) ExtraAttributes(json string) *UserSessionBuilder {
	b.session.Spec.ExtraAttributes = json
	return b
}

// CreatedBy sets spec.createdBy.
func (b *UserSessionBuilder) CreatedBy(name string) *UserSessionBuilder {
	b.session.Spec.CreatedBy = name
	return b
}

// Instance sets spec.instanceName.
func (b *UserSessionBuilder) Instance(name string) *UserSessionBuilder {
	b.session.Spec.InstanceName = name
	return b
}

// SingleSignOn sets spec.singleSignOn.
func (b *UserSessionBuilder) SingleSignOn() *UserSessionBuilder {
	b.session.Spec.SingleSignOn = true
	return b
}

// SystemLogin sets spec.systemLogin.
func (b *UserSessionBuilder) SystemLogin() *UserSessionBuilder {
	b.session.Spec.SystemLogin = true
	return b
}

// MaxWait sets spec.maxWaitSeconds.
func (b *UserSessionBuilder) MaxWait(d time.Duration) *UserSessionBuilder {
	b.session.Spec.MaxWaitSeconds = *seconds(d)
	return b
}

// Termination asks for the session's end.
func (b *UserSessionBuilder) Termination(by licensing.Requester, message string) *UserSessionBuilder {
	b.session.Spec.Termination = &licensing.Termination{RequestedBy: by, Message: message}
	return b
}

// Condition sets a condition of the status.
func (b *UserSessionBuilder) Condition(condition metav1.Condition) *UserSessionBuilder {
	meta.SetStatusCondition(&b.session.Status.Conditions, condition)
	return b
}

func (b *UserSessionBuilder) client() *licensing.Client { return made(&b.session.Spec.Client) }
