//! The principals and policies of an inventory, and questions to them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::condition::{Request, Truth};
use super::managed::managed;
use super::pattern::account_of;
use super::policy::Policy;
use super::principal::{Boundary, Held, Principal, PrincipalKind, tags};
use super::scope::Scope;
use crate::asset::{Asset, AssetId, AssetKind, Evidence, Inventory, pointer_key};
use crate::identity::Decision;

/// A decision and the statements that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// Allowed, conditional or denied.
    pub decision: Decision,
    /// The allowing statements, at most four.
    pub statements: Vec<Evidence>,
}

/// The principals and policies of an inventory. Immutable; build once, ask often.
#[derive(Debug, Clone, Default)]
pub struct Estate {
    principals: Vec<Principal>,
    index: HashMap<AssetId, usize>,
    resource_policies: HashMap<AssetId, Held>,
    homes: HashMap<AssetId, String>,
    accounts: BTreeSet<String>,
    /// Managed policies that make an administrator of whoever they are attached to.
    strong: Vec<String>,
    as_of: Option<String>,
    warnings: Vec<String>,
}

/// A scope in a [`Scopes`] table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ScopeId(u32);

/// Scopes shared by what they decide.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    list: Vec<Scope>,
    ids: HashMap<String, ScopeId>,
}

impl Scopes {
    /// The scope of this principal and action, or `None` if nothing allows it.
    pub(crate) fn of(
        &mut self,
        estate: &Estate,
        principal: &Principal,
        action: &str,
        passed_to: Option<&str>,
    ) -> Option<ScopeId> {
        let scope = Scope::new(principal, &action.to_ascii_lowercase(), &estate.request(principal, passed_to))?;
        let next = ScopeId(u32::try_from(self.list.len()).ok()?);
        let id = *self.ids.entry(scope.key()).or_insert(next);
        if id == next {
            self.list.push(scope);
        }
        Some(id)
    }

    pub(crate) fn get(&self, id: ScopeId) -> Option<&Scope> {
        self.list.get(usize::try_from(id.0).ok()?)
    }
}

