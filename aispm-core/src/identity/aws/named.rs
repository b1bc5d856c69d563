//! `Principal` and `NotPrincipal`: whom a policy names, and who a caller is to it.

use serde_json::Value;

use super::pattern::account_of;
use super::policy::strings;
use super::principal::{Principal, PrincipalKind};

/// `Principal`, or with `not` `NotPrincipal`.
#[derive(Debug, Clone, Default)]
pub(super) struct Principals {
    pub(super) not: bool,
    /// `"*"` or `{"AWS": "*"}`.
    pub(super) anyone: bool,
    /// ARNs; bare account ids are written as that account's root.
    pub(super) aws: Vec<Name>,
    pub(super) services: Vec<String>,
    pub(super) federated: Vec<String>,
    pub(super) canonical: Vec<String>,
}

/// An ARN that a policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) arn: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An account's root, which stands for the account.
    Root,
    Role,
    /// `…:assumed-role/ROLE/SESSION`.
    Session,
    Other,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller<'a> {
    /// Someone without credentials.
    Anonymous,
    /// A service, e.g. `lambda.amazonaws.com`.
    Service(&'a str),
    /// A token of an identity provider; `None` where any provider is meant.
    Federated(Option<&'a str>),
    /// Someone with credentials of an account.
    Known(Identity<'a>),
}

/// Someone with credentials of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity<'a> {
    pub(super) arn: &'a str,
    pub(super) account: &'a str,
    pub(super) kind: IdentityKind,
    /// Whether a permissions boundary is attached to it.
    pub(super) bounded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdentityKind {
    /// The account's root user.
    Root,
    User,
    /// A role, in a session of a name that is not known.
    Role,
    /// A role, in a session of whatever name it likes.
    AnySession,
    /// `…:assumed-role/ROLE/SESSION`.
    Session,
    /// `…:federated-user/NAME`.
    FederatedUser,
}

/// How a policy names a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    No,
    /// By his account, which leaves it to the account's own policies.
    Account,
    /// By the role that he is in a session of.
    Role,
    /// Himself, or everyone.
    Itself,
}

impl Name {
    fn new(text: &str) -> Option<Self> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            return Some(Self { arn: format!("arn:aws:iam::{text}:root"), kind: Kind::Root });
        }
        let resource = text.strip_prefix("arn:")?.splitn(5, ':').nth(4)?;
        let kind = match resource.split_once('/').map_or(resource, |(first, _)| first) {
            "root" => Kind::Root,
            "role" => Kind::Role,
            "assumed-role" => Kind::Session,
            _ => Kind::Other,
        };
        Some(Self { arn: text.to_owned(), kind })
    }

    /// How this names an identity.
    fn names(&self, who: &Identity<'_>) -> Named {
        use IdentityKind::{AnySession, Role, Session};
        let here = || account_of(&self.arn) == Some(who.account);
        match (self.kind, who.kind) {
            (Kind::Root, kind) if here() => {
                if kind == IdentityKind::Root {
                    Named::Itself
                } else {
                    Named::Account
                }
            }
            (Kind::Root, _) => Named::No,
            (Kind::Role, Role | AnySession) if self.arn == who.arn => Named::Role,
            // the ARN of a session does not tell its role's path
            (Kind::Role, Session) if here() && role_of(&self.arn) == role_of(who.arn) => Named::Role,
            (Kind::Session, AnySession) if here() && role_of(&self.arn) == role_of(who.arn) => Named::Itself,
            (Kind::Role, Role | AnySession | Session) => Named::No,
            _ if self.arn == who.arn => Named::Itself,
            _ => Named::No,
        }
    }
}

/// The name of the role that an ARN of a role or of its session speaks of.
pub(super) fn role_of(arn: &str) -> Option<&str> {
    match arn.split_once(":assumed-role/") {
        Some((_, rest)) => rest.split('/').next(),
        None => arn.split_once(":role/")?.1.rsplit('/').next(),
    }
}

/// Whether a policy's name of an identity provider is this one, which may go by its host alone.
fn is_provider(name: &str, own: &str) -> bool {
    name == own || name == "*" || name.split_once(":oidc-provider/").is_some_and(|(_, host)| host == own)
}

