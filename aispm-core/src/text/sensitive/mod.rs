//! Personal data, secrets, links and exfiltration: what must not leave, and where it would go.
//!
//! One automaton over literal anchors and one scan over bytes find where something may begin; a verifier then reads a
//! bounded stretch there. No pattern runs over the whole text, and a text without a hit allocates nothing.

mod anchors;
mod build;
mod clean;
mod custom;
mod hay;
mod links;
pub(super) mod pii;
mod secrets;
pub mod sink;
mod stream;
mod veiled;

pub use stream::{Released, Stream};

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::OnceLock;

use self::anchors::{Anchors, Owner};
pub use self::build::SensitiveBuilder;
use self::custom::Custom;
use self::hay::Hay;
use self::links::Links;
use self::links::lure::{Lures, Stretch};
pub use self::links::{HostList, HostLists};
#[doc(hidden)]
pub use self::pii::Candidate;
use self::pii::Pii;
use self::secrets::Secrets;
use super::Transform;
use crate::asset::{Error, ErrorKind, Match, Result, TextRole};

/// How many addresses inside an address (redirects) are read.
const NESTED: usize = 8;

/// Detectors of sensitive data, compiled once: the built-in ones and rules of the user's own. `find` is linear in the text.
#[derive(Debug)]
pub struct Sensitive {
    anchors: Anchors,
    custom: Custom,
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
        let lures = Lures::new().map_err(|e| invalid(e.to_string()))?;
        let custom = Custom::new(own.recognizers);
        let anchors = secrets.anchors().chain(links::anchors()).chain(lures.anchors()).chain(custom.anchors());
        let anchors = Anchors::new(anchors).map_err(|e| invalid(e.to_string()))?;
        Ok(Self { anchors, custom, links, lures, pii, secrets })
    }

    /// The class of data that a match type belongs to, those of the user's own recognizers included; see [`data_class`].
    #[must_use]
    pub fn data_class(&self, kind: &str) -> Option<&str> {
        self.custom.class(kind).or_else(|| data_class(kind))
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
        self.anchors.each(text, &mut anchors::Read::default(), |owner, span| {
            self.secrets.at(owner, hay, span, &mut seen, matches);
            true
        });
        self.secrets.finish(hay, &mut seen, matches);
    }

    /// For training of the tagger of names: its candidates in `text` when its lexicon does not know the names in `hide`.
    #[doc(hidden)]
    pub fn candidates(&self, text: &str, hide: &[&str]) -> Vec<Candidate> {
        self.pii.candidates(text, hide)
    }

    /// Appends every match in `text`, byte offsets into it, in no promised order, overlaps unresolved.
    /// Characters that nobody sees, letters and digits in other forms, base64, hex, percent codes, entities and escapes do
    /// not hide anything: a match behind code spans the characters that it was decoded from.
    pub fn find(&self, text: &str, role: TextRole, matches: &mut Vec<Match>) {
        static NONE: std::sync::LazyLock<HostLists> = std::sync::LazyLock::new(HostLists::default);
        self.find_with(text, role, &NONE, matches);
    }

    /// As [`find`](Self::find), with a user's own lists of hosts.
    pub fn find_with(&self, text: &str, role: TextRole, hosts: &HostLists, matches: &mut Vec<Match>) {
        self.find_noting(text, role, hosts, matches, &mut BTreeSet::new());
    }

    /// As [`find_with`](Self::find_with), and notes the disguises that matches were in.
    pub(crate) fn find_noting(
        &self,
        text: &str,
        role: TextRole,
        hosts: &HostLists,
        matches: &mut Vec<Match>,
        undone: &mut BTreeSet<Transform>,
    ) {
        let known = matches.len();
        let Some((clean, map)) = clean::cleaned(text) else {
            return self.find_clean(text, role, hosts, matches, undone);
        };
        self.find_clean(&clean, role, hosts, matches, undone);
        for m in matches.iter_mut().skip(known) {
            let Range { start, end } = map.given(m.start..m.end);
            (m.start, m.end) = (start, end);
            undone.extend(clean::undone(text.get(start..end).unwrap_or_default()));
        }
    }

    fn find_clean(
        &self,
        text: &str,
        role: TextRole,
        hosts: &HostLists,
        matches: &mut Vec<Match>,
        undone: &mut BTreeSet<Transform>,
    ) {
        let known = matches.len();
        let (hay, mut read) = (Hay::new(text), Read::default());
        let place = Place { hay, role, hosts };
        self.pii.find(hay, &mut read.pii, matches);
        let mut names = Vec::new();
        self.pii.tagged(hay, &mut read.tagged, matches, text.len(), &mut names);
        matches.append(&mut names);
        self.announced(place, &mut read.anchors, &mut read.announced, matches);
        self.secrets.finish(hay, &mut read.announced.seen, matches);
        self.lures.close(&mut read.announced.lure, matches);
        self.links.bare(hay, hosts, &mut read.bare, matches);
        self.custom.scan(hay, &mut read.custom, matches);
        let mut veiled = Vec::new();
        self.veiled(hay, &mut read.veiled, &mut veiled);
        veiled::drop_seen(&mut veiled, matches.get(known..).unwrap_or_default());
        for veiled::Found { found, by } in veiled {
            undone.extend(by);
            matches.push(found);
        }
    }

    /// What an anchor announces, from where the text was `read` to, until something cannot be settled; gives where its
    /// anchor begins.
    fn announced(
        &self,
        place: Place<'_>,
        read: &mut anchors::Read,
        known: &mut Announced,
        matches: &mut Vec<Match>,
    ) -> Option<usize> {
        self.anchors.each(place.hay.text(), read, |owner, span| {
            let before = place.hay.goes_on().then(|| (matches.len(), known.clone()));
            self.at(owner, span, place, known, matches);
            let settled = !place.hay.looked_past();
            if let Some((length, before)) = before.filter(|_| !settled) {
                matches.truncate(length);
                *known = before;
            }
            settled
        })
    }

    /// Reads what the anchor over `span` announces to its owner.
    fn at(&self, owner: Owner, span: Range<usize>, place: Place<'_>, known: &mut Announced, matches: &mut Vec<Match>) {
        let Place { hay, role, hosts } = place;
        match owner {
            Owner::Address => {
                known.nested = if span.start < known.address { known.nested + 1 } else { 0 };
                if known.nested > NESTED {
                    return;
                }
                let in_lure = known.lure.open_at(span.start).is_some();
                let Some(found) = self.links.address(hay, span, hosts, in_lure, matches) else { return };
                known.address = found.span.end.max(known.address);
                self.secrets.in_address(hay, found.authority, matches);
                if found.veiled {
                    self.lures.link(found.span, &mut known.lure, matches);
                }
            }
            Owner::Lure(group) => self.lures.phrase(hay, group, span, &mut known.lure, matches),
            Owner::Custom(index) => self.custom.at(index, hay, span, &mut known.custom, matches),
            Owner::Script => Links::script(hay, span, matches),
            Owner::Markup if span.start < known.markup => {}
            Owner::Markup => known.markup = self.links.markup(hay, span, role, hosts, matches),
            owner => self.secrets.at(owner, hay, span, &mut known.seen, matches),
        }
    }
}

