//! Whether a host deceives: imitates a name, hides behind another, is made of lures, or hosts throw-away mail.

use std::collections::BTreeSet;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

use super::host;

/// How much an address has to tell before it is suspect, in tenths.
const SUSPECT: u32 = 8;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Brand {
    name: String,
    domains: BTreeSet<String>,
    #[serde(default)]
    word: bool,
}

/// What deceptive addresses imitate and are made of, from data.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Judge {
    brands: Vec<Brand>,
    cheap: u32,
    strong: Vec<String>,
    middle: Vec<String>,
    weak: Vec<String>,
    suffixes: BTreeSet<String>,
    lures: BTreeSet<String>,
    plain: BTreeSet<String>,
    disposable: BTreeSet<String>,
    disposable_parts: Vec<String>,
    dynamic: BTreeSet<String>,
    webmail: BTreeSet<String>,
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

impl Judge {
    pub(super) fn parse(source: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(source)
    }

    /// Judges `host` of an address whose path is `path`. Linear in both for a fixed list of names.
    pub(super) fn host(&self, host: &str, path: &str) -> Option<Verdict> {
        let host = host::unicode(host);
        let (domain, label) = host::registrable(&host)?;
        let own = |d: &str| self.brands.iter().any(|b| b.domains.contains(d));
        if own(domain) || domain.split_once('.').is_some_and(|(_, parent)| own(parent)) {
            return None;
        }
        let suffix = domain.rsplit('.').next().unwrap_or("");
        let cheap = self.suffixes.contains(suffix);
        let lured = path
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .any(|w| self.lures.contains(&w.to_ascii_lowercase()));
        let skeleton = skeleton(label);
        let sub = host.strip_suffix(domain).unwrap_or("").trim_end_matches('.');
        self.imitation(label, &skeleton, sub, cheap, lured)
            .or_else(|| self.throw_away(domain, label, path.is_empty()))
            .or_else(|| self.lexical(domain, sub, label, cheap))
    }

    /// A name written otherwise, joined to a lure, or put in front of another domain.
    fn imitation(&self, label: &str, skeleton: &str, sub: &str, cheap: bool, lured: bool) -> Option<Verdict> {
        let altered = skeleton != label;
        let plain = self.plain.contains(label);
        for brand in &self.brands {
            let name = brand.name.as_str();
            if altered && skeleton == name {
                return Some(Verdict::phishing("homograph", 0.95));
            }
            if !label.is_ascii() && brand.name.len() >= 5 && near(skeleton, name) {
                return Some(Verdict::phishing("homograph", 0.85));
            }
            let evidence = cheap || lured;
            if label == name && cheap && lured {
                return Some(Verdict::phishing("brand-other-suffix", 0.6));
            }
            let close = !plain && near(skeleton, name) && skeleton != name;
            if close
                && (evidence || (!brand.word && name.len() >= 6))
                && (name.len() >= 4 || (lured && name.len() == 3 && doubled(label, name)))
            {
                return Some(Verdict::phishing("look-alike", if evidence { 0.85 } else { 0.6 }));
            }
            if skeleton.len() > name.len() && skeleton.contains(name) {
                let mut parts = skeleton.split('-');
                let joined = parts.clone().any(|p| p == name);
                let lure = parts.any(|p| p != name && self.lures.contains(p));
                let glued = skeleton
                    .strip_prefix(name)
                    .or_else(|| skeleton.strip_suffix(name))
                    .is_some_and(|r| self.lures.contains(r.trim_matches('-')));
                if (joined && (lure || cheap && !brand.word)) || (glued && name.len() >= 5 && (!brand.word || evidence))
                {
                    return Some(Verdict::phishing("brand-with-lure", 0.8));
                }
            }
            let in_front = sub.split('.').zip(sub.split('.').skip(1).chain(std::iter::once(""))).any(|(l, next)| {
                l == name && (matches!(next, "com" | "net" | "org" | "co" | "io" | "app" | "ai") || (cheap && lured))
            });
            if in_front {
                return Some(Verdict::phishing("brand-in-subdomain", 0.9));
            }
        }
        None
    }

    fn throw_away(&self, domain: &str, label: &str, bare: bool) -> Option<Verdict> {
        if self.disposable.contains(domain) {
            return Some(Verdict::disposable("disposable-list", 0.95));
        }
        let parted = self.disposable_parts.iter().any(|p| label.contains(p.as_str()));
        let free = self
            .dynamic
            .iter()
            .any(|d| domain == d || domain.strip_suffix(d.as_str()).is_some_and(|r| r.ends_with('.')));
        (bare && parted && !self.webmail.contains(label))
            .then(|| Verdict::disposable("disposable-name", 0.5))
            .or_else(|| free.then(|| Verdict::disposable("dynamic-suffix", 0.4)))
    }

