use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use crate::asset::{Match, TextRole};
use crate::text::sensitive::{HostLists, Sensitive};
use crate::text::{Detectors, Transform};

fn found(text: &str) -> (Vec<(String, String)>, BTreeSet<Transform>) {
    let (mut matches, mut undone) = (Vec::new(), BTreeSet::new());
    Sensitive::builtin().find_noting(text, TextRole::Output, &HostLists::default(), &mut matches, &mut undone);
    let slice = |m: &Match| (m.kind.to_string(), text.get(m.start..m.end).unwrap().to_owned());
    (matches.iter().map(slice).collect(), undone)
}

fn key() -> String {
    format!("AKIA{}", "Q3EGRZ7WYDTN5KJB")
}

#[test]
fn code_hides_nothing_and_spans_are_what_was_decoded() {
    let key = key();
    let inner = format!("the key is {key} ok");
    let base64 = STANDARD.encode(&inner);
    let twice = URL_SAFE_NO_PAD.encode(format!("x {base64} y"));
    let hex: String = "mail ann@corp.example.org now".bytes().map(|b| format!("{b:02x}")).collect();
    let percent: String = "4012888888881881".bytes().map(|b| format!("%{b:02X}")).collect();
    for (text, kind, span, transforms) in [
        // the key stands at 11..31 of the decoded text
        (format!("run {base64} now"), "aws-access-key-id", base64.get(12..44).unwrap(), vec![Transform::Base64]),
        (format!("run {twice}"), "aws-access-key-id", twice.get(16..64).unwrap(), vec![Transform::Base64]),
        (format!("data={hex}."), "EMAIL_ADDRESS", hex.get(10..50).unwrap(), vec![Transform::Hex]),
        ("é to ann%40corp.example.org, ok".into(), "EMAIL_ADDRESS", "ann%40corp.example.org", vec![Transform::Percent]),
        (format!("card {percent} paid"), "CREDIT_CARD", &percent, vec![Transform::Percent]),
        (
            "to a&#110;n&#x40;corp.example.org".into(),
            "EMAIL_ADDRESS",
            "a&#110;n&#x40;corp.example.org",
            vec![Transform::HtmlEntities],
        ),
        (
            "card 4012 8888 88&#56;8 1881 ok".into(),
            "CREDIT_CARD",
            "4012 8888 88&#56;8 1881",
            vec![Transform::HtmlEntities],
        ),
        (
            "to ann\\u0040corp.example.org".into(),
            "EMAIL_ADDRESS",
            "ann\\u0040corp.example.org",
            vec![Transform::Escapes],
        ),
        (
            "to ann@corp.exa\u{200b}mple.org".into(),
            "EMAIL_ADDRESS",
            "ann@corp.exa\u{200b}mple.org",
            vec![Transform::Invisible],
        ),
        ("to ann＠corp.example.org".into(), "EMAIL_ADDRESS", "ann＠corp.example.org", vec![Transform::Compatibility]),
    ] {
        let (found, undone) = found(&text);
        assert!(found.contains(&(kind.to_owned(), span.to_owned())), "{text}: {found:?}");
        assert_eq!(undone, transforms.into_iter().collect(), "{text}");
    }
}

#[test]
fn what_is_no_code_or_seen_already_is_left_alone() {
    let binary = STANDARD.encode((0..=255).map(|b: u8| b.wrapping_mul(167)).collect::<Vec<_>>());
    let claims = URL_SAFE_NO_PAD.encode("{\"sub\":\"1\",\"email\":\"ann@corp.example.org\"}");
    let head = URL_SAFE_NO_PAD.encode("{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    for text in [
        format!("img: data:image/png;base64,{binary}"),
        format!("sig {head}.{claims}.c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4"),
        "https://docs.example.org/some/longer/path/to/a/page and d41d8cd98f00b204e9800998ecf8427e".into(),
        "100% of R&D \\n a &amp; b &lt;c&gt; %20 done".into(),
        "https://docs.example.org/a%20b?q=caf%C3%A9".into(),
    ] {
        let veiled = found(&text).0.into_iter().filter(|(kind, _)| kind == "EMAIL_ADDRESS").count();
        assert_eq!((veiled, found(&text).1.len()), (0, 0), "{text}");
    }
    // in plain sight and behind code: told once
    let text = "write to ann@corp.example.org&#33;";
    assert_eq!(found(text).0.iter().filter(|(kind, _)| kind == "EMAIL_ADDRESS").count(), 1, "{:?}", found(text));
}

#[test]
fn disguises_are_told_where_only_sensitive_data_was_in_them() {
    let transforms = |text: &str| Detectors::builtin().detect(text, TextRole::Output).transforms;
    assert_eq!(transforms("to ann＠corp.example.org"), [Transform::Compatibility].into());
    let code = STANDARD.encode(key());
    assert_eq!(transforms(&format!("k: {code}")), [Transform::Base64].into());
    assert!(transforms("the plain truth").is_empty());
}

fn split(text: &str, lengths: &[usize]) -> Vec<String> {
    let mut stream = Sensitive::builtin().stream(TextRole::Output);
    let (mut all, mut rest) = (Vec::new(), text);
    let mut shown = 0;
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(rest.ceil_char_boundary((*length).min(rest.len())));
        let released = stream.push(piece);
        shown += released.text.len();
        for m in released.matches {
            assert!(released.start <= m.start && m.end <= shown, "{m:?}");
            all.push(m);
        }
        rest = after;
    }
    all.extend(stream.finish().matches);
    told(all)
}

fn told(matches: Vec<Match>) -> Vec<String> {
    let mut told: Vec<_> = matches.iter().map(|m| format!("{} {} {}", m.kind, m.start, m.end)).collect();
    told.sort();
    told
}

fn whole(text: &str) -> Vec<String> {
    let mut matches = Vec::new();
    Sensitive::builtin().find(text, TextRole::Output, &mut matches);
    told(matches)
}

#[test]
fn long_runs_are_read_in_parts() {
    let line = "nothing to see here, ann@corp.example.org ";
    let code = STANDARD.encode(line.repeat(400));
    let (found, _) = found(&code);
    assert!(found.iter().filter(|(kind, _)| kind == "EMAIL_ADDRESS").count() > 380, "{}", found.len());
    for length in [3, 1000, 5000] {
        assert_eq!(split(&code, &[length]), whole(&code));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_split_gives_what_the_whole_gives(
        parts in proptest::collection::vec(prop_oneof![
            Just("YW5uQGNvcnAuZXhhbXBsZS5vcmcgaXMgYW4gYWRkcmVzcw=="), Just("616e6e40636f72702e6578616d706c652e6f7267"),
            Just("ann%40corp.example.org"), Just("ann@corp.example.org"), Just("&#52;&#48;12 8888 "), Just("4012 "), Just("8888 "),
            Just("88&#56;8 1881"), Just("1881 "), Just(" "), Just("%"), Just("%4"), Just("\\u0040"), Just("&#"), Just("é"), Just("\u{200b}"),
            Just("the next word of a longer text "), Just("GB82 WEST 1234 5698 7654 "), Just("%332"), Just("32"), Just("."), Just("=="), Just("password: "), Just("tR7%23kq9!Lm "),
        ], 0..60),
        lengths in proptest::collection::vec(1usize..60, 1..8),
    ) {
        let text = parts.concat();
        prop_assert_eq!(split(&text, &lengths), whole(&text));
    }
}