impl<'a> Identity<'a> {
    /// A principal of an estate.
    pub(super) fn of(principal: &'a Principal) -> Self {
        let arn = principal.id.as_str();
        let kind = match principal.kind {
            PrincipalKind::Role => IdentityKind::AnySession,
            _ if arn.ends_with(":root") => IdentityKind::Root,
            _ if arn.contains(":role/") => IdentityKind::AnySession,
            _ if arn.contains(":assumed-role/") => IdentityKind::Session,
            _ => IdentityKind::User,
        };
        Self { arn, account: &principal.account, kind, bounded: principal.is_bounded() }
    }
}

impl Principals {
    pub(super) fn everyone() -> Self {
        Self { anyone: true, ..Self::default() }
    }

    pub(super) fn parse(value: &Value, not: bool, faults: &mut Vec<String>) -> Self {
        let mut principals = Self { not, ..Self::default() };
        let mut refuse = |name: &str| faults.push(format!("{name:?} is no principal"));
        match value {
            Value::String(text) if text == "*" => principals.anyone = true,
            Value::Object(map) => {
                for (kind, names) in map {
                    match kind.as_str() {
                        "AWS" => {
                            for name in strings(names) {
                                match Name::new(name) {
                                    _ if name == "*" => principals.anyone = true,
                                    Some(name) => principals.aws.push(name),
                                    // what AWS writes for a principal that was deleted
                                    None if name.starts_with("AIDA") || name.starts_with("AROA") => {}
                                    None if name.contains("${") => {}
                                    None => refuse(name),
                                }
                            }
                        }
                        "Service" => principals.services.extend(strings(names).map(str::to_owned)),
                        "Federated" => principals.federated.extend(strings(names).map(str::to_owned)),
                        "CanonicalUser" => principals.canonical.extend(strings(names).map(str::to_owned)),
                        _ => refuse(kind),
                    }
                }
            }
            _ => refuse(&value.to_string()),
        }
        principals
    }

    /// How a statement's element names a caller. `allow` is the statement's effect.
    pub(super) fn names(&self, who: &Caller<'_>, allow: bool) -> Named {
        if !self.not {
            return self.lists(who);
        }
        let listed = match who {
            // a deny reaches whoever is not listed together with his account, and everyone who has a boundary
            Caller::Known(identity) if !allow && !self.anyone => {
                let how = |named| self.aws.iter().any(|name| name.names(identity) == named);
                let itself = match identity.kind {
                    IdentityKind::Role | IdentityKind::AnySession | IdentityKind::Session => how(Named::Role),
                    _ => how(Named::Itself),
                };
                let account = identity.kind == IdentityKind::Root || how(Named::Account);
                itself && account && !identity.bounded
            }
            _ => self.lists(who) != Named::No,
        };
        if listed { Named::No } else { Named::Itself }
    }

