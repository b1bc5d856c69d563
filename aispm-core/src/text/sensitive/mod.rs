//! Personal data, secrets, links and exfiltration: what must not leave, and where it would go.
//!
//! One automaton over literal anchors and one scan over bytes find where something may begin; a verifier then reads a
//! bounded stretch there. No pattern runs over the whole text, and a text without a hit allocates nothing.

mod anchors;
mod hay;
mod links;
mod pii;
mod secrets;

use std::sync::OnceLock;

use self::anchors::{Anchors, Owner};
use self::hay::Hay;
use self::links::Links;
use self::pii::Pii;
use self::secrets::Secrets;
use crate::asset::{Match, TextRole};

/// The built-in detectors of sensitive data, compiled once. `find` is linear in the text.
#[derive(Debug)]
pub struct Sensitive {
    anchors: Anchors,
    links: Links,
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
        let (links, pii, secrets) = (Links::new()?, Pii::new()?, Secrets::new()?);
        let anchors = Anchors::new(secrets.anchors().chain(links::anchors()))?;
        Ok(Self { anchors, links, pii, secrets })
    }

    /// Appends every match in `text`, byte offsets into it, in no promised order, overlaps unresolved.
    pub fn find(&self, text: &str, role: TextRole, matches: &mut Vec<Match>) {
        let hay = Hay::new(text);
        self.pii.find(hay, matches);
        self.anchors.each(text, |owner, start, end| match owner {
            Owner::Rule(index) => self.secrets.by_rule(hay, index, start..end, matches),
            Owner::Name => self.secrets.by_name(hay, start..end, matches),
            Owner::Address => {
                if let Some(authority) = self.links.address(hay, start..end, matches) {
                    self.secrets.in_address(hay, authority, matches);
                }
            }
            Owner::Markup => self.links.markup(hay, start..end, role, matches),
        });
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
