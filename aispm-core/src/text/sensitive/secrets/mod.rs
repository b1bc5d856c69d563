//! Secrets: rules by issuer, values assigned to telling names, passwords in addresses.

mod assign;
mod check;
pub(super) mod gitleaks;
mod judge;
mod look;
mod pattern;
mod rule;
mod words;

use std::ops::Range;

use aho_corasick::{AhoCorasick, Anchored, Input, StartKind};
use serde::Deserialize;

use self::assign::Assigned;
pub(super) use self::gitleaks::Given;
pub(super) use self::judge::Expect;
use self::judge::{Judge, Lists};
use self::rule::{At, RUN, Rule, is_token};
use super::anchors::Owner;
use super::hay::Hay;
use crate::asset::{Match, Severity};

const RULES: &str = include_str!("../../../../data/text/sensitive/secrets.toml");

/// The longest text that may be a lone token, in bytes.
const ALONE: usize = 256;
/// The most blanks in it.
const BLANKS: usize = 8;

/// How many names inside an unquoted value are looked at.
const NESTED: usize = 1;
/// How many rules' last looks are remembered.
const REMEMBERED: usize = 8;
/// How often a rule is tried in vain on one stretch.
const LOOKS: u8 = 4;

/// The data file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "rule")]
    rules: Vec<Rule>,
    judge: Lists,
}

/// The detector of secrets.
#[derive(Debug)]
pub(super) struct Secrets {
    rules: Vec<Rule>,
    names: Vec<(String, Expect)>,
    judge: Judge,
    /// How tokens of known form begin.
    prefixes: AhoCorasick,
    given: Vec<Given>,
}

/// What was seen last in a text, so that nothing is judged twice.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen<'p> {
    path: Option<&'p str>,
    /// For each of the user's rules the stretch it has still to read; empty until one is called.
    open: Vec<Range<usize>>,
    /// The last look of each of the rules that looked last.
    looks: [Looks; REMEMBERED],
    /// The last run of token characters before an anchor.
    run: Range<usize>,
    name: Range<usize>,
    expect: Option<Expect>,
    assigned: Option<Assigned>,
    /// The last unquoted value that lies in no other, and how many names were seen in it.
    value: Range<usize>,
    nested: usize,
}

/// The looks of one rule at one stretch.
#[derive(Debug, Clone, Default)]
struct Looks {
    rule: u16,
    span: Range<usize>,
    count: u8,
}

impl Secrets {
    /// The built-in rules and those `given`.
    pub(super) fn new(given: Vec<Given>) -> Result<Self, Box<dyn std::error::Error>> {
        let File { rules, judge: lists } = toml::from_str(RULES)?;
        let judge = Judge::new(&lists)?;
        let prefixes = AhoCorasick::builder()
            .start_kind(StartKind::Anchored)
            .ascii_case_insensitive(true)
            .build(rules.iter().flat_map(Rule::prefixes))?;
        let named = |words: Vec<String>, expect| words.into_iter().map(move |w| (w, expect));
        let names = named(lists.password, Expect::Password)
            .chain(named(lists.random, Expect::Random))
            .chain(named(lists.perhaps, Expect::Perhaps))
            .collect();
        Ok(Self { rules, names, judge, prefixes, given })
    }

    /// The literals to look for, each with whom it calls.
    pub(super) fn anchors(&self) -> impl Iterator<Item = (String, Owner)> {
        let rules =
            (0u16..).zip(&self.rules).flat_map(|(i, r)| r.anchors.iter().map(move |a| (a.clone(), Owner::Rule(i))));
        let given =
            (0u16..).zip(&self.given).flat_map(|(i, g)| g.keywords.iter().map(move |k| (k.clone(), Owner::Given(i))));
        rules.chain(given).chain(self.names.iter().map(|(name, expect)| (name.clone(), Owner::Name(*expect))))
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.rules.iter().any(|r| r.id == id) || matches!(id, "generic-secret" | "generic-password" | "url-credentials")
    }