    fn lists(&self, who: &Caller<'_>) -> Named {
        let is = |yes| if yes { Named::Itself } else { Named::No };
        if self.anyone {
            return Named::Itself;
        }
        match who {
            Caller::Anonymous => Named::No,
            Caller::Service(service) => is(self.services.iter().any(|name| name == service)),
            Caller::Federated(None) => is(!self.federated.is_empty()),
            Caller::Federated(Some(own)) => is(self.federated.iter().any(|name| is_provider(name, own))),
            Caller::Known(identity) => {
                let named = self.aws.iter().map(|name| name.names(identity)).max().unwrap_or(Named::No);
                named.max(is(self.canonical.iter().any(|id| id == identity.arn)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const USER: &str = "arn:aws:iam::111111111111:user/ann";
    const ROLE: &str = "arn:aws:iam::111111111111:role/path/r";
    const SESSION: &str = "arn:aws:sts::111111111111:assumed-role/r/s";
    const ROOT: &str = "arn:aws:iam::111111111111:root";

    fn caller(arn: &str, kind: IdentityKind) -> Caller<'_> {
        Caller::Known(Identity { arn, account: "111111111111", kind, bounded: false })
    }

    fn named(value: Value, not: bool, who: &Caller<'_>) -> Named {
        Principals::parse(&value, not, &mut Vec::new()).names(who, !not)
    }

    #[test]
    fn principals_keep_accounts_services_and_everyone() {
        let parse = |v| Principals::parse(&v, false, &mut Vec::new());
        assert!(parse(json!("*")).anyone && parse(json!({"AWS": ["*"]})).anyone);
        assert_eq!(parse(json!({"AWS": "123456789012"})).aws[0].arn, "arn:aws:iam::123456789012:root");
        assert_eq!(parse(json!({"Service": ["a", "b"]})).services, ["a", "b"]);
        let mut faults = Vec::new();
        Principals::parse(&json!({"AWS": ["ann", "AIDAEXAMPLE"], "Users": "x"}), false, &mut faults);
        assert_eq!(faults, ["\"ann\" is no principal", "\"Users\" is no principal"]);
    }

    #[test]
    fn callers_are_named_as_documented() {
        use IdentityKind::{AnySession, FederatedUser, Role, Root, Session, User};
        let other = "arn:aws:sts::111111111111:assumed-role/r/other";
        let federated = "arn:aws:sts::111111111111:federated-user/bob";
        for (value, who, expected) in [
            (json!("*"), Caller::Anonymous, Named::Itself),
            (json!({"AWS": "*"}), Caller::Service("a"), Named::Itself),
            (json!({"AWS": USER}), Caller::Anonymous, Named::No),
            (json!({"AWS": USER}), caller(USER, User), Named::Itself),
            (json!({"AWS": "111111111111"}), caller(USER, User), Named::Account),
            (json!({"AWS": ROOT}), caller(SESSION, Session), Named::Account),
            (json!({"AWS": ROOT}), caller(ROOT, Root), Named::Itself),
            (json!({"AWS": "222222222222"}), caller(USER, User), Named::No),
            (json!({"AWS": ROLE}), caller(SESSION, Session), Named::Role),
            (json!({"AWS": ROLE}), caller(ROLE, Role), Named::Role),
            (json!({"AWS": SESSION}), caller(SESSION, Session), Named::Itself),
            (json!({"AWS": other}), caller(SESSION, Session), Named::No),
            (json!({"AWS": other}), caller(ROLE, AnySession), Named::Itself),
            (json!({"AWS": other}), caller(ROLE, Role), Named::No),
            (json!({"AWS": "arn:aws:iam::111111111111:user/*"}), caller(USER, User), Named::No),
            (json!({"AWS": [federated, ROOT]}), caller(federated, FederatedUser), Named::Itself),
            (json!({"Service": "ec2.amazonaws.com"}), Caller::Service("ec2.amazonaws.com"), Named::Itself),
            (json!({"Service": "ec2.amazonaws.com"}), Caller::Service("s3.amazonaws.com"), Named::No),
            (json!({"Federated": "cognito-identity.amazonaws.com"}), Caller::Federated(None), Named::Itself),
            (json!({"Federated": "a"}), Caller::Federated(Some("b")), Named::No),
        ] {
            assert_eq!(named(value.clone(), false, &who), expected, "{value} {who:?}");
        }
    }

    #[test]
    fn a_deny_for_all_others_spares_who_is_listed_with_his_account() {
        use IdentityKind::{Session, User};
        let denied = |value, who: &Caller<'_>| named(value, true, who) != Named::No;
        assert!(!denied(json!({"AWS": [USER, ROOT]}), &caller(USER, User)));
        assert!(denied(json!({"AWS": [USER]}), &caller(USER, User)));
        assert!(denied(json!({"AWS": [ROOT]}), &caller(USER, User)));
        assert!(!denied(json!({"AWS": [SESSION, ROLE, ROOT]}), &caller(SESSION, Session)));
        assert!(denied(json!({"AWS": [SESSION, ROOT]}), &caller(SESSION, Session)));
        assert!(denied(json!({"AWS": USER}), &Caller::Anonymous));
        assert!(!denied(json!({"Service": "a"}), &Caller::Service("a")));
        let bounded = Identity { arn: USER, account: "111111111111", kind: User, bounded: true };
        assert!(denied(json!({"AWS": [USER, ROOT]}), &Caller::Known(bounded)));
        let allow = Principals::parse(&json!({"AWS": [USER]}), true, &mut Vec::new());
        assert_eq!(allow.names(&caller(USER, User), true), Named::No);
        assert_eq!(allow.names(&caller("arn:aws:iam::111111111111:user/b", User), true), Named::Itself);
    }
}