/// A text, its role and the hosts that a user has lists of.
#[derive(Debug, Clone, Copy)]
struct Place<'t> {
    hay: Hay<'t>,
    role: TextRole,
    hosts: &'t HostLists,
}

/// How far each pass has read a text.
#[derive(Debug, Clone, Default)]
struct Read {
    pii: pii::Read,
    tagged: pii::Tagged,
    anchors: anchors::Read,
    announced: Announced,
    /// Host names without a scheme.
    bare: usize,
    /// The user's patterns that run over the text.
    custom: custom::Read,
    veiled: veiled::Read,
}

/// What is known of what anchors announced so far.
#[derive(Debug, Clone, Default)]
struct Announced {
    /// Where the last address ends, where the next markup may begin, and how many addresses began inside the last.
    address: usize,
    markup: usize,
    nested: usize,
    /// The last name that tells of a secret.
    seen: secrets::Seen<'static>,
    /// The lure that is being read.
    lure: Stretch,
    /// What the user's other patterns took.
    custom: custom::Read,
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
    fn disguise_hides_nothing_and_offsets_are_those_of_the_given_text() {
        let text =
            "é mail ａｎｎ@mail.exa\u{200b}mple.org, card 4012-8888\u{ad}-8888-１８８１, 😀 call +٤٤ 20 7946 0958.";
        let expected = [
            ("EMAIL_ADDRESS", "ａｎｎ@mail.exa\u{200b}mple.org"),
            ("CREDIT_CARD", "4012-8888\u{ad}-8888-１８８１"),
            ("PHONE_NUMBER", "+٤٤ 20 7946 0958"),
        ];
        assert_eq!(found(text).iter().map(|(k, t)| (k.as_str(), t.as_str())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn scripts_without_spaces_bound_a_value_and_give_it_context() {
        for (text, kind, value) in [
            ("电话13812345678号", "PHONE_NUMBER", "13812345678"),
            ("電話03-3211-1234まで", "PHONE_NUMBER", "03-3211-1234"),
            ("โทร0812345678ครับ", "PHONE_NUMBER", "0812345678"),
            ("我的邮箱是zhang@acme.cn，谢谢", "EMAIL_ADDRESS", "zhang@acme.cn"),
            ("规范GB82WEST12345698765432即可", "IBAN_CODE", "GB82WEST12345698765432"),
            ("身份证号11010519491231002X，", "CN_RESIDENT_ID", "11010519491231002X"),
            ("주민번호900101-1234568입니다", "KR_RRN", "900101-1234568"),
            ("地址192.168.10.5访问", "IP_ADDRESS", "192.168.10.5"),
            ("密码：Zx9kPq2W！", "generic-password", "Zx9kPq2W"),
            ("パスワードはZx9kPq2W!です", "generic-password", "Zx9kPq2W"),
            ("Пароль: Zx9kPq2W!", "generic-password", "Zx9kPq2W!"),
        ] {
            assert_eq!(found(text), [(kind.to_owned(), value.to_owned())], "{text}");
        }
        // Where words have spaces, a letter beside a value is part of it.
        for text in ["é13812345678", "яGB82WEST12345698765432", "密码长度为8位以上", "パスワードは8文字以上で"]
        {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
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
    fn every_match_is_what_its_offsets_say() {
        // each of these stands between emoji, marks and invisible characters; its span must be itself
        let key = format!("AKIA{}", "Q3EGRZ7WYDTN5KJB");
        for (kind, value) in [
            ("EMAIL_ADDRESS", "ann@mail.example.org"),
            ("CREDIT_CARD", "4012-8888-8888-1881"),
            ("IBAN_CODE", "GB82 WEST 1234 5698 7654 32"),
            ("aws-access-key-id", &key),
        ] {
            for (before, after) in
                [("👩\u{200d}👧 ", " 🏴"), ("e\u{301} ", " ｘ"), ("\u{e0061}\u{e0062} ", "\u{feff}."), ("𝄞 ", "")]
            {
                let text = format!("{before}{value}{after}");
                assert!(found(&text).contains(&(kind.to_owned(), value.to_owned())), "{text:?}: {:?}", found(&text));
            }
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

    /// Bytes that verifiers look at in a text of this piece.
    fn work(piece: &str, size: usize) -> u64 {
        let text = piece.repeat(size / piece.len());
        let before = hay::LOOKED_AT.with(std::cell::Cell::get);
        Sensitive::builtin().find(&text, TextRole::Output, &mut Vec::new());
        hay::LOOKED_AT.with(std::cell::Cell::get) - before
    }

    #[test]
    fn twice_the_text_is_twice_the_work_at_most() {
        for piece in [
            "a",
            "A",
            "Aa ",
            "4",
            "4012 ",
            "1.",
            "aGVsbG8gd29ybGQg",
            " ",
            "@",
            "a@a.",
            "a:",
            "::",
            "%41",
            "a\u{200b}",
            "e\u{301}",
            "\"",
            "password=",
            "password=x9Kq2LmZ8vR4 ",
            "sk-",
            "sk-ant-",
            "eyJ",
            "https://",
            "http://a.",
            "www.",
            "](",
            "![](http://",
            "<img src=",
            "xn--",
            "AKIA",
            "-----BEGIN RSA PRIVATE KEY-----",
            "May 1, 20",
            "Mr. Ann ",
            "+1 (",
            "12 Elm ",
            "token: ",
            "key=\"",
            "&quot;",
            "=",
            "_",
            "-",
            "GB82 ",
            "ghp_",
            "a.b/c?d=",
        ] {
            let (once, twice) = (work(piece, 1 << 17), work(piece, 1 << 18));
            assert!(twice <= 2 * once + once / 32 + 4096, "{piece:?}: {once}, {twice}");
            assert!(twice >> 18 < 1 << 10, "{piece:?}: {} bytes looked at for each", twice >> 18);
        }
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
            Just("😀"), Just("%"), Just("GB82"), Just("AA"), Just("\\"), Just("&quot;"), Just("May "), Just("2024-"), Just("::"), Just("e\u{301}"), Just("，"), Just("密码"), Just("是"), Just("โทร"),
        ], 0..60)) {
            found(&pieces.concat());
        }
    }
}
