//! Personal data, secrets, links and exfiltration: what must not leave, and where it would go.
//!
//! One automaton over literal anchors and one scan over bytes find where something may begin; a verifier then reads a
//! bounded stretch there. No pattern runs over the whole text, and a text without a hit allocates nothing.

mod anchors;
mod hay;
mod links;
mod pii;
mod secrets;
pub mod sink;

use std::sync::OnceLock;

use self::anchors::{Anchors, Owner};
use self::hay::Hay;
use self::links::Links;
use self::links::lure::{Lures, Stretch};
pub use self::links::{HostList, HostLists};
use self::pii::Pii;
use self::secrets::Secrets;
use crate::asset::{Match, TextRole};

/// How many addresses inside an address (redirects) are read.
const NESTED: usize = 8;

/// The built-in detectors of sensitive data, compiled once. `find` is linear in the text.
#[derive(Debug)]
pub struct Sensitive {
    anchors: Anchors,
    links: Links,
    lures: Lures,
    pii: Pii,
    secrets: Secrets,
}

impl Sensitive {
    /// The built-in detectors; the first call compiles them.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Sensitive> = OnceLock::new();
        #[allow(clippy::expect_used, reason = "the data is part of the program, and a test compiles it")]
        BUILTIN.get_or_init(|| Self::compile().expect("the built-in detectors compile"))
    }

    fn compile() -> Result<Self, Box<dyn std::error::Error>> {
        let (links, lures, pii, secrets) = (Links::new()?, Lures::new()?, Pii::new()?, Secrets::new()?);
        let anchors = Anchors::new(secrets.anchors().chain(links::anchors()).chain(lures.anchors()))?;
        Ok(Self { anchors, links, lures, pii, secrets })
    }

    /// Appends credentials only; otherwise as [`find`](Self::find).
    pub fn find_secrets(&self, text: &str, matches: &mut Vec<Match>) {
        let hay = Hay::new(text);
        self.anchors.each(text, |owner, start, end| match owner {
            Owner::Rule(index) => self.secrets.by_rule(hay, index, start..end, matches),
            Owner::Name => self.secrets.by_name(hay, start..end, matches),
            _ => {}
        });
    }

    /// Appends every match in `text`, byte offsets into it, in no promised order, overlaps unresolved.
    pub fn find(&self, text: &str, role: TextRole, matches: &mut Vec<Match>) {
        static NONE: std::sync::LazyLock<HostLists> = std::sync::LazyLock::new(HostLists::default);
        self.find_with(text, role, &NONE, matches);
    }

    /// As [`find`](Self::find), with a user's own lists of hosts.
    pub fn find_with(&self, text: &str, role: TextRole, hosts: &HostLists, matches: &mut Vec<Match>) {
        let hay = Hay::new(text);
        self.pii.find(hay, matches);
        // Where the last address and the last markup end, and how many addresses began inside that address.
        let (mut address, mut markup, mut nested) = (0, 0, 0);
        let mut stretch = Stretch::new();
        self.anchors.each(text, |owner, start, end| match owner {
            Owner::Rule(index) => self.secrets.by_rule(hay, index, start..end, matches),
            Owner::Name => self.secrets.by_name(hay, start..end, matches),
            Owner::Address => {
                nested = if start < address { nested + 1 } else { 0 };
                if nested > NESTED {
                    return;
                }
                let Some(found) = self.links.address(hay, start..end, hosts, !stretch.is_empty(), matches) else {
                    return;
                };
                address = address.max(found.span.end);
                self.secrets.in_address(hay, found.authority, matches);
                if found.veiled {
                    self.lures.link(found.span, &mut stretch, matches);
                }
            }
            Owner::Lure(group) => self.lures.phrase(hay, group, start..end, &mut stretch, matches),
            Owner::Script => Links::script(hay, start..end, matches),
            Owner::Markup if start < markup => {}
            Owner::Markup => markup = self.links.markup(hay, start..end, role, hosts, matches),
        });
        self.lures.close(&mut stretch, matches);
        self.links.bare(hay, hosts, matches);
    }
}

