//! One permission of one principal, asked on resources.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use super::condition::{Granting, Name, Subject};
use super::model::{Model, When, at};
use super::role;
use crate::asset::Evidence;
use crate::identity::{Decision, Grant};

/// Whether a role is held at all: asked as `held` on the role.
const HELD: &str = "held";

/// The end of an action that asks what would be allowed if nothing denied it, where something does.
const BUT_FOR: char = '!';

#[derive(Debug)]
pub(super) struct CloudGrant {
    model: Arc<Model>,
    action: String,
    /// Asked as if nothing denied it.
    but_for: bool,
    principal: Asker,
    /// Bindings, without the ones that say the same.
    allows: Vec<u32>,
    /// Deny rules that are for this principal, or may be: then with the set that he may belong to.
    denies: Vec<(u32, Option<String>)>,
}

/// Who asks, where that matters beyond what he holds.
#[derive(Debug)]
enum Asker {
    Anyone,
    This(String),
}

impl CloudGrant {
    pub(super) fn of(model: &Arc<Model>, principal: &str, action: &str) -> Option<Self> {
        let principal = model.known(principal);
        if action == HELD {
            return model.holds_anything(principal).then(|| Self {
                model: Arc::clone(model),
                action: action.to_owned(),
                but_for: false,
                principal: Asker::This(principal.to_owned()),
                allows: Vec::new(),
                denies: Vec::new(),
            });
        }
        let (action, but_for) = action.strip_suffix(BUT_FOR).map_or((action, false), |action| (action, true));
        let allows = model.allowing(principal, action);
        if allows.is_empty() {
            return None;
        }
        let mut denies = Vec::new();
        for (place, rule) in (0..).zip(&model.denials) {
            if !rule.speaks_of(action) || model.is_among(principal, &rule.but) == Ok(true) {
                continue;
            }
            match model.is_among(principal, &rule.who) {
                Ok(true) => denies.push((place, None)),
                Ok(false) => {}
                Err(set) => denies.push((place, Some(set))),
            }
        }
        let (model, action, principal) = (Arc::clone(model), action.to_owned(), Asker::Anyone);
        Some(Self { model, action, but_for, principal, allows, denies })
    }

    /// Whether it is allowed there, or on what lies there, without any condition.
    pub(super) fn reaches(&self, resource: &str) -> bool {
        self.decide(self.model.known(resource)) == Decision::Allowed
    }

    /// The bindings that give it there, at most so many.
    pub(super) fn evidence(&self, resource: &str, most: usize) -> Vec<Evidence> {
        let bindings = match &self.principal {
            Asker::Anyone => {
                let scopes = self.model.scopes_on(self.model.known(resource));
                let on = |place: &&u32| at(&self.model.bindings, **place).is_some_and(|b| scopes.contains(&b.scope));
                self.allows.iter().filter(on).copied().collect()
            }
            Asker::This(principal) => self.model.with_role(principal, role::name_in_bindings(resource)),
        };
        let mut shown: Vec<Evidence> = Vec::new();
        for binding in bindings.iter().filter_map(|place| at(&self.model.bindings, *place)) {
            if !shown.contains(&binding.evidence) && shown.len() < most {
                shown.push(binding.evidence.clone());
            }
        }
        shown
    }

    /// What would have to go so that it ends: every binding there; `None` if it was assumed or stands nowhere.
    pub(super) fn supports(&self, resource: Option<&str>) -> Option<Vec<Evidence>> {
        let all = |place: &u32| at(&self.model.bindings, *place);
        let found = match resource {
            Some(resource) => self.evidence(resource, usize::MAX),
            None => self.allows.iter().filter_map(all).map(|binding| binding.evidence.clone()).collect(),
        };
        found.iter().all(|evidence| evidence.pointer.is_some() || evidence.line.is_some()).then_some(found)
    }

