//! Whether a host deceives: imitates a name, hides behind another, is made of lures, or hosts throw-away mail.

use std::collections::{BTreeSet, HashMap, HashSet};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde::Deserialize;

use super::address::Address;
use super::list::{self, HostLists};
use super::names::Names;
use super::{host, skeleton};

/// Least log-odds at which the sound of a name makes it suspect: of names that training had not seen, one in five
/// hundred harmless ones reaches it.
const SUSPECT: f64 = 1.2;

/// The longest label that is compared with names, in bytes.
const LABEL: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Brand {
    name: String,
    domains: BTreeSet<String>,
    #[serde(default)]
    word: bool,
}

/// What deceptive addresses imitate and are made of, as written in the data.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Data {
    brands: Vec<Brand>,
    suffixes: HashSet<String>,
    lures: HashSet<String>,
    plain: HashSet<String>,
    disposable: HashSet<String>,
    disposable_parts: Vec<String>,
    dynamic: HashSet<String>,
    hosting: HashSet<String>,
    shorteners: HashSet<String>,
    webmail: HashSet<String>,
    programs: HashSet<String>,
}

/// The judge of hosts.
#[derive(Debug)]
pub(super) struct Judge {
    data: Data,
    /// Names of brands by their length.
    by_length: Vec<Vec<usize>>,
    /// Finds names of brands inside others; patterns are brands in order.
    inside: AhoCorasick,
    owned: HashMap<String, ()>,
    parts: AhoCorasick,
    names: Names,
}

/// Why an address deceives, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    pub(super) kind: &'static str,
    pub(super) rule: &'static str,
    pub(super) score: f64,
}

impl Verdict {
    fn phishing(rule: &'static str, score: f64) -> Self {
        Self { kind: "PHISHING_URL", rule, score }
    }

    fn disposable(rule: &'static str, score: f64) -> Self {
        Self { kind: "DISPOSABLE_DOMAIN", rule, score }
    }
}

/// How a host stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a web address.
    Web,
    /// In an e-mail address.
    Mail,
    /// By itself.
    Bare,
}

impl Judge {
    pub(super) fn new(data: Data) -> Result<Self, aho_corasick::BuildError> {
        let mut by_length = vec![Vec::new(); LABEL + 2];
        for (index, brand) in data.brands.iter().enumerate() {
            if let Some(same) = by_length.get_mut(brand.name.len()) {
                same.push(index);
            }
        }
        let automaton =
            |literals: Vec<&String>| AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(literals);
        let inside = automaton(data.brands.iter().map(|b| &b.name).collect())?;
        let parts = automaton(data.disposable_parts.iter().collect())?;
        let owned = data.brands.iter().flat_map(|b| b.domains.iter().cloned()).map(|d| (d, ())).collect();
        Ok(Self { by_length, inside, owned, parts, names: Names::new()?, data })
    }