/// Who a trust or resource policy is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trustee<'a> {
    /// A user or role.
    Principal(&'a Principal),
    /// A service, e.g. `lambda.amazonaws.com`.
    Service(&'a str),
    /// The subject of a web identity token, e.g. `system:serviceaccount:ns:name`.
    Subject(&'a str),
    /// A caller without credentials.
    Anonymous,
}

/// What a policy that names principals says of one of them.
#[derive(Debug, Default)]
struct Side {
    /// Conditions of the hardest deny.
    deny: Option<Vec<String>>,
    /// Named itself, or everyone is.
    direct: Option<Vec<String>>,
    /// Its account's root is named, which delegates to identity policies.
    delegated: Option<Vec<String>>,
    evidence: Vec<Evidence>,
}

impl Estate {
    /// Reads principals (in the shape of `get-account-authorization-details`), their policies, and the policies on
    /// resources (property `policy` or `Policy`). Linear in the inventory.
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        let mut estate = Self::default();
        let documents = ManagedPolicies::new(inventory);
        estate.strong = documents.strong();
        let mut groups: HashMap<AssetId, Vec<Held>> = HashMap::new();
        let identities = || inventory.assets().filter(|asset| is_principal(asset));
        for asset in identities().filter(|asset| asset.kind == AssetKind::Group) {
            let principal = estate.principal(asset, &documents);
            groups.insert(asset.id.clone(), principal.policies.clone());
            estate.add(principal);
        }
        for asset in identities().filter(|asset| asset.kind != AssetKind::Group) {
            let mut principal = estate.principal(asset, &documents);
            for group in member_of(asset) {
                principal.policies.extend(groups.get(group.as_str()).into_iter().flatten().cloned());
                principal.groups.push(group);
            }
            estate.add(principal);
        }
        estate.accounts = estate.principals.iter().map(|p| p.account.clone()).filter(|a| !a.is_empty()).collect();
        for relation in inventory.relations().filter(|r| r.kind == crate::asset::RelationKind::Contains) {
            if let Some(account) = account_of(relation.from.as_str()) {
                estate.homes.insert(relation.to.clone(), account.to_owned());
            }
        }
        for asset in inventory.assets().filter(|a| a.kind != AssetKind::Policy && !is_principal(a)) {
            if let Some(held) = resource_policy(asset) {
                estate.resource_policies.insert(asset.id.clone(), held);
            }
        }
        estate.add_external();
        estate
    }

    fn add(&mut self, principal: Principal) {
        self.index.insert(principal.id.clone(), self.principals.len());
        self.principals.push(principal);
    }

    fn principal(&mut self, asset: &Asset, documents: &ManagedPolicies) -> Principal {
        let kind = match asset.kind {
            AssetKind::User => PrincipalKind::User,
            AssetKind::Group => PrincipalKind::Group,
            _ => PrincipalKind::Role,
        };
        let mut principal = Principal::named(asset.id.as_str(), kind);
        principal.tags = tags(asset.properties.get("Tags"));
        let base = asset.evidence.first().cloned().unwrap_or_default();
        // entries that were read from elsewhere say where
        let place = |entry: &Value, pointer: String| {
            let mut evidence = base.clone();
            let own = entry.get("Pointer").and_then(Value::as_str).map(str::to_owned);
            evidence.pointer =
                Some(own.unwrap_or_else(|| format!("{}{pointer}", base.pointer.as_deref().unwrap_or_default())));
            evidence
        };
        let below = |pointer: String| {
            let mut evidence = base.clone();
            evidence.pointer = Some(format!("{}{pointer}", base.pointer.as_deref().unwrap_or_default()));
            evidence
        };
        for list in ["UserPolicyList", "RolePolicyList", "GroupPolicyList"] {
            let entries = asset.properties.get(list).and_then(Value::as_array).into_iter().flatten();
            for (i, entry) in entries.enumerate() {
                if let Some(policy) = entry.get("PolicyDocument").and_then(Policy::parse) {
                    let evidence = place(entry, format!("/{list}/{i}/PolicyDocument"));
                    principal.policies.push(Held { policy: Arc::new(policy), evidence });
                }
            }
        }
        let attached = asset.properties.get("AttachedManagedPolicies").and_then(Value::as_array);
        for (i, entry) in attached.into_iter().flatten().enumerate() {
            let Some(arn) = entry.get("PolicyArn").and_then(Value::as_str) else { continue };
            principal.attached.push(arn.to_owned());
            match documents.get(arn, || below(format!("/AttachedManagedPolicies/{i}"))) {
                Some(held) => principal.policies.push(held),
                None => self.warn(format!("{arn} is attached to {} but its document is not in the input", asset.id)),
            }
        }
        let boundary = asset.properties.get("PermissionsBoundary");
        let arn = boundary.and_then(|b| b.get("PermissionsBoundaryArn").or(Some(b))).and_then(Value::as_str);
        if let Some(arn) = arn {
            principal.boundary_arn = Some(arn.to_owned());
            let held = documents.get(arn, || below("/PermissionsBoundary".to_owned()));
            principal.boundary = held.map_or_else(|| Boundary::Missing(arn.to_owned()), Boundary::Policy);
        }
        let trust = asset.properties.get("AssumeRolePolicyDocument").and_then(Policy::parse);
        let mut evidence = below("/AssumeRolePolicyDocument".to_owned());
        if let Some(pointer) = asset.text("AssumeRolePolicyPointer") {
            evidence.pointer = Some(pointer.to_owned());
        }
        principal.trust = trust.map(|policy| Held { policy: Arc::new(policy), evidence });
        let profiles = asset.properties.get("InstanceProfileList").and_then(Value::as_array);
        principal.instance_profile = profiles.is_some_and(|list| !list.is_empty());
        let created = asset.properties.get("CreateDate").and_then(Value::as_str);
        if created > self.as_of.as_deref() {
            self.as_of = created.map(str::to_owned);
        }
        principal
    }

    fn warn(&mut self, message: String) {
        const LIMIT: usize = 100;
        if self.warnings.len() < LIMIT {
            self.warnings.push(message);
        }
    }

    /// Principals of other accounts that policies here name.
    fn add_external(&mut self) {
        let trusts = self.principals.iter().filter_map(|p| p.trust.as_ref());
        let policies = trusts.chain(self.resource_policies.values());
        let statements = policies.flat_map(|held| &held.policy.statements).filter(|statement| statement.allow);
        let named: BTreeSet<String> = statements
            .filter_map(|statement| statement.principals.as_ref().filter(|p| !p.not))
            .flat_map(|principals| &principals.aws)
            .filter(|arn| account_of(arn).is_some_and(|account| !self.accounts.contains(account)))
            .cloned()
            .collect();
        for arn in named {
            self.add(Principal::named(&arn, PrincipalKind::External));
        }
    }

    /// Every principal: users, roles, groups, and those of other accounts that policies name.
    #[must_use]
    pub fn principals(&self) -> &[Principal] {
        &self.principals
    }

    /// The principal of this ARN.
    #[must_use]
    pub fn principal_of(&self, id: &str) -> Option<&Principal> {
        self.principals.get(*self.index.get(id)?)
    }

    /// What the input lacks: attached policies without documents.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Resources that carry a policy of their own.
    pub(crate) fn policied(&self) -> impl Iterator<Item = &AssetId> {
        self.resource_policies.keys()
    }

    /// Whether a resource's own policy denies anything.
    pub(crate) fn restricts(&self, resource: &str) -> bool {
        self.policy_on(resource).is_some_and(|held| held.policy.statements.iter().any(|s| !s.allow))
    }

    /// Whether a resource's own policy allows something to this principal beyond what his own policies do: to himself,
    /// or from another account to his account.
    pub(crate) fn names(&self, principal: &Principal, resource: &str, elsewhere: bool) -> bool {
        let names = |p| match names(p, Trustee::Principal(principal)) {
            Names::Itself => true,
            Names::Account => elsewhere,
            Names::No => false,
        };
        let mut allows = self.policy_on(resource).into_iter().flat_map(|held| &held.policy.statements);
        allows.any(|s| s.allow && s.principals.as_ref().is_some_and(names))
    }

    /// Whether a resource's own policy leaves it to the policies of this account who uses it.
    pub(crate) fn delegates(&self, resource: &str, account: &str) -> bool {
        let root = format!("arn:aws:iam::{account}:root");
        let plain = |s: &super::policy::Statement| {
            s.allow && s.conditions.is_empty() && s.principals.as_ref().is_some_and(|p| !p.not && p.aws.contains(&root))
        };
        self.policy_on(resource).is_some_and(|held| held.policy.statements.iter().any(plain))
    }

    /// Managed policies that make an administrator of whoever they are attached to, at most sixteen.
    pub(crate) fn strong_policies(&self) -> impl Iterator<Item = &str> {
        self.strong.iter().map(String::as_str)
    }

    /// The account a resource lives in: from its ARN, from what contains it, or the only account there is.
    #[must_use]
    pub fn home<'a>(&'a self, resource: &'a str) -> Option<&'a str> {
        let only = || self.accounts.first().filter(|_| self.accounts.len() == 1).map(String::as_str);
        account_of(resource).or_else(|| self.homes.get(resource).map(String::as_str)).or_else(only)
    }

    pub(super) fn request<'a>(&'a self, principal: &'a Principal, passed_to: Option<&'a str>) -> Request<'a> {
        Request { principal: Some(principal), passed_to, as_of: self.as_of.as_deref(), ..Request::default() }
    }

    /// Whether a principal may do this to a resource (an ARN); `passed_to` is the service of `iam:PassRole`.
    /// O(statements of the principal · patterns).
    #[must_use]
    pub fn allows(&self, principal: &Principal, action: &str, resource: &str, passed_to: Option<&str>) -> Answer {
        let action = action.to_ascii_lowercase();
        let scope = Scope::new(principal, &action, &self.request(principal, passed_to));
        let decision = self.decide(principal, scope.as_ref(), &action, resource);
        let statements = match decision {
            Decision::Denied => Vec::new(),
            _ => self.evidence(principal, &action, resource, passed_to),
        };
        Answer { decision, statements }
    }

    /// Identity side and resource side together.
    pub(crate) fn decide(
        &self,
        principal: &Principal,
        scope: Option<&Scope>,
        action: &str,
        resource: &str,
    ) -> Decision {
        let home = self.home(resource);
        let external = principal.kind == PrincipalKind::External;
        let identity = match scope {
            Some(scope) => scope.on(resource, home),
            None if external => Decision::Allowed,
            None => Decision::Denied,
        };
        let same_account = home.is_none_or(|home| home == principal.account);
        let Some(held) = self.policy_on(resource) else {
            return if same_account && !external { identity } else { Decision::Denied };
        };
        let side = self.side(held, &action.to_ascii_lowercase(), Some(resource), Trustee::Principal(principal));
        let decision = if same_account && !external {
            let named = side.direct.clone().map_or(Decision::Denied, Decision::when);
            let named = if self.hard_denied(principal, action, resource) { Decision::Denied } else { named };
            identity.or(named)
        } else {
            let theirs = side.direct.clone().into_iter().chain(side.delegated.clone()).min_by_key(Vec::len);
            identity.and(theirs.map_or(Decision::Denied, Decision::when))
        };
        side.against(decision)
    }

    /// Whether the principal's own policies deny this outright: an explicit deny, or for roles a boundary that does not
    /// allow it.
    fn hard_denied(&self, principal: &Principal, action: &str, resource: &str) -> bool {
        let action = action.to_ascii_lowercase();
        let request = Request { resource: Some(resource), ..self.request(principal, None) };
        let boundary = match &principal.boundary {
            Boundary::Policy(held) => Some(held),
            _ => None,
        };
        let denies = principal.policies.iter().chain(boundary).flat_map(|held| &held.policy.statements).any(|s| {
            !s.allow
                && s.actions.matches(&action)
                && s.resources.as_ref().is_none_or(|r| r.matches(resource))
                && s.conditions.iter().all(|c| c.holds(&request, false) == Truth::Yes)
        });
        let bounded = principal.kind == PrincipalKind::Role
            && boundary.is_some_and(|held| {
                !held.policy.statements.iter().any(|s| {
                    s.allow && s.actions.matches(&action) && s.resources.as_ref().is_none_or(|r| r.matches(resource))
                })
            });
        denies || bounded
    }

    /// The policy on a resource; an object's is its bucket's.
    fn policy_on(&self, resource: &str) -> Option<&Held> {
        self.resource_policies.get(resource).or_else(|| {
            let (bucket, _) = resource.strip_prefix("arn:aws:s3:::")?.split_once('/')?;
            self.resource_policies.get(format!("arn:aws:s3:::{bucket}").as_str())
        })
    }

    /// Whether anyone on the internet may do this, by the resource's own policy.
    pub(crate) fn public(&self, action: &str, resource: &str) -> Answer {
        let side = self
            .policy_on(resource)
            .map(|held| self.side(held, &action.to_ascii_lowercase(), Some(resource), Trustee::Anonymous))
            .unwrap_or_default();
        let decision = side.direct.clone().map_or(Decision::Denied, Decision::when);
        Answer { decision: side.against(decision), statements: side.evidence }
    }

    /// Whether a role's trust policy lets someone assume it, for principals together with their own policies.
    pub(crate) fn trusts(&self, role: &Principal, who: Trustee<'_>, scope: Option<&Scope>) -> Answer {
        let Some(held) = &role.trust else { return Answer { decision: Decision::Denied, statements: Vec::new() } };
        let action = match who {
            Trustee::Subject(_) => "sts:assumerolewithwebidentity",
            _ => "sts:assumerole",
        };
        let side = self.side(held, action, None, who);
        let direct = side.direct.clone().map_or(Decision::Denied, Decision::when);
        let decision = match who {
            Trustee::Principal(principal) if principal.kind != PrincipalKind::External => {
                let arn = role.id.as_str();
                let identity = scope.map_or(Decision::Denied, |scope| scope.on(arn, Some(&role.account)));
                let delegated = side.delegated.clone().map_or(Decision::Denied, Decision::when);
                if principal.account == role.account {
                    let denied = direct != Decision::Denied && self.hard_denied(principal, action, arn);
                    let direct = if denied { Decision::Denied } else { direct };
                    direct.or(delegated.and(identity))
                } else {
                    direct.or(delegated).and(identity)
                }
            }
            _ => direct,
        };
        Answer { decision: side.against(decision), statements: side.evidence }
    }

    /// Whether a principal may assume a role, by both sides.
    pub(crate) fn assumes(&self, principal: &Principal, role: &Principal) -> Decision {
        let scope = Scope::new(principal, "sts:assumerole", &self.request(principal, None));
        self.trusts(role, Trustee::Principal(principal), scope.as_ref()).decision
    }

    /// Whether a trust policy treats all principals of an account alike: no conditions, denies or exceptions.
    pub(crate) fn trusts_plainly(&self, role: &Principal) -> bool {
        let mut statements = role.trust.iter().flat_map(|held| &held.policy.statements);
        statements.all(|s| s.allow && s.conditions.is_empty() && s.principals.as_ref().is_none_or(|p| !p.not))
    }

    /// ARNs that a role's trust policy names, and whether it names everyone.
    pub(crate) fn named_by(&self, role: &Principal) -> (HashSet<String>, bool) {
        let statements = role.trust.iter().flat_map(|held| &held.policy.statements).filter(|s| s.allow);
        let (mut names, mut anyone) = (HashSet::new(), false);
        for principals in statements.filter_map(|s| s.principals.as_ref()) {
            anyone |= principals.anyone || principals.not;
            names.extend(principals.aws.iter().cloned());
        }
        (names, anyone)
    }

    /// Services that a role's trust policy names.
    pub(crate) fn services_of<'a>(&self, role: &'a Principal) -> impl Iterator<Item = &'a str> + use<'a> {
        let statements = role.trust.iter().flat_map(|held| &held.policy.statements).filter(|s| s.allow);
        statements.filter_map(|s| s.principals.as_ref()).flat_map(|p| p.services.iter().map(String::as_str))
    }

    fn side(&self, held: &Held, action: &str, resource: Option<&str>, who: Trustee<'_>) -> Side {
        let principal = match who {
            Trustee::Principal(principal) => Some(principal),
            _ => None,
        };
        let mut request = Request { principal, resource, as_of: self.as_of.as_deref(), ..Request::default() };
        if let Trustee::Subject(subject) = who {
            request.subject = Some(subject);
        }
        let mut side = Side::default();
        for statement in held.policy.statements.iter().filter(|s| s.actions.matches(action)) {
            if resource.is_some_and(|r| !statement.resources.as_ref().is_none_or(|c| c.matches(r))) {
                continue;
            }
            let Some(names) = statement.principals.as_ref().map(|p| names(p, who)) else { continue };
            if names == Names::No {
                continue;
            }
            let mut open = Vec::new();
            let mut holds = true;
            for condition in &statement.conditions {
                match condition.holds(&request, statement.allow) {
                    Truth::Yes => {}
                    Truth::No => holds = false,
                    Truth::Unknown => open.push(condition.text.clone()),
                }
            }
            if !holds {
                continue;
            }
            let slot = match (statement.allow, names) {
                (false, _) => &mut side.deny,
                (true, Names::Account) => &mut side.delegated,
                (true, _) => &mut side.direct,
            };
            if slot.as_ref().is_none_or(|known| open.len() < known.len()) {
                *slot = Some(open);
            }
            if statement.allow {
                side.evidence.push(held.statement(&statement.pointer, &statement.excerpt));
            }
        }
        side.evidence.truncate(EVIDENCE_LIMIT);
        side
    }

    /// The statements that allow this, at most four.
    pub(crate) fn evidence(
        &self,
        principal: &Principal,
        action: &str,
        resource: &str,
        passed_to: Option<&str>,
    ) -> Vec<Evidence> {
        let action = action.to_ascii_lowercase();
        let request = Request { resource: Some(resource), ..self.request(principal, passed_to) };
        let mut found = Vec::new();
        for held in &principal.policies {
            for statement in held.policy.statements.iter().filter(|s| s.allow && s.actions.matches(&action)) {
                let names = statement.resources.as_ref().is_none_or(|choice| {
                    let text = |p: &super::Pattern| request.substitute(p.text()).map(|t| super::Pattern::new(&t));
                    choice.patterns.iter().filter_map(text).any(|p| p.matches(resource)) != choice.not
                });
                let holds = statement.conditions.iter().all(|c| c.holds(&request, true) != Truth::No);
                if names && holds && found.len() < EVIDENCE_LIMIT {
                    found.push(held.statement(&statement.pointer, &statement.excerpt));
                }
            }
        }
        if found.is_empty()
            && let Some(held) = self.policy_on(resource)
        {
            found = self.side(held, &action, Some(resource), Trustee::Principal(principal)).evidence;
        }
        found
    }

    /// A resource of this service that the principal may do this to.
    pub(crate) fn example(&self, principal: &Principal, action: &str, service: &str) -> Option<String> {
        let scope = Scope::new(principal, &action.to_ascii_lowercase(), &self.request(principal, None))?;
        let (decision, example) = scope.anywhere(service, &principal.account);
        (decision != Decision::Denied).then_some(example)
    }

    /// An object of a bucket that the principal may do this to, or any.
    pub(crate) fn object(&self, principal: &Principal, action: &str, bucket: &str) -> String {
        let prefix = format!("{bucket}/");
        let scope = Scope::new(principal, &action.to_ascii_lowercase(), &self.request(principal, None));
        scope.map_or_else(|| format!("{prefix}x"), |scope| scope.within(&prefix, self.home(bucket)).1)
    }

    /// Where a role says whom it trusts.
    pub(crate) fn trust_evidence(&self, role: &Principal, who: Trustee<'_>) -> Vec<Evidence> {
        self.trusts(role, who, None).statements
    }
}