    /// Calls whom the anchor over `anchor` belongs to.
    pub(super) fn at(
        &self,
        owner: Owner,
        hay: Hay<'_>,
        anchor: Range<usize>,
        seen: &mut Seen<'_>,
        matches: &mut Vec<Match>,
    ) {
        match owner {
            Owner::Rule(index) => self.by_rule(hay, index, anchor, seen, matches),
            Owner::Name(expect) => self.by_name(hay, expect, anchor, seen, matches),
            Owner::Given(index) => self.by_given(hay, index, &anchor, seen, matches),
            Owner::Address | Owner::Script | Owner::Lure(_) | Owner::Markup | Owner::Custom(_) => {}
        }
    }

    /// Whether what is found depends on a bounded stretch of text around it: not so with rules of the user's own.
    pub(super) fn is_local(&self) -> bool {
        self.given.is_empty()
    }

    /// Judges what is looked at once for a text.
    pub(super) fn finish(&self, hay: Hay<'_>, seen: &mut Seen<'_>, matches: &mut Vec<Match>) {
        self.alone(hay, matches);
        for (index, rule) in self.given.iter().enumerate() {
            let open = seen.open.get_mut(index).map(std::mem::take).unwrap_or_default();
            let span = if rule.keywords.is_empty() { 0..hay.len() } else { open };
            rule.find(hay, seen.path, span, matches);
        }
    }

    /// Notes the neighbourhood of a keyword of the user's rule `index`; one that does not touch the last is read first.
    fn by_given(
        &self,
        hay: Hay<'_>,
        index: u16,
        keyword: &Range<usize>,
        seen: &mut Seen<'_>,
        matches: &mut Vec<Match>,
    ) {
        if seen.open.is_empty() {
            seen.open.resize(self.given.len(), 0..0);
        }
        let near = gitleaks::around(keyword);
        let index = usize::from(index);
        let (Some(rule), Some(open)) = (self.given.get(index), seen.open.get_mut(index)) else { return };
        if near.start <= open.end && open.end > open.start {
            open.end = near.end;
        } else {
            rule.find(hay, seen.path, std::mem::replace(open, near), matches);
        }
    }

    /// Judges the secret that rule `index` may find at `anchor`.
    fn by_rule(&self, hay: Hay<'_>, index: u16, anchor: Range<usize>, seen: &mut Seen<'_>, matches: &mut Vec<Match>) {
        let Some(rule) = self.rules.get(usize::from(index)) else { return };
        let value = match rule.at {
            // Most anchors stand in words, and there no token begins.
            At::Token if !rule::begins(hay, anchor.start) => return,
            At::Value => match seen.assigned(hay, &anchor) {
                Some(assigned) => Some(assigned.value.clone()),
                None => return,
            },
            At::Token | At::Embedded | At::Alone => None,
        };
        if seen.tired(index, anchor.start) {
            return;
        }
        let run = if rule.at == At::Embedded { seen.run(hay, anchor.start) } else { anchor.start };
        let Some(look) = rule.look(hay, anchor, run, value.as_ref()) else { return };
        if value.is_none() {
            seen.note(index, look.read, look.secret.is_some());
        }
        let typed = |secret: &Range<usize>| !rule.is_typed() || self.judge.is_typed(hay.get(secret.clone()));
        if let Some(span) = look.secret.filter(typed).and_then(|secret| rule.verify(hay, secret)) {
            push(matches, rule.id.clone(), 0.9, rule.severity, span);
        }
    }

    /// Judges what is assigned to the name that `anchor` is part of.
    fn by_name(
        &self,
        hay: Hay<'_>,
        expect: Expect,
        anchor: Range<usize>,
        seen: &mut Seen<'_>,
        matches: &mut Vec<Match>,
    ) {
        if !stands(hay, &anchor) || seen.judged(&anchor, expect) {
            return;
        }
        let Some(assigned) = seen.assigned(hay, &anchor).cloned() else { return };
        seen.expect = seen.expect.max(Some(expect));
        let Some(score) = self.judge.score(hay, expect, &assigned) else { return };
        // A value with an issuer's prefix is that issuer's rule's to judge.
        let value = hay.get(assigned.value.clone());
        if self.prefixes.is_match(Input::new(value).anchored(Anchored::Yes)) {
            return;
        }
        let id = if expect == Expect::Password { "generic-password" } else { "generic-secret" };
        push(matches, id, score, Severity::Medium, assigned.value);
    }