    /// Whether a condition holds on a resource.
    fn when(&self, condition: Option<u32>, subject: &Subject<'_>) -> Decision {
        let Some(condition) = condition else { return Decision::Allowed };
        match at(&self.model.conditions, condition) {
            Some(When::Says(condition)) => match condition.holds(subject) {
                Some(true) => Decision::Allowed,
                Some(false) => Decision::Denied,
                None => Decision::Conditional(vec![format!("the condition holds: {}", condition.text)]),
            },
            Some(When::Assumed(text)) => Decision::Conditional(vec![text.clone()]),
            None => Decision::Denied,
        }
    }
}

impl Grant for CloudGrant {
    fn key(&self) -> String {
        let Self { action, but_for, allows, denies, .. } = self;
        let mut key = action.clone();
        if *but_for {
            key.push(BUT_FOR);
        }
        if let Asker::This(principal) = &self.principal {
            key.push(' ');
            key.push_str(principal);
        }
        // bindings of one role or group decide alike for all its members
        let said: BTreeSet<_> =
            allows.iter().filter_map(|place| at(&self.model.bindings, *place)).map(|b| (b.scope, b.when)).collect();
        // a `String` takes everything
        let _ = write!(key, " {said:?} {denies:?}");
        key
    }

    fn on(&self, resource: &str) -> Decision {
        let resource = self.model.known(resource);
        if let Asker::This(principal) = &self.principal {
            let held = self.model.with_role(principal, role::name_in_bindings(resource));
            let subject = Subject::default();
            let each = held.iter().filter_map(|place| at(&self.model.bindings, *place));
            return each.fold(Decision::Denied, |best, b| best.or(self.when(b.when, &subject)));
        }
        if fits(&self.action, resource) { self.decide(resource) } else { Decision::Denied }
    }
}

impl CloudGrant {
    fn decide(&self, resource: &str) -> Decision {
        let scopes = self.model.scopes_on(resource);
        let granting = granted_with(&self.action).map(|wanted| {
            let model = Arc::clone(&self.model);
            move |role: &str| model.role_holds(role, wanted)
        });
        let granting = granting.as_ref().map(|granting| Granting(granting));
        let subject = subject(&self.model, resource, &self.action, granting);
        let mut allowed = Decision::Denied;
        for binding in self.allows.iter().filter_map(|place| at(&self.model.bindings, *place)) {
            if scopes.contains(&binding.scope) {
                allowed = allowed.or(self.when(binding.when, &subject));
            }
            if allowed == Decision::Allowed {
                break;
            }
        }
        if allowed == Decision::Denied {
            return allowed;
        }
        let denied = self.denied(resource, &scopes, &subject);
        match (self.but_for, denied) {
            (false, None) => Decision::Denied,
            (false, Some(open)) => allowed.and(Decision::when(open)),
            (true, None) => allowed,
            // it is asked for without the way round
            (true, Some(_)) => Decision::Denied,
        }
    }

    /// What must hold so that nothing denies it; `None` if something does.
    fn denied(&self, resource: &str, scopes: &[u32], subject: &Subject<'_>) -> Option<Vec<String>> {
        if self.action == "iam.serviceAccountKeys.create" && self.model.enforces(resource, NO_KEYS) {
            return None;
        }
        let mut open = Vec::new();
        for (place, unsure) in &self.denies {
            let Some(rule) = at(&self.model.denials, *place).filter(|rule| scopes.contains(&rule.scope)) else {
                continue;
            };
            let when = rule.when.and_then(|place| at(&self.model.conditions, place));
            let text = match when {
                Some(When::Says(condition)) => match condition.holds(subject) {
                    Some(false) => continue,
                    Some(true) => None,
                    None => Some(condition.text.clone()),
                },
                _ => None,
            };
            match (unsure, text) {
                (None, None) => return None,
                (Some(set), _) => open.push(format!("the deny policy {} leaves him out: {set}", rule.name)),
                (None, Some(text)) => open.push(format!("the deny policy {} does not apply: {text}", rule.name)),
            }
        }
        Some(open)
    }
}

/// The organisation policy that forbids keys of service accounts.
const NO_KEYS: &str = "iam.disableServiceAccountKeyCreation";