    /// The sum of what the parts of a name tell.
    fn lexical(&self, domain: &str, sub: &str, label: &str, cheap: bool) -> Option<Verdict> {
        let suffix = domain.rsplit('.').next().unwrap_or("");
        let told = |words: &[String]| {
            words.iter().filter(|w| label.contains(w.as_str()) || sub.contains(w.as_str())).count() as u32
        };
        let (strong, middle, weak) = (told(&self.strong), told(&self.middle), told(&self.weak));
        let mut sum = 7 * strong + 4 * middle + 2 * weak;
        if sum == 0 {
            return None;
        }
        sum += if cheap { self.cheap } else { 0 };
        sum += u32::from(label.contains('-'))
            + if matches!(suffix, "app" | "io" | "net" | "com" | "co" | "dev" | "us" | "me") { 1 } else { 0 };
        (sum >= SUSPECT).then(|| Verdict::phishing("lure-words", (f64::from(sum) / 40.0).min(0.8)))
    }
}

/// The label as it looks: accents off, look-alikes of other scripts and digits as Latin letters.
fn skeleton(label: &str) -> String {
    let plain: String = label.nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).map(latin).collect();
    plain.replace("rn", "m").replace("vv", "w")
}

fn latin(c: char) -> char {
    match c {
        'а' | 'α' | 'ɑ' => 'a',
        'Ь' | 'ь' | 'ɓ' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' | 'ɗ' => 'd',
        'е' | 'ҽ' | 'ε' | '3' => 'e',
        'ɡ' | 'ց' | '9' => 'g',
        'һ' | 'հ' => 'h',
        'і' | 'ı' | 'ι' | 'ɩ' | '1' | '!' => 'i',
        'ј' | 'ϳ' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' | 'ⅼ' | 'ł' | '|' => 'l',
        'м' => 'm',
        'п' | 'ո' | 'η' => 'n',
        'о' | 'ο' | 'օ' | 'ø' | '0' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' | 'ɾ' => 'r',
        'ѕ' | '5' | '$' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ѡ' | 'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' | 'ү' => 'y',
        'ᴢ' => 'z',
        c => c,
    }
}

/// Whether one omission, addition, change or exchange of neighbours turns `a` into `b`; `i` and `l` count as equal.
fn near(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let same = |x: &u8, y: &u8| x == y || (matches!(x, b'i' | b'l') && matches!(y, b'i' | b'l'));
    let head = a.iter().zip(b).take_while(|(x, y)| same(x, y)).count();
    let (a, b) = (a.get(head..).unwrap_or_default(), b.get(head..).unwrap_or_default());
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| same(x, y)).count();
    let (a, b) = (a.get(..a.len() - tail).unwrap_or_default(), b.get(..b.len() - tail).unwrap_or_default());
    match (a, b) {
        ([] | [_], [] | [_]) => true,
        ([p, q], [r, s]) => p == s && q == r,
        _ => false,
    }
}

/// Whether `label` is `name` with one letter doubled.
fn doubled(label: &str, name: &str) -> bool {
    let squeezed: Vec<u8> = label.bytes().fold(Vec::new(), |mut out, b| {
        if out.last() != Some(&b) {
            out.push(b);
        }
        out
    });
    label.len() == name.len() + 1 && squeezed == name.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imitations_are_told_from_what_they_imitate() {
        let judge = Judge::parse(super::super::DATA).unwrap();
        let rule = |host: &str, path: &str| judge.host(host, path).map(|v| v.rule);
        assert_eq!(rule("accounts.google.com", "/signin"), None);
        assert_eq!(rule("docs.python.org", "/3/library/"), None);
        assert_eq!(rule("ampleforth.org", "/"), None);
        assert_eq!(rule("paypa1.com", "/"), Some("look-alike"));
        assert_eq!(rule("раypal.com", "/"), Some("homograph"));
        assert_eq!(rule("xn--pypal-4ve.com", "/"), Some("homograph"));
        assert_eq!(rule("paypal.com.account-check.tk", "/"), Some("brand-in-subdomain"));
        assert_eq!(rule("netflix-billing.cc", "/"), Some("brand-with-lure"));
        assert_eq!(rule("mailinator.com", ""), Some("disposable-list"));
    }

    #[test]
    fn one_slip_apart() {
        for (a, b, yes) in [
            ("gogle", "google", true),
            ("googel", "google", true),
            ("gooogle", "google", true),
            ("goofle", "google", true),
            ("giggle", "google", false),
            ("goo", "google", false),
        ] {
            assert_eq!(near(a, b), yes, "{a}");
        }
    }
}