    /// Judges a text that is one token and little else: a cell, a line of a log or of a key.
    fn alone(&self, hay: Hay<'_>, matches: &mut Vec<Match>) {
        if !Self::may_be_alone(hay.text()) || hay.len() < 16 {
            return;
        }
        for rule in self.rules.iter().filter(|r| r.at == At::Alone) {
            let secret = rule.look(hay, 0..0, 0, None).and_then(|look| look.secret);
            if let Some(span) = secret.and_then(|secret| rule.verify(hay, secret)) {
                push(matches, rule.id.clone(), 0.6, rule.severity, span);
            }
        }
    }

    /// Whether a text that begins like this can be one token and little else.
    pub(super) fn may_be_alone(text: &str) -> bool {
        text.len() <= ALONE && text.bytes().filter(u8::is_ascii_whitespace).count() <= BLANKS
    }

    /// Judges the user information before the `@` of an address whose authority is `authority`.
    pub(super) fn in_address(&self, hay: Hay<'_>, authority: Range<usize>, matches: &mut Vec<Match>) {
        let text = hay.get(authority.clone());
        let Some((user, host)) = text.rsplit_once('@') else { return };
        let Some((name, password)) = user.split_once(':') else { return };
        let start = authority.start + name.len() + 1;
        // A store's address holds the password that is used, weak ones too; a page's is often only shown.
        let scheme = hay.window_before(authority.start, 16).trim_end_matches("://");
        let store =
            ["postgres", "postgresql", "mysql", "mongodb", "mongodb+srv", "redis", "rediss", "amqp", "amqps", "mssql"]
                .iter()
                .any(|s| scheme.ends_with(s));
        let anonymous = name.is_empty() && look::classes(password) < 3;
        let stand_in = look::is_template(password)
            || password.contains(['"', '\'', '`', '<', '>'])
            || password.starts_with(['$', '{', '<', '%', '[', '*'])
            || (if store {
                name.starts_with(['$', '{', '<', '%']) || look::holds(password, "your") || look::holds(password, "xxx")
            } else {
                anonymous || password.len() < 3 || self.judge.is_stand_in(password)
            });
        let domain = host.split([':', '/']).next().unwrap_or("");
        let documented = ["example.com", "example.org", "example.net", "host", "hostname", ""].contains(&domain)
            || ["[2001:db8:", "192.0.2.", "198.51.100.", "203.0.113."].iter().any(|net| host.starts_with(net));
        if !stand_in && !documented && !password.is_empty() {
            push(matches, "url-credentials", 0.8, Severity::High, start..start + password.len());
        }
    }
}

impl<'p> Seen<'p> {
    /// Nothing yet, in the file at `path`.
    pub(super) fn new(path: Option<&'p str>) -> Self {
        Self { path, ..Self::default() }
    }

    /// After `cut` bytes at the beginning of the text are gone.
    pub(super) fn shift(&mut self, cut: usize) {
        let assigned = self.assigned.as_mut().map(|a| [&mut a.name, &mut a.value]);
        let spans = assigned.into_iter().flatten().chain([&mut self.name, &mut self.run, &mut self.value]);
        for span in spans.chain(self.looks.iter_mut().map(|looks| &mut looks.span)) {
            *span = span.start.saturating_sub(cut)..span.end.saturating_sub(cut);
        }
    }

    /// Whether `rule` is not to look at the stretch around `at` again.
    fn tired(&self, rule: u16, at: usize) -> bool {
        self.looks.iter().any(|l| l.rule == rule && l.count >= LOOKS && l.span.contains(&at))
    }

    /// Notes that `rule` read `span`. What it found there is not looked at again, whatever comes of it.
    fn note(&mut self, rule: u16, span: Range<usize>, found: bool) {
        let mine = |l: &Looks| l.rule == rule && l.count > 0;
        let place = self.looks.iter().position(mine).unwrap_or(REMEMBERED - 1);
        if let Some(recent) = self.looks.get_mut(..=place) {
            recent.rotate_right(1);
        }
        let Some(last) = self.looks.first_mut() else { return };
        let goes_on = mine(last) && last.span.contains(&span.start);
        let before = if goes_on { last.count } else { 0 };
        let count = if found { LOOKS } else { before.saturating_add(1) };
        let start = if goes_on && !found { last.span.start } else { span.start };
        *last = Looks { rule, span: start..span.end, count };
    }