const EVIDENCE_LIMIT: usize = 4;

impl Side {
    fn against(&self, decision: Decision) -> Decision {
        match &self.deny {
            None => decision,
            Some(conditions) if conditions.is_empty() => Decision::Denied,
            Some(conditions) => {
                decision.and(Decision::Conditional(vec![format!("not ({})", conditions.join(" and "))]))
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    No,
    Itself,
    Account,
}

fn names(principals: &super::policy::Principals, who: Trustee<'_>) -> Names {
    let named = match who {
        _ if principals.anyone && !matches!(who, Trustee::Service(_) | Trustee::Subject(_)) => Names::Itself,
        Trustee::Anonymous => Names::No,
        Trustee::Service(service) if principals.services.iter().any(|s| s == service) => Names::Itself,
        Trustee::Subject(_) if !principals.federated.is_empty() => Names::Itself,
        Trustee::Service(_) | Trustee::Subject(_) => Names::No,
        Trustee::Principal(principal) => {
            let root = format!("arn:aws:iam::{}:root", principal.account);
            let session = |arn: &str| {
                let role = arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next());
                principal.kind == PrincipalKind::Role
                    && role == Some(&principal.name)
                    && account_of(arn) == Some(&principal.account)
            };
            if principals.aws.iter().any(|arn| arn == principal.id.as_str() || session(arn)) {
                Names::Itself
            } else if principals.aws.contains(&root) {
                Names::Account
            } else {
                Names::No
            }
        }
    };
    match (principals.not, named) {
        (false, named) => named,
        (true, Names::No) => Names::Itself,
        (true, _) => Names::No,
    }
}

/// Managed policies by ARN, each parsed once.
struct ManagedPolicies(HashMap<AssetId, Held>);

impl ManagedPolicies {
    fn new(inventory: &Inventory) -> Self {
        let policies = inventory.assets().filter(|asset| asset.kind == AssetKind::Policy);
        Self(policies.filter_map(|asset| Some((asset.id.clone(), default_version(asset)?))).collect())
    }

    /// Those that cover everything, or everything of IAM, which soon is the same; the ones that every account has first.
    fn strong(&self) -> Vec<String> {
        const LIMIT: usize = 16;
        let known = ["AdministratorAccess", "IAMFullAccess"].map(|name| format!("arn:aws:iam::aws:policy/{name}"));
        let own = self.0.iter().filter(|(arn, held)| {
            !known.iter().any(|known| *known == arn.as_str()) && super::admin::covers_identity(&held.policy)
        });
        let mut own: Vec<String> = own.map(|(arn, _)| arn.to_string()).collect();
        own.sort_unstable();
        known.into_iter().chain(own).take(LIMIT).collect()
    }

    fn get(&self, arn: &str, attached_at: impl FnOnce() -> Evidence) -> Option<Held> {
        self.0.get(arn).cloned().or_else(|| {
            let name = arn.strip_prefix("arn:aws:iam::aws:policy/")?;
            let policy = managed(name.rsplit('/').next()?)?;
            Some(Held { policy, evidence: attached_at() })
        })
    }
}

/// The default version of a managed policy.
fn default_version(asset: &Asset) -> Option<Held> {
    let versions = asset.properties.get("PolicyVersionList")?.as_array()?;
    let is_default = |v: &Value| v.get("IsDefaultVersion").and_then(Value::as_bool) == Some(true);
    let (i, version) = versions.iter().enumerate().find(|(_, v)| is_default(v))?;
    let policy = Policy::parse(version.get("Document")?)?;
    let mut evidence = asset.evidence.first().cloned().unwrap_or_default();
    let base = evidence.pointer.take().unwrap_or_default();
    let own = version.get("Pointer").and_then(Value::as_str).map(str::to_owned);
    evidence.pointer = Some(own.unwrap_or_else(|| format!("{base}/PolicyVersionList/{i}/Document")));
    Some(Held { policy: Arc::new(policy), evidence })
}

/// Whether another version of this managed policy than the default allows `*` on `*`.
pub(crate) fn has_broader_version(asset: &Asset) -> bool {
    let versions = asset.properties.get("PolicyVersionList").and_then(Value::as_array).into_iter().flatten();
    let others = versions.filter(|v| v.get("IsDefaultVersion").and_then(Value::as_bool) != Some(true));
    others.filter_map(|v| Policy::parse(v.get("Document")?)).any(|policy| super::admin::covers_everything(&[&policy]))
}

fn resource_policy(asset: &Asset) -> Option<Held> {
    let key = ["policy", "Policy"].into_iter().find(|key| asset.properties.contains_key(*key))?;
    let policy = Policy::parse(asset.properties.get(key)?)?;
    let mut evidence = asset.evidence.first().cloned().unwrap_or_default();
    // a policy merged in from a resource of its own says where it stood
    match asset.text("policy_pointer") {
        Some(pointer) => evidence.pointer = Some(pointer.to_owned()),
        None => {
            let base = evidence.pointer.take().unwrap_or_default();
            evidence.pointer = Some(format!("{base}/{}", pointer_key(key)));
        }
    }
    Some(Held { policy: Arc::new(policy), evidence })
}

fn is_principal(asset: &Asset) -> bool {
    matches!(asset.kind, AssetKind::User | AssetKind::Role | AssetKind::Group)
        && asset.id.as_str().starts_with("arn:")
        && asset.id.as_str().contains(":iam:")
}

fn member_of(asset: &Asset) -> Vec<AssetId> {
    let names = asset.properties.get("GroupList").and_then(Value::as_array).into_iter().flatten();
    let prefix = asset.id.as_str().split_once(":user/").map(|(prefix, _)| prefix);
    names
        .filter_map(Value::as_str)
        .filter_map(|name| Some(AssetId::from(format!("{}:group/{name}", prefix?))))
        .collect()
}