    /// Judges a web address.
    pub(super) fn address(&self, address: &Address<'_>, lists: &HostLists) -> Option<Verdict> {
        if lists.allowed.contains(&address.host) {
            return None;
        }
        if lists.blocked.contains(&address.host) {
            return Some(Verdict::phishing("block-list", 0.95));
        }
        if let Some(trick) = address.trick {
            return Some(Verdict::phishing(trick, if trick == "encoded-host" { 0.7 } else { 0.9 }));
        }
        if let Some(ip) = address.ipv4() {
            let public = !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_documentation())
                && !(ip.is_unspecified() || ip.is_broadcast());
            let file = address.rest.split(['?', '#']).next().and_then(|p| p.rsplit_once('.')).map_or("", |(_, e)| e);
            let asks = || self.lured(address.rest) || self.data.programs.contains(&file.to_ascii_lowercase());
            return (public && asks()).then(|| Verdict::phishing("ip-with-lure", 0.6));
        }
        self.host(&address.host, address.rest, Place::Web)
    }

    /// Judges `host`, in lower case and Unicode, of an address that goes on with `rest`.
    pub(super) fn host(&self, host: &str, rest: &str, place: Place) -> Option<Verdict> {
        let (domain, label) = host::registrable(host)?;
        let parent = domain.split_once('.').map_or("", |(_, parent)| parent);
        if self.owned.contains_key(domain) || self.owned.contains_key(parent) || label.len() > LABEL {
            return None;
        }
        let sub = host.strip_suffix(domain).unwrap_or("").trim_end_matches('.');
        self.imitation(domain, label, sub, rest)
            .or_else(|| self.throw_away(host, domain, label, place))
            .or_else(|| mixed(label).then(|| Verdict::phishing("mixed-script", 0.7)))
            .or_else(|| {
                let odds = self.names.odds(label, domain.rsplit('.').next().unwrap_or(""));
                (odds >= SUSPECT).then(|| Verdict::phishing("lure-words", (0.9 / (1.0 + (-odds).exp())).min(0.8)))
            })
    }

    /// Whether `host` hides where it leads: an address shortener, or one that anyone may have for the asking.
    pub(super) fn is_veiled(&self, address: &Address<'_>) -> bool {
        let Some((domain, _)) = host::registrable(&address.host) else { return address.ipv4().is_some() };
        let suffix = domain.split_once('.').map_or("", |(_, suffix)| suffix);
        self.data.shorteners.contains(domain) || self.data.hosting.contains(suffix) || self.free(&address.host)
    }

    /// Whether a word in `path` asks for something.
    fn lured(&self, path: &str) -> bool {
        let path = path.get(..path.floor_char_boundary(256)).unwrap_or("");
        path.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|w| !w.is_empty()).any(|w| {
            if w.bytes().any(|b| b.is_ascii_uppercase()) {
                self.data.lures.contains(&w.to_ascii_lowercase())
            } else {
                self.data.lures.contains(w)
            }
        })
    }

    /// A name written otherwise, joined to a lure, or put in front of another domain.
    fn imitation(&self, domain: &str, label: &str, sub: &str, path: &str) -> Option<Verdict> {
        let suffix = domain.get(label.len() + 1..).unwrap_or("");
        if suffix.split('.').any(|s| matches!(s, "gov" | "edu" | "mil" | "int" | "ac" | "gob" | "gouv")) {
            return None;
        }
        let skeleton = skeleton::of(label);
        let altered = skeleton != label;
        let cheap = self.data.suffixes.contains(suffix.rsplit('.').next().unwrap_or(""));
        let plain = self.data.plain.contains(label);
        let lured = std::cell::LazyCell::new(|| self.lured(path));
        let evidence = || cheap || *lured;
        let lengths = skeleton.len().saturating_sub(1)..=skeleton.len() + 1;
        for brand in lengths.filter_map(|n| self.by_length.get(n)).flatten().filter_map(|i| self.data.brands.get(*i)) {
            let name = brand.name.as_str();
            if altered && skeleton::alike(&skeleton, name) {
                return Some(Verdict::phishing("homograph", 0.95));
            }
            if skeleton == name {
                if self.data.hosting.contains(suffix) && !brand.word {
                    return Some(Verdict::phishing("brand-on-free-host", 0.7));
                }
                if cheap && *lured {
                    return Some(Verdict::phishing("brand-other-suffix", 0.6));
                }
            } else if !skeleton::near(&skeleton, name) {
            } else if !label.is_ascii() && name.len() >= 5 {
                return Some(Verdict::phishing("homograph", 0.85));
            } else if !plain {
                // By itself a near miss tells only where the name's owner would be looked for.
                let alike = !brand.word
                    && name.len() >= 6
                    && matches!(suffix, "com" | "net" | "org" | "co" | "cm" | "om" | "io");
                let short = name.len() >= 4 || (name.len() == 3 && skeleton::is_doubled(label, name) && *lured);
                if short && (alike || evidence()) {
                    return Some(Verdict::phishing("look-alike", if evidence() { 0.85 } else { 0.6 }));
                }
            }
        }
        for hit in self.inside.find_overlapping_iter(skeleton.as_ref()) {
            let Some(brand) = self.data.brands.get(hit.pattern().as_usize()) else { continue };
            let name = brand.name.as_str();
            if skeleton.len() > name.len() && self.is_joined(&skeleton, brand, cheap, &evidence) {
                return Some(Verdict::phishing("brand-with-lure", 0.8));
            }
        }
        self.in_front(sub, &|| cheap && *lured).then(|| Verdict::phishing("brand-in-subdomain", 0.9))
    }

    /// Whether `skeleton` is the name of `brand` and a word that asks for something.
    fn is_joined(&self, skeleton: &str, brand: &Brand, cheap: bool, evidence: &dyn Fn() -> bool) -> bool {
        let name = brand.name.as_str();
        let mut parts = skeleton.split('-');
        let joined = parts.clone().any(|p| p == name);
        let lure = parts.any(|p| p != name && self.data.lures.contains(p));
        let glued = skeleton
            .strip_prefix(name)
            .or_else(|| skeleton.strip_suffix(name))
            .is_some_and(|r| self.data.lures.contains(r.trim_matches('-')));
        (joined && (lure || cheap && !brand.word)) || (glued && name.len() >= 5 && (!brand.word || evidence()))
    }

    /// Whether a name stands in front of another domain as if it were the domain itself: `name.com.other.example`.
    fn in_front(&self, sub: &str, evidence: &dyn Fn() -> bool) -> bool {
        if sub.is_empty() || sub == "www" {
            return false;
        }
        let next = sub.split('.').skip(1).chain(std::iter::once(""));
        sub.split('.').zip(next).any(|(label, next)| {
            let skeleton = skeleton::of(label);
            let is_brand = self
                .by_length
                .get(skeleton.len())
                .into_iter()
                .flatten()
                .filter_map(|i| self.data.brands.get(*i))
                .any(|b| b.name == skeleton);
            is_brand && (matches!(next, "com" | "net" | "org" | "co" | "io" | "app" | "ai") || evidence())
        })
    }

    fn throw_away(&self, host: &str, domain: &str, label: &str, place: Place) -> Option<Verdict> {
        if place == Place::Web {
            return None;
        }
        if self.data.disposable.contains(domain) || list::is_disposable(host, domain) {
            return Some(Verdict::disposable("disposable-list", 0.95));
        }
        let parted = self.parts.is_match(label) && !self.data.webmail.contains(label);
        parted
            .then(|| Verdict::disposable("disposable-name", 0.5))
            .or_else(|| self.free(host).then(|| Verdict::disposable("free-subdomain", 0.4)))
    }

    /// Whether `host` lies below a domain whose names are free for the taking.
    fn free(&self, host: &str) -> bool {
        std::iter::successors(Some(host), |h| h.split_once('.').map(|(_, rest)| rest))
            .skip(1)
            .any(|h| self.data.dynamic.contains(h))
    }
}