    /// Whether the name around `anchor` was judged with an expectation as generous.
    fn judged(&self, anchor: &Range<usize>, expect: Expect) -> bool {
        self.holds(anchor) && self.expect.is_some_and(|e| e >= expect)
    }

    /// Whether `anchor` lies in the last name.
    fn holds(&self, anchor: &Range<usize>) -> bool {
        self.name.start <= anchor.start && anchor.end <= self.name.end
    }

    /// Where the run of token characters before `at` begins; what was read for the last one is not read again.
    fn run(&mut self, hay: Hay<'_>, at: usize) -> usize {
        let most = at.saturating_sub(self.run.end).min(RUN);
        let near = self.run.end <= at && at - self.run.end <= RUN;
        let back = hay.run_back(at, if near { most } else { RUN }, is_token);
        // Reached the last run: it goes on.
        let start = if near && back == self.run.end { self.run.start } else { back };
        self.run = start.max(at.saturating_sub(RUN))..at;
        self.run.start
    }

    /// What is assigned to the name around `anchor`; found once for each name, and for few inside an unquoted value.
    fn assigned(&mut self, hay: Hay<'_>, anchor: &Range<usize>) -> Option<&Assigned> {
        if !self.holds(anchor) {
            let inside = self.value.contains(&anchor.start);
            self.nested = if inside { self.nested + 1 } else { 0 };
            if self.nested > NESTED {
                return None;
            }
            self.name = assign::name(hay, anchor);
            self.assigned = assign::assigned(hay, self.name.clone());
            self.expect = None;
            if let Some(assigned) = self.assigned.as_ref().filter(|a| !inside && a.bounds == assign::Bounds::Open) {
                self.value = assigned.value.clone();
            }
        }
        self.assigned.as_ref()
    }
}

/// Whether a short word stands for itself in a name: `pass` in `db_pass` and `dbPass`, not in `bypass` or `passed`.
fn stands(hay: Hay<'_>, anchor: &Range<usize>) -> bool {
    if anchor.len() > 4 || hay.get(anchor.clone()).eq_ignore_ascii_case("pwd") {
        return true;
    }
    let (before, first) = (hay.before(anchor.start), hay.at(anchor.start));
    let head = !before.is_ascii_alphabetic()
        || !first.is_ascii_alphabetic()
        || (before.is_ascii_lowercase() && first.is_ascii_uppercase());
    head && !hay.at(anchor.end).is_ascii_alphabetic()
}