/// Permissions on projects, folders and organisations themselves say nothing of other levels.
fn fits(action: &str, resource: &str) -> bool {
    let Some((level, _)) = action.strip_prefix("resourcemanager.").and_then(|rest| rest.split_once('.')) else {
        return true;
    };
    match resource.strip_prefix("//cloudresourcemanager.googleapis.com/").and_then(|rest| rest.split_once('/')) {
        Some((of, _)) => of == level,
        // a policy whose resource its file does not tell is most likely a project's
        None => resource.starts_with("file:") && level == "projects",
    }
}

/// The permission that a role must hold for granting it to be worth something.
fn granted_with(action: &str) -> Option<&'static str> {
    if !action.ends_with(".setIamPolicy") {
        return None;
    }
    Some(match action {
        "iam.serviceAccounts.setIamPolicy" => "iam.serviceAccounts.getAccessToken",
        "storage.buckets.setIamPolicy" => "storage.objects.get",
        "secretmanager.secrets.setIamPolicy" => "secretmanager.versions.access",
        "bigquery.datasets.setIamPolicy" | "bigquery.tables.setIamPolicy" => "bigquery.tables.getData",
        _ => "resourcemanager.projects.setIamPolicy",
    })
}

/// What conditions see of a resource.
fn subject<'a>(model: &'a Model, resource: &str, action: &str, granting: Option<Granting<'a>>) -> Subject<'a> {
    let facts = model.facts(resource);
    let mut subject = Subject { granting, ..Subject::default() };
    if let Some(facts) = facts {
        subject.tags.clone_from(&facts.tags);
        subject.all_tags = facts.all_tags;
        subject.kind = facts.kind.as_deref();
    }
    // something new has a name that the caller chooses
    let new = action.ends_with(".create") || facts.is_some_and(|facts| facts.identity.is_some());
    let stored = resource.strip_prefix("//storage.googleapis.com/");
    let stored = stored.map(|path| path.strip_prefix("projects/_/buckets/").unwrap_or(path));
    if let Some(bucket) = resource.strip_prefix("gs://").or(stored) {
        let (bucket, object) = bucket.split_once('/').map_or((bucket, None), |(b, o)| (b, Some(o)));
        let root = format!("projects/_/buckets/{bucket}");
        subject.service = Some("storage.googleapis.com");
        let of_objects = action.starts_with("storage.objects.");
        subject.kind = Some(if of_objects { "storage.googleapis.com/Object" } else { "storage.googleapis.com/Bucket" });
        subject.names = vec![match object {
            Some(object) => Name::Is(format!("{root}/objects/{object}")),
            None if of_objects => Name::Begins(format!("{root}/objects/")),
            None => Name::Is(root),
        }];
    } else if let Some((service, path)) =
        resource.strip_prefix("//").and_then(|rest| rest.split_once('/')).filter(|_| !new)
    {
        subject.service = SERVICES.iter().find(|known| **known == service).copied();
        // rows of a data set and versions of a secret are below what is asked about
        let below = matches!(
            action,
            "secretmanager.versions.access" | "bigquery.tables.getData" | "bigquery.tables.updateData"
        );
        if below {
            subject.kind = match action {
                "secretmanager.versions.access" => Some("secretmanager.googleapis.com/SecretVersion"),
                _ => Some("bigquery.googleapis.com/Table"),
            };
        }
        let mut names = vec![path.to_owned()];
        if let Some(project) = model.project(resource) {
            let mut parts = path.splitn(3, '/').skip(2);
            let rest = parts.next().map_or(String::new(), |rest| format!("/{rest}"));
            names.extend(model.names_of_project(&project).iter().map(|name| format!("{name}{rest}")));
        }
        names.sort_unstable();
        names.dedup();
        subject.names = names.into_iter().map(if below { Name::Begins } else { Name::Is }).collect();
    }
    subject
}

/// Services that conditions name.
const SERVICES: &[&str] = &[
    "aiplatform.googleapis.com",
    "bigquery.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudsql.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "iam.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "spanner.googleapis.com",
    "storage.googleapis.com",
];
