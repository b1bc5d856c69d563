use crate::asset::{Match, TextRole};
use crate::text::sensitive::Sensitive;

const FILE: &str = r#"
recognizers:
  - name: Zip code Recognizer
    supported_language: de
    patterns:
      - {name: zip code (weak), regex: "(\\b\\d{5}(?:\\-\\d{4})?\\b)", score: 0.01}
    context: [zip, code]
    supported_entity: ZIP
  - name: titles
    supported_entity: TITLE
    deny_list: [Mr., Mrs., Prof., Élan]
  - name: staff
    supported_entity: STAFF_ID
    patterns: [{name: n, regex: '\bEMP-\d{6}\b', score: 0.8}]
    validator: luhn
    allow_list: [EMP-000000]
    class: government_id
  - name: ticket
    supported_entity: TICKET
    patterns: [{name: open, regex: 'ticket\s+[a-z]+', score: 0.5}, {name: tail, regex: '[a-z]+#\w+', score: 0.5}]
"#;

fn sensitive(file: &str) -> Sensitive {
    Sensitive::builder().recognizers("own.yaml", file).unwrap().build().unwrap()
}

/// Matches of the user's recognizers, by place.
fn own(matches: Vec<Match>) -> Vec<(String, usize, usize)> {
    let kinds = ["ZIP", "TITLE", "STAFF_ID", "TICKET"];
    let own = matches.into_iter().filter(|m| kinds.contains(&&*m.kind));
    let mut own: Vec<_> = own.map(|m| (format!("{} {} {:.2}", m.kind, m.rule, m.score), m.start, m.end)).collect();
    own.sort();
    own
}

fn whole(sensitive: &Sensitive, text: &str) -> Vec<(String, usize, usize)> {
    let mut matches = Vec::new();
    sensitive.find(text, TextRole::Output, &mut matches);
    own(matches)
}

fn found<'t>(file: &str, text: &'t str) -> Vec<(String, &'t str)> {
    let found = whole(&sensitive(file), text);
    found.into_iter().map(|(rule, start, end)| (rule, text.get(start..end).unwrap())).collect()
}

#[test]
fn patterns_words_context_checks_and_exceptions() {
    let text = "Prof. Élan (not Mr.X) of zip 10115: EMP-123455, EMP-123456, emp-12３455, EMP-000000; number 20095";
    let expected = [
        ("STAFF_ID staff 0.80", "EMP-123455"),
        ("STAFF_ID staff 0.80", "emp-12３455"),
        ("TITLE titles 1.00", "Prof."),
        ("TITLE titles 1.00", "Élan"),
        ("ZIP Zip code Recognizer 0.40", "10115"),
    ];
    let found = found(FILE, text);
    let found: Vec<_> = found.iter().map(|(rule, text)| (rule.as_str(), *text)).collect();
    let mr = ("TITLE titles 1.00", "Mr.");
    assert_eq!(found.iter().filter(|f| **f != mr).copied().collect::<Vec<_>>(), expected);
    assert_eq!(sensitive(FILE).data_class("STAFF_ID"), Some("government_id"));
    assert_eq!(sensitive(FILE).data_class("EMAIL_ADDRESS"), Some("personal"));
}

#[test]
fn what_is_not_taken_over_is_told_with_its_line() {
    let file = "supported_languages: [en]\nnlp: {}\nrecognizers:\n- CreditCardRecognizer\n- name: x\n  type: predefined\n\
                - name: a\n  supported_language: en\n  supported_entity: A\n  patterns:\n  - {name: p, regex: '(?<!x)\\d{5}', score: 0.5}\n  \
                - {name: q, regex: '\\d{5}', score: 0.5, flags: 2}\n  colour: red\n\
                - name: b\n  supported_entity: B\n  validator: nonsense\n  deny_list: [x]\n- name: c\n  deny_list: [x]\n\
                - {name: d, supported_entity: D, enabled: false, patterns: 3}\n";
    let builder = Sensitive::builder().recognizers("own.yaml", file).unwrap();
    let told: Vec<String> = builder.problems().iter().map(ToString::to_string).collect();
    for (line, message) in [
        (2, "`nlp` is not read"),
        (11, "look-around"),
        (12, "`flags` is not read"),
        (13, "`colour` is not read"),
        (16, "no validator `nonsense`"),
        (18, "supported_entity"),
        (8, "`supported_language` is not heeded"),
        (4, "predefined"),
    ] {
        let place = format!("own.yaml:{line}:");
        assert!(told.iter().any(|t| t.starts_with(&place) && t.contains(message)), "{line} {message}: {told:#?}");
    }
    assert_eq!(told.len(), 8, "{told:#?}");
    assert!(Sensitive::builder().recognizers("own.yaml", "recognizers: 3").is_err());
    let shapes = ["- {supported_entity: A, deny_list: [x]}", "recognizer_registry: {recognizers: []}"];
    assert!(
        shapes.iter().all(|file| Sensitive::builder().recognizers("own.yaml", file).unwrap().problems().is_empty())
    );
}

#[test]
fn every_split_gives_what_the_whole_gives() {
    let sensitive = sensitive(FILE);
    let long = format!("{}#{} ", "a".repeat(700), "b".repeat(700));
    let text = format!(
        "{long}zip 10115 é Prof. X EMP-123455 ticket {} {} {long}20095-1234 is a zip code, ab#cd {long}",
        "c".repeat(600),
        "d ".repeat(3000),
    );
    let expected = whole(&sensitive, &text);
    assert!(expected.len() > 8, "{expected:?}");
    for length in [1, 7, 64, 500, 2049, 5000] {
        let mut stream = sensitive.stream(TextRole::Output);
        let (mut matches, mut shown, mut rest, mut held) = (Vec::new(), 0, text.as_str(), 0);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.ceil_char_boundary(length.min(rest.len())));
            let released = stream.push(piece);
            shown += released.text.len();
            matches.extend(released.matches);
            held = held.max(text.len() - after.len() - shown);
            rest = after;
        }
        matches.extend(stream.finish().matches);
        assert_eq!(own(matches), expected, "{length}");
        assert!(held < 4096 + length, "{held} bytes held with pieces of {length}");
    }
}

#[test]
fn time_grows_with_the_text_and_no_faster() {
    let sensitive = sensitive(FILE);
    for (unit, most) in [("a", 30), ("ticket a ", 10), ("a#", 10), ("1", 10), ("Mr.", 10)] {
        let count = |n: usize| whole(&sensitive, &unit.repeat(n)).len();
        assert!(count(20_000) <= 2 * count(10_000) + most, "{unit}");
    }
}