/// Pushes a match unless the same rule has it already.
fn push(
    matches: &mut Vec<Match>,
    id: impl Into<std::borrow::Cow<'static, str>>,
    score: f64,
    severity: Severity,
    span: Range<usize>,
) {
    let id = id.into();
    // A more telling rule over the same secret makes the generic one superfluous.
    let generic = id.starts_with("generic-");
    let known =
        |m: &Match| m.detector == "secrets" && m.start < span.end && span.start < m.end && (m.kind == id || generic);
    if !matches.iter().rev().take(8).any(known) {
        matches.push(Match::new("secrets", id.clone(), id, score, severity, span));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_rules_are_sound() {
        let secrets = Secrets::new(Vec::new()).unwrap();
        assert!(secrets.rules.len() >= 250);
        let ids: BTreeSet<_> = secrets.rules.iter().map(|r| &r.id).collect();
        assert_eq!(ids.len(), secrets.rules.len(), "an id stands twice");
        for rule in &secrets.rules {
            assert!(rule.pattern.compiles(), "{}: the pattern does not compile", rule.id);
            assert!(
                (!rule.anchors.is_empty() || rule.at == At::Alone) && rule.anchors.iter().all(|a| !a.is_empty()),
                "{}",
                rule.id
            );
        }
    }

    fn found(text: &str) -> Vec<String> {
        let mut matches = Vec::new();
        super::super::Sensitive::builtin().find_secrets(text, &mut matches);
        matches.iter().map(|m| m.rule.to_string()).collect()
    }

    #[test]
    fn what_is_public_or_stands_in_for_a_secret_is_not_reported() {
        let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let base64 = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ".repeat(4);
        for text in [
            // public keys, certificates, digests
            format!("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ{base64} ann@mail"),
            format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----"),
            format!("-----BEGIN CERTIFICATE-----\nAKChOBZmLqdWHyGcBvod7bkixTgm2E5P7KN/{base64}\n"),
            format!("commit {}", hex.split_at(40).0),
            format!("checksum = \"{hex}\""),
            format!("{hex}  release.tar.gz"),
            format!("\"integrity\": \"sha512-{base64}==\""),
            format!("pkg==1.0 --hash=sha256:{hex}"),
            // identifiers
            "request_id: 7b2c0f54-9d1e-4c7a-8f35-2b9e6d1a4c80".to_owned(),
            "trace=7b2c0f549d1e4c7a8f352b9e6d1a4c80".to_owned(),
            // documentation
            format!("AKIA{}EXAMPLE", "IOSFODNN7"),
            format!("ghp_{}", "x".repeat(36)),
            "password = changeme".to_owned(),
            "api_key: \"<YOUR_API_KEY>\"".to_owned(),
            "token = \"abcdefghijklmnopqrstuvwxyz123456\"".to_owned(),
            "password = \"P@ssw0rd\"".to_owned(),
            "secret: \"sup3r-s3cret\"".to_owned(),
            "postgres://app:tR7kq9Lm@[2001:db8::7]/x".to_owned(),
            "postgres://app:tR7kq9Lm@192.0.2.7/x".to_owned(),
            "machine host login ann password {self.password}".to_owned(),
            // code
            "needless_pass_by_value = \"allow\"".to_owned(),
            format!("pk_live_{}", "j5krY8XTgIcDaHDb3YrsAfCl"),
            format!("ENV GPG_KEY={}", "0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D"),
            format!("CACHE_KEY={}", hex.split_at(32).0),
            format!("cache_key={}", hex.split_at(32).0),
            "get_secret_key_from_environment_variable, use_prod_configurationfileforeveryservice".to_owned(),
            "name_token = r'[^\\W\\d]\\w*'".to_owned(),
            "identified by `start` and `end`".to_owned(),
            "!function(e,t){var n=e.token,r=t.password||null;n.apiKey=r}(a,b)".to_owned(),
            format!("background: url(data:image/png;base64,{base64})"),
            "sk-learn-contrib, app-layout, key-value".to_owned(),
            // sealed already
            format!("password: ENC[AES256_GCM,data:{},type:str]", base64.split_at(24).0),
        ] {
            assert!(found(&text).is_empty(), "{text}: {:?}", found(&text));
        }
    }

    #[test]
    fn a_secret_stands_beside_its_identifier() {
        let text = format!("AKIA{},{}", "Q3EGRZ7WYDTN5KJB", "vK2mR8sQ+x4TzYc1LbW7/nHd0PjUe9GfA3iO5kXw");
        assert_eq!(found(&text), ["aws-access-key-id", "aws-credential-pair"]);
    }

    #[test]
    fn a_key_of_no_known_service_shows_by_its_prefix_or_its_variable() {
        let token = "Zt7Qm2Lx9Rb4Kd8Vw3Hs6Np1";
        assert_eq!(found(&format!("curl -H 'x-key: acme_live_{token}'")), ["issued-key"]);
        assert_eq!(found(&format!("acme_pat_eu1_{token}")), ["issued-key"]);
        assert_eq!(found("ACME_MAPS_KEY=2e1b069f950a709217e1c7aad2089639"), ["generic-secret"]);
    }

    #[test]
    fn a_rule_tires_of_a_stretch_and_not_of_the_text() {
        let token = format!("ops_eyJ{}", "zR4kVq81LmXw".repeat(18));
        assert_eq!(found(&format!("{} {token}", "ops_eyJ".repeat(4000))), ["onepassword-service-token"]);
    }
}
