//! The shared vectors of `tests/conformance/`, which the Python and Node suites run too: every call must give the same
//! canonical JSON (RFC 8785, without latency) in every language, byte for byte. `AISPM_BLESS=1` rewrites what is
//! expected.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on must stop"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use aispm_core::artifact::Scanner;
use aispm_core::assess::Assessor;
use aispm_core::asset::{AssetId, AssetKind, LineageQuery, TextRole};
use aispm_core::guard::{Decision, Guard, Key, Message, Policy, Session, Vault};
use aispm_core::text::{Detectors, Unit, convert_offsets, convert_offsets_within};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[test]
fn detections() {
    run("detect.json");
}

#[test]
fn decisions() {
    run("guard.json");
}

#[test]
fn model_files() {
    run("scan.json");
}

#[test]
fn estates() {
    run("estate.json");
}

#[test]
fn lineage() {
    run("lineage.json");
}

#[test]
fn offsets() {
    #[derive(Serialize, Deserialize)]
    struct Vector {
        name: String,
        text: String,
        found: Vec<Value>,
    }
    let mut vectors: Vec<Vector> = read("offsets.json");
    for Vector { name, text, found } in &mut vectors {
        let matches = Detectors::builtin().detect(text, TextRole::Prompt).matches;
        assert!(!matches.is_empty(), "{name}");
        // counted here in the plainest way, apart from the conversion that is tested
        let units = |byte: usize| (text[..byte].chars().count(), text[..byte].encode_utf16().count());
        let plain: Vec<Value> = matches
            .iter()
            .map(|m| {
                let (start, end) = (units(m.start), units(m.end));
                let slice = &text[m.start..m.end];
                json!({"slice": slice, "code_points": [start.0, end.0], "utf16": [start.1, end.1]})
            })
            .collect();
        for (unit, field) in [(Unit::CodePoints, "code_points"), (Unit::Utf16, "utf16")] {
            let mut matches = matches.clone();
            convert_offsets(text, &mut matches, unit);
            let converted: Vec<Value> = matches.iter().map(|m| json!([m.start, m.end])).collect();
            assert_eq!(converted, plain.iter().map(|f| f[field].clone()).collect::<Vec<_>>(), "{name}");
        }
        if !blessing() {
            assert_eq!(*found, plain, "{name}");
        }
        *found = plain;
    }
    if blessing() {
        write("offsets.json", &vectors);
    }
}

/// What texts are made of around, between and inside values; `tests/conformance/pieces.json`.
#[derive(Deserialize)]
struct Pieces {
    values: Vec<Planted>,
    around: Vec<String>,
    between: Vec<String>,
    inside: Vec<String>,
}

#[derive(Deserialize)]
struct Planted {
    r#type: String,
    text: String,
}

/// A linear congruential generator, the same in each language.
struct Random(u32);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % bound
    }

    fn one<'p>(&mut self, pieces: &'p [String]) -> &'p str {
        &pieces[self.below(pieces.len())]
    }
}

impl Pieces {
    /// A value with fullwidth digits and unseen characters in it, now and then.
    fn disguised(&self, value: &str, random: &mut Random) -> String {
        let mut text = String::new();
        let (wide, unseen) = (random.below(3) == 0, random.below(3) == 0);
        for (i, c) in value.chars().enumerate() {
            if unseen && i > 0 && random.below(4) == 0 {
                text.push_str(random.one(&self.inside));
            }
            let fullwidth = c.to_digit(10).filter(|_| wide).and_then(|digit| char::from_u32(0xff10 + digit));
            text.push(fullwidth.unwrap_or(c));
        }
        text
    }

    /// A text with two values in it, and these as they are written there.
    fn text(&self, random: &mut Random) -> (String, Vec<(&Planted, String)>) {
        let (mut text, mut planted) = (String::new(), Vec::new());
        for _ in 0..2 {
            for _ in 0..random.below(5) {
                text.push_str(random.one(&self.around));
            }
            let value = &self.values[random.below(self.values.len())];
            let written = self.disguised(&value.text, random);
            text.push_str(random.one(&self.between));
            text.push_str(&written);
            text.push_str(random.one(&self.between));
            planted.push((value, written));
        }
        (text, planted)
    }
}