/// The class of data that a match type belongs to: `personal`, `government_id`, `payment`, `financial`, `health`,
/// `organisation`, `location`, `network`, `credentials`, `link`; `None` for an unknown type.
pub fn data_class(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "EMAIL_ADDRESS" | "PHONE_NUMBER" | "PERSON" | "DATE_TIME" | "NRP" | "AGE" => "personal",
        "CREDIT_CARD" => "payment",
        "IBAN_CODE" | "CRYPTO" => "financial",
        "IP_ADDRESS" | "MAC_ADDRESS" => "network",
        "LOCATION" => "location",
        "ORGANIZATION" => "organisation",
        "URL" | "PHISHING_URL" | "PHISHING_LURE" | "DISPOSABLE_DOMAIN" => "link",
        "EXFILTRATION_LINK" | "EXFILTRATION_IMAGE" => "link",
        kind => {
            let builtin = Sensitive::builtin();
            return builtin.pii.class(kind).or_else(|| builtin.secrets.has(kind).then_some("credentials"));
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<(String, String)> {
        let mut matches = Vec::new();
        Sensitive::builtin().find(text, TextRole::Output, &mut matches);
        matches.iter().map(|m| (m.kind.to_string(), text.get(m.start..m.end).unwrap().to_owned())).collect()
    }

    fn kinds(text: &str) -> Vec<String> {
        found(text).into_iter().map(|(kind, _)| kind).collect()
    }

    #[test]
    fn one_text_with_one_of_each() {
        let text = "Write to ann@mail.example.org or +44 20 7946 0958, card 4012-8888-8888-1881, from 10.1.2.3 \
                    (52:54:00:9d:0e:67), IBAN GB82 WEST 1234 5698 7654 32, SSN 536-22-8741, born 1980-02-03.";
        let expected = [
            ("EMAIL_ADDRESS", "ann@mail.example.org"),
            ("PHONE_NUMBER", "+44 20 7946 0958"),
            ("CREDIT_CARD", "4012-8888-8888-1881"),
            ("IP_ADDRESS", "10.1.2.3"),
            ("MAC_ADDRESS", "52:54:00:9d:0e:67"),
            ("IBAN_CODE", "GB82 WEST 1234 5698 7654 32"),
            ("US_SSN", "536-22-8741"),
            ("DATE_TIME", "1980-02-03"),
        ];
        let found = found(text);
        assert_eq!(found.iter().map(|(k, t)| (k.as_str(), t.as_str())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn secrets_and_what_only_looks_like_one() {
        let key = format!("AKIA{}", "Q3EGRZ7WYDTN5KJB");
        assert_eq!(kinds(&format!("key = {key}")), ["aws-access-key-id"]);
        assert_eq!(kinds("db_password: \"tR7#kq9!Lm\""), ["generic-password"]);
        assert_eq!(kinds("postgres://app:tR7kq9Lm@db.internal/x"), ["url-credentials"]);
        for text in [
            "password: ${DB_PASSWORD}",
            "token = get_token()",
            "AKIAIOSFODNN7EXAMPLE",
            "api_key_id = 42",
            "secret: your-secret-here",
        ] {
            assert!(kinds(text).is_empty(), "{text}: {:?}", kinds(text));
        }
    }

    #[test]
    fn every_type_has_a_class() {
        for (kind, class) in [
            ("EMAIL_ADDRESS", "personal"),
            ("UK_NHS", "health"),
            ("CREDIT_CARD", "payment"),
            ("github-token", "credentials"),
        ] {
            assert_eq!(data_class(kind), Some(class));
        }
        assert_eq!(data_class("NOTHING"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "\\PC{0,200}") {
            found(&text);
        }

        #[test]
        fn any_pieces_are_read_without_harm(pieces in proptest::collection::vec(prop_oneof![
            Just("ä"), Just("@"), Just("://"), Just("www."), Just("password"), Just("="), Just("\""), Just("1"), Just("4012-8888-"), Just("."), Just("a"),
            Just(" "), Just(":"), Just("-----BEGIN PRIVATE KEY-----"), Just("eyJ"), Just("sk-"), Just("]("), Just("http"), Just("+1"), Just("("), Just(")"),
            Just("😀"), Just("%"), Just("GB82"), Just("AA"), Just("\\"), Just("&quot;"), Just("May "), Just("2024-"), Just("::"), Just("e\u{301}"), Just("，"),
        ], 0..60)) {
            found(&pieces.concat());
        }
    }
}
