//! Who asks, and what a request tells about itself.

use serde_json::Value;

use super::{Request, Target, is_nothing};
use crate::identity::aws::named::{Caller, Identity, IdentityKind, role_of};
use crate::identity::aws::pattern::{account_of, service_of};
use crate::identity::aws::request::Context;

/// Who asks, by ARN, account and kind.
pub(super) fn caller(request: &Request) -> Caller<'_> {
    let principal = &request.principal;
    let arn = principal.arn.as_deref().unwrap_or_default().trim();
    let letters = |text: &str| {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect::<String>()
    };
    let kind = letters(principal.kind.as_deref().unwrap_or_default());
    let account = principal.account.as_deref().filter(|account| !account.is_empty()).or_else(|| account_of(arn));
    let has = |part: &str| arn.contains(part);
    let identity = |kind| {
        let account = account.unwrap_or_default();
        Caller::Known(Identity {
            arn,
            account,
            kind,
            bounded: request.boundary.as_ref().is_some_and(|b| !is_nothing(b)),
        })
    };
    if has(":assumed-role/") {
        return identity(IdentityKind::Session);
    }
    if has(":federated-user/") {
        return identity(IdentityKind::FederatedUser);
    }
    if has(":saml-provider/") || has(":oidc-provider/") {
        return Caller::Federated(Some(arn));
    }
    if arn.starts_with("arn:") {
        return identity(match arn.splitn(6, ':').nth(5).unwrap_or_default() {
            "root" => IdentityKind::Root,
            resource if resource.starts_with("role/") => IdentityKind::Role,
            _ => IdentityKind::User,
        });
    }
    match kind.as_str() {
        "anonymous" | "public" | "unauthenticated" => Caller::Anonymous,
        "service" | "awsservice" | "serviceprincipal" => Caller::Service(arn),
        "federated" | "saml" | "oidc" | "webidentity" | "federatedprovider" | "identityprovider" => {
            Caller::Federated(Some(arn))
        }
        _ if arn.is_empty() || arn == "*" => match account {
            Some(_) if arn.is_empty() && matches!(kind.as_str(), "root" | "account") => identity(IdentityKind::Root),
            _ => Caller::Anonymous,
        },
        _ if is_account(arn) => Caller::Known(Identity { arn, account: arn, kind: IdentityKind::Root, bounded: false }),
        _ if is_provider(arn) => Caller::Federated(Some(arn)),
        _ if arn.ends_with(".amazonaws.com")
            || arn.ends_with(".amazonaws.com.cn")
            || arn.ends_with(".aws.internal") =>
        {
            Caller::Service(arn)
        }
        // a canonical id, or a bare name
        _ => identity(IdentityKind::User),
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a name is one of the identity providers that policies name without an ARN.
fn is_provider(name: &str) -> bool {
    matches!(name, "cognito-identity.amazonaws.com" | "www.amazon.com" | "graph.facebook.com" | "accounts.google.com")
}

/// Where a resource lives, if that is known.
pub(super) fn home(resource: &Target) -> Option<&str> {
    let given = resource.account.as_deref().filter(|account| !account.is_empty());
    given.or_else(|| account_of(resource.arn.as_deref().unwrap_or_default()))
}

/// The context as given, and what the request tells besides.
pub(super) fn context(request: &Request, caller: &Caller<'_>, faults: &mut Vec<String>) -> Context {
    let mut context = Context::default();
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    for (key, value) in &request.context {
        let values: Vec<String> = match value {
            Value::Array(list) => list.iter().filter_map(text).collect(),
            one => text(one).into_iter().collect(),
        };
        let given = value.as_array().map_or(usize::from(!value.is_null()), Vec::len);
        if values.len() < given {
            faults.push(format!("context key {key}: only texts, numbers and truth values are values"));
        }
        context.set(key, values);
    }
    match caller {
        Caller::Anonymous => {
            context.derive("aws:principaltype", "Anonymous");
            context.derive("aws:userid", "anonymous");
        }
        Caller::Service(name) => {
            context.derive("aws:principalisawsservice", "true");
            context.derive("aws:principalservicename", *name);
            context.derive("aws:principalservicenameslist", *name);
        }
        Caller::Federated(provider) => {
            context.derive("aws:principalisawsservice", "false");
            if let Some(provider) = provider {
                context.derive("aws:federatedprovider", *provider);
            }
        }
        Caller::Known(identity) => of_identity(&mut context, identity),
    }
    if let Some(account) = home(&request.resource) {
        context.derive("aws:resourceaccount", account);
        let is_s3 = service_of(request.resource.arn.as_deref().unwrap_or_default()) == Some("s3");
        if is_s3 {
            context.derive("s3:resourceaccount", account);
        }
    }
    context
}

fn of_identity(context: &mut Context, identity: &Identity<'_>) {
    use IdentityKind::{AnySession, FederatedUser, Role, Root, Session, User};
    let Identity { arn, account, kind, .. } = *identity;
    let partition = arn.strip_prefix("arn:").and_then(|rest| rest.split(':').next()).unwrap_or("aws");
    let principal = match (kind, role_of(arn)) {
        // a session is its role to conditions
        (Session, Some(role)) => format!("arn:{partition}:iam::{account}:role/{role}"),
        (Root, _) => format!("arn:{partition}:iam::{account}:root"),
        _ => arn.to_owned(),
    };
    context.derive("aws:principalarn", principal);
    context.derive("aws:principalisawsservice", "false");
    if !account.is_empty() {
        context.derive("aws:principalaccount", account);
    }
    let name = arn.rsplit('/').next().unwrap_or(arn);
    match kind {
        Root => {
            context.derive("aws:principaltype", "Account");
            context.derive("aws:userid", account);
        }
        User => {
            context.derive("aws:principaltype", "User");
            if arn.contains(":user/") {
                context.derive("aws:username", name);
            }
        }
        Role | AnySession | Session => context.derive("aws:principaltype", "AssumedRole"),
        FederatedUser => {
            context.derive("aws:principaltype", "FederatedUser");
            context.derive("aws:userid", format!("{account}:{name}"));
        }
    }
}