#[test]
fn slices_are_what_was_planted() {
    let pieces: Pieces = read("pieces.json");
    let mut random = Random(7);
    for _ in 0..400 {
        let (text, planted) = pieces.text(&mut random);
        let matches = Detectors::builtin().detect(&text, TextRole::Document).matches;
        let found: Vec<(&str, &str)> = matches.iter().map(|m| (&*m.kind, &text[m.start..m.end])).collect();
        for (value, written) in planted {
            assert!(found.contains(&(value.r#type.as_str(), written.as_str())), "{written:?} in {text:?}: {found:?}");
        }
        for unit in [Unit::CodePoints, Unit::Utf16] {
            let mut matches = matches.clone();
            convert_offsets(&text, &mut matches, unit);
            let slices = matches.iter().map(|m| slice(&text, m.start, m.end, unit));
            assert!(slices.eq(found.iter().map(|(_, slice)| (*slice).to_owned())), "{unit:?} {text:?}");
        }
    }
}

/// What another language cuts out.
fn slice(text: &str, start: usize, end: usize, unit: Unit) -> String {
    match unit {
        Unit::Utf16 => String::from_utf16(&text.encode_utf16().collect::<Vec<_>>()[start..end]).unwrap(),
        _ => text.chars().skip(start).take(end - start).collect(),
    }
}

#[test]
fn sessions() {
    #[derive(Serialize, Deserialize)]
    struct Turn {
        role: TextRole,
        text: String,
        #[serde(default)]
        hidden: String,
    }
    #[derive(Serialize, Deserialize)]
    struct Session {
        name: String,
        guard: String,
        /// The bytes of this text.
        key: String,
        turns: Vec<Turn>,
        /// What the model writes, in pieces.
        pieces: Vec<String>,
        /// What each piece gives, and the end.
        #[serde(default)]
        restored: Vec<String>,
        #[serde(default)]
        vault: Value,
    }
    let mut given: Vec<Session> = read("sessions.json");
    for session in &mut given {
        let policy = Policy::from_yaml(&session.guard).unwrap();
        let guard = Guard::builder().policy(policy).key(Key::new(&session.key).unwrap()).build().unwrap();
        let mut vault = Vault::new();
        for turn in &mut session.turns {
            turn.hidden = guard.check_with(&turn.text, turn.role, &mut vault).text;
        }
        let mut restorer = vault.restorer();
        session.restored = session.pieces.iter().map(|piece| restorer.push(piece)).collect();
        session.restored.push(restorer.finish());
        session.vault = serde_json::to_value(&vault).unwrap();
    }
    if blessing() {
        write("sessions.json", &given);
    }
    assert_eq!(read::<Value>("sessions.json"), serde_json::to_value(&given).unwrap());
}

#[test]
fn numbers_are_written_as_in_javascript() {
    for (number, text) in [
        (0.0, "0"),
        (-1.5, "-1.5"),
        (100.0, "100"),
        (0.000_001, "0.000001"),
        (1e-7, "1e-7"),
        (1.25e-9, "1.25e-9"),
        (1e21, "1e+21"),
        (123_456_789_012.0, "123456789012"),
    ] {
        assert_eq!(canonical(&number.into()), text);
    }
}

/// One call with what it gives.
#[derive(Serialize, Deserialize)]
struct Vector {
    name: String,
    #[serde(flatten)]
    request: Request,
    #[serde(default)]
    expected: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "call", content = "arguments", rename_all = "snake_case")]
enum Request {
    Detect {
        text: String,
        role: TextRole,
    },
    Check {
        guard: Option<String>,
        text: String,
        role: TextRole,
    },
    CheckIn {
        guard: Option<String>,
        asked: String,
        system_prompt: String,
        text: String,
        role: TextRole,
        origin: String,
    },
    CheckToolCall {
        guard: Option<String>,
        name: String,
        arguments: Value,
    },
    CheckMessages {
        guard: Option<String>,
        messages: Value,
    },
    ScanModel {
        file: String,
        base64: String,
    },
    Discover {
        path: String,
    },
    Assess {
        path: String,
        today: String,
    },
    Lineage {
        path: String,
        question: Question,
    },
}

#[derive(Serialize, Deserialize)]
struct Question {
    #[serde(default)]
    from: Vec<String>,
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    upstream: bool,
    through: Option<AssetKind>,
    kind: Option<AssetKind>,
}

fn run(file: &str) {
    std::env::set_current_dir(root()).unwrap();
    let mut vectors: Vec<Vector> = read(file);
    let mut wrong = String::new();
    for vector in &mut vectors {
        let given = vector.request.run();
        if canonical(&given) != canonical(&vector.expected) {
            writeln!(wrong, "{}\n  expected {}\n  given    {given}", vector.name, vector.expected).unwrap();
            vector.expected = given;
        }
    }
    if blessing() {
        write(file, &vectors);
    } else {
        assert!(wrong.is_empty(), "{file}: AISPM_BLESS=1 accepts what is given\n{wrong}");
    }
}

impl Request {
    fn run(&self) -> Value {
        match self {
            Self::Detect { text, role } => {
                let mut found = Detectors::builtin().detect(text, *role);
                convert_offsets(text, &mut found.matches, Unit::CodePoints);
                document(&found)
            }
            Self::Check { guard, text, role } => {
                let mut decision = guard_of(guard).check(text, *role);
                convert_offsets(text, &mut decision.findings, Unit::CodePoints);
                document(&decision)
            }
            Self::CheckIn { guard, asked, system_prompt, text, role, origin } => {
                let mut session = Session::new();
                session.asked(asked);
                session.system_prompt(system_prompt).unwrap();
                let mut decision = guard_of(guard).check_in(text, *role, Some(origin), &session, None);
                convert_offsets(text, &mut decision.findings, Unit::CodePoints);
                document(&decision)
            }
            Self::CheckToolCall { guard, name, arguments } => {
                decided(arguments, guard_of(guard).check_tool_call(name, arguments))
            }
            Self::CheckMessages { guard, messages } => {
                let parsed: Vec<Message> = serde_json::from_value(messages.clone()).unwrap();
                decided(messages, guard_of(guard).check_messages(&parsed))
            }
            Self::ScanModel { file, base64 } => {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join(file);
                std::fs::write(&path, BASE64_STANDARD.decode(base64).unwrap()).unwrap();
                let mut report = document(&Scanner::builtin().scan_file(&path));
                report["path"] = file.as_str().into();
                report
            }
            Self::Discover { path } => document(&Assessor::new().discover([path]).unwrap()),
            Self::Assess { path, today } => document(&Assessor::new().today(today).run([path]).unwrap()),
            Self::Lineage { path, question: Question { from, classes, upstream, through, kind } } => {
                let mut query = LineageQuery::default();
                query.from = from.iter().map(AssetId::from).collect();
                query.classes = classes.iter().cloned().collect();
                (query.upstream, query.through, query.kind) = (*upstream, *through, *kind);
                let discovery = Assessor::new().discover([path]).unwrap();
                serde_json::to_value(discovery.inventory.lineage(&query)).unwrap()
            }
        }
    }
}

fn guard_of(yaml: &Option<String>) -> Guard {
    yaml.as_ref().map_or_else(|| Guard::builtin().clone(), |yaml| Guard::from_yaml(yaml).unwrap())
}

fn decided(source: &Value, mut decision: Decision) -> Value {
    convert_offsets_within(source, &decision.pointers, &mut decision.findings, Unit::CodePoints);
    document(&decision)
}

/// A result as the document that every language gives, without what differs from run to run.
fn document(result: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(result).unwrap();
    let fields = value.as_object_mut().unwrap();
    fields.insert("schema".to_owned(), aispm_core::SCHEMA.into());
    fields.remove("latency");
    value
}

/// JSON as RFC 8785 has it: keys in order, no space, numbers as in JavaScript.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let field = |(name, value)| format!("{}:{}", json!(name), canonical(value));
            format!("{{{}}}", fields.into_iter().map(field).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Number(n) => n.as_f64().map_or_else(|| n.to_string(), number),
        other => other.to_string(),
    }
}

/// ECMAScript's `Number::toString`, from the shortest digits that read back the same.
fn number(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{:e}", x.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap();
    let digits = mantissa.replace('.', "");
    let (count, point) = (i32::try_from(digits.len()).unwrap(), exponent.parse::<i32>().unwrap() + 1);
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap());
    let text = match point {
        1..=21 if count <= point => format!("{digits}{}", zeros(point - count)),
        1..=21 => {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap());
            format!("{whole}.{fraction}")
        }
        -5..=0 => format!("0.{}{digits}", zeros(-point)),
        _ => format!("{mantissa}e{:+}", point - 1),
    };
    if x < 0.0 { format!("-{text}") } else { text }
}

fn read<T: for<'de> Deserialize<'de>>(file: &str) -> T {
    serde_json::from_str(&std::fs::read_to_string(folder().join(file)).unwrap()).unwrap()
}

fn write(file: &str, vectors: &impl Serialize) {
    std::fs::write(folder().join(file), serde_json::to_string_pretty(vectors).unwrap() + "\n").unwrap();
}

fn blessing() -> bool {
    std::env::var_os("AISPM_BLESS").is_some()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn folder() -> PathBuf {
    root().join("tests/conformance")
}
