//! Personal data, secrets, links and exfiltration: what must not leave, and where it would go.
//!
//! One automaton over literal anchors and one scan over bytes find where something may begin; a verifier then reads a
//! bounded stretch there. No pattern runs over the whole text, and a text without a hit allocates nothing.

mod anchors;
mod build;
mod hay;
mod links;
mod pii;
mod secrets;

use std::sync::OnceLock;

use self::anchors::{Anchors, Owner};
pub use self::build::SensitiveBuilder;
use self::hay::Hay;
use self::links::Links;
use self::pii::Pii;
use self::secrets::Secrets;
use crate::asset::{Error, ErrorKind, Match, Result, TextRole};

/// How many addresses inside an address (redirects) are read.
const NESTED: usize = 8;

/// Detectors of sensitive data, compiled once: the built-in ones and rules of the user's own. `find` is linear in the text.
#[derive(Debug)]
pub struct Sensitive {
    anchors: Anchors,
    links: Links,
    pii: Pii,
    secrets: Secrets,
    problems: Vec<Error>,
}

impl Sensitive {
    /// The built-in detectors; the first call compiles them.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Sensitive> = OnceLock::new();
        #[allow(clippy::expect_used, reason = "the data is part of the program, and a test compiles it")]
        BUILTIN.get_or_init(|| Self::compile(SensitiveBuilder::default()).expect("the built-in detectors compile"))
    }

    /// Starts with the built-in detectors.
    #[must_use]
    pub fn builder() -> SensitiveBuilder {
        SensitiveBuilder::default()
    }

    fn compile(own: SensitiveBuilder) -> Result<Self> {
        let invalid = |e: String| Error::new(ErrorKind::Invalid, e);
        let links = Links::new().map_err(|e| invalid(e.to_string()))?;
        let pii = Pii::new().map_err(|e| invalid(e.to_string()))?;
        let secrets = Secrets::new(own.secrets).map_err(|e| invalid(e.to_string()))?;
        let anchors = Anchors::new(secrets.anchors().chain(links::anchors())).map_err(|e| invalid(e.to_string()))?;
        Ok(Self { anchors, links, pii, secrets, problems: own.problems })
    }

    /// What was left out of the user's rules, and why, with file and line.
    #[must_use]
    pub fn problems(&self) -> &[Error] {
        &self.problems
    }

    /// Appends credentials only; otherwise as [`find`](Self::find).
    pub fn find_secrets(&self, text: &str, matches: &mut Vec<Match>) {
        self.find_secrets_of(None, text, matches);
    }

    /// Appends the credentials of a file; rules of the user's own that name a path look at `path`.
    pub fn find_secrets_in(&self, path: &str, text: &str, matches: &mut Vec<Match>) {
        self.find_secrets_of(Some(path), text, matches);
    }

    fn find_secrets_of(&self, path: Option<&str>, text: &str, matches: &mut Vec<Match>) {
        let (hay, mut seen) = (Hay::new(text), secrets::Seen::new(path));
        self.anchors.each(text, |owner, start, end| self.secrets.at(owner, hay, start..end, &mut seen, matches));
        self.secrets.finish(hay, &mut seen, matches);
    }

    /// Appends every match in `text`, byte offsets into it, in no promised order, overlaps unresolved.
    pub fn find(&self, text: &str, role: TextRole, matches: &mut Vec<Match>) {
        let (hay, mut seen) = (Hay::new(text), secrets::Seen::new(None));
        self.pii.find(hay, matches);
        // Where the last address and the last markup end, and how many addresses began inside that address.
        let (mut address, mut markup, mut nested) = (0, 0, 0);
        self.anchors.each(text, |owner, start, end| match owner {
            Owner::Address => {
                nested = if start < address { nested + 1 } else { 0 };
                if nested > NESTED {
                    return;
                }
                let Some((span, authority)) = self.links.address(hay, start..end, matches) else { return };
                address = address.max(span.end);
                self.secrets.in_address(hay, authority, matches);
            }
            Owner::Markup if start < markup => {}
            Owner::Markup => markup = self.links.markup(hay, start..end, role, matches),
            owner => self.secrets.at(owner, hay, start..end, &mut seen, matches),
        });
        self.secrets.finish(hay, &mut seen, matches);
        self.links.bare(hay, matches);
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
        "URL" | "PHISHING_URL" | "DISPOSABLE_DOMAIN" => "link",
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