/// Whether Latin letters stand in one label with Cyrillic, Greek or Armenian ones: no language writes so.
fn mixed(label: &str) -> bool {
    !label.is_ascii()
        && label.bytes().any(|b| b.is_ascii_alphabetic())
        && label.chars().any(|c| matches!(c, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}' | '\u{531}'..='\u{587}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imitations_are_told_from_what_they_imitate() {
        let judge = Judge::new(toml::from_str::<super::super::Data>(super::super::DATA).unwrap().hosts).unwrap();
        let rule = |host: &str, path: &str| {
            let text = format!("//{host}{path}");
            judge.address(&Address::read(&text), &HostLists::default()).map(|v| v.rule)
        };
        assert_eq!(rule("accounts.google.com", "/signin"), None);
        assert_eq!(rule("docs.python.org", "/3/library/"), None);
        assert_eq!(rule("ampleforth.org", "/"), None);
        assert_eq!(rule("paypa1.com", "/"), Some("homograph"));
        assert_eq!(rule("paypaal.com", "/"), Some("look-alike"));
        assert_eq!(rule("раypal.com", "/"), Some("homograph"));
        assert_eq!(rule("xn--pypal-4ve.com", "/"), Some("homograph"));
        assert_eq!(rule("paypal.com.account-check.tk", "/"), Some("brand-in-subdomain"));
        assert_eq!(rule("netflix-billing.cc", "/"), Some("brand-with-lure"));
        assert_eq!(rule("paypal.pages.dev", "/"), Some("brand-on-free-host"));
        assert_eq!(rule("paypal.github.io", "/"), None);
        assert_eq!(rule("бiблиoтeка.com", "/"), Some("mixed-script"));
        assert_eq!(rule("библиотека.рф", "/"), None);
        assert_eq!(rule("203.0.114.9", "/secure/login.php"), Some("ip-with-lure"));
        assert_eq!(rule("10.0.0.1", "/login"), None);
        assert_eq!(judge.host("mailinator.com", "", Place::Mail).map(|v| v.rule), Some("disposable-list"));
        assert_eq!(judge.host("mailinator.com", "", Place::Web), None);
    }

    #[test]
    fn a_users_lists_come_first() {
        let judge = Judge::new(toml::from_str::<super::super::Data>(super::super::DATA).unwrap().hosts).unwrap();
        let list = super::list::HostList::parse;
        let lists = HostLists::new(list("paypal-login.example\nnetflix-billing.cc"), list("harmless.example"));
        let rule = |text: &str| judge.address(&Address::read(text), &lists).map(|v| v.rule);
        assert_eq!(rule("//netflix-billing.cc/"), None);
        assert_eq!(rule("//www.harmless.example/"), Some("block-list"));
    }
}
