//! What looking for sensitive data costs, on one thread, over mixed and hostile texts:
//!
//! ```text
//! cargo bench --bench text [-- NAME]          times by text, by size, and for twice the text
//! cargo bench --bench text -- --write FOLDER  the same texts as files, for benches/peers/text.py
//! ```
//!
//! `all` is everything that finds personal data, secrets, links, known forms of hidden text; `secrets` these alone;
//! `guard` the whole decision about a prompt, instructions included.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use aispm_core::asset::{Match, TextRole};
use aispm_core::guard::Guard;
use aispm_core::text::sensitive::Sensitive;
use aispm_core::text::{Detector, Detectors};

/// Bytes of each text.
const SIZE: usize = 1 << 20;
/// The longest text of the doubling.
const LONGEST: usize = 16 << 20;

/// Prose as people write it, and once in a while what must not leave.
const PROSE: [&str; 12] = [
    "The committee met on Tuesday to go over the draft once more, and most of what was left concerned the tables.",
    "Nobody had expected the figures to hold, yet they did, and the second reading took less than an hour.",
    "She asked whether the archive would be open in the winter; it would, though only in the mornings.",
    "If the pump fails again, close the upper valve first and wait until the pressure has dropped.",
    "We tried three ways of sorting the list and kept the slowest, because it was the only one that people understood.",
    "There is a longer version of this chapter in the appendix, with the derivations and a few counterexamples.",
    "Most visitors come by train; the walk from the station takes about twenty minutes along the river.",
    "When the loader finds no model it falls back to the rules, which are fewer but have never surprised anyone.",
    "What remains to be said about the budget can wait until spring, when the first invoices have come in.",
    "Her answer was short: the data are fine, the plot is not, and the caption belongs to another figure.",
    "A good test fails for one reason, says which, and does not need the network or the clock to do so.",
    "They had painted the fence green, then white, then green again, and agreed at last to leave it alone.",
];
const SENSITIVE: [&str; 6] = [
    "Write to ann@mail.example.org before Friday.",
    "Call +44 20 7946 0958 in office hours.",
    "See https://docs.example.org/guide?page=2 for more.",
    "The card 4012 8888 8888 1881 was declined.",
    "Mr. Paul Atkins signed on 2024-03-05.",
    "Set password = \"tR7#kq9!Lm\" in the file.",
];

fn main() {
    let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench").collect::<Vec<_>>();
    if let [write, folder] = arguments.as_slice()
        && write == "--write"
    {
        return self::write(Path::new(folder));
    }
    let filter = arguments.first().map_or("", String::as_str);
    let texts = texts();
    let chosen = || texts.iter().filter(|(name, _)| name.contains(filter));
    // compiles the detectors
    black_box(Guard::builtin().check_input("warm"));

    println!("{:12} {:>10} {:>10} {:>10}  MB/s", "text", "all", "secrets", "guard");
    for (name, unit) in chosen() {
        let text = fill(unit, SIZE);
        let megabytes = |time: Duration| text.len() as f64 / 1e6 / time.as_secs_f64();
        let [all, secrets] = [fastest(3, || look(&text)), fastest(3, || secrets(&text))].map(megabytes);
        let guard = megabytes(fastest(3, || drop(black_box(Guard::builtin().check_input(&text)))));
        println!("{name:12} {all:10.1} {secrets:10.1} {guard:10.1}");
    }
    println!("\n{:12} {:>10} {:>10}  µs", "text", "1 KB", "20 KB");
    for (name, unit) in chosen() {
        let time = |size| {
            let text = fill_once(unit, size);
            micros(fastest(200, || look(&text)))
        };
        println!("{name:12} {:10.1} {:10.1}", time(1000), time(20_000));
    }
    println!("\n{:12} {:>10}  time for twice the text, worst from 1 MiB up to 16 MiB", "text", "ratio");
    for (name, unit) in chosen() {
        let mut size = SIZE;
        let first = fill(unit, size);
        let (mut worst, mut before) = (0.0_f64, fastest(5, || look(&first)));
        while size < LONGEST {
            size *= 2;
            let text = fill(unit, size);
            let now = fastest(3, || look(&text));
            worst = worst.max(now.as_secs_f64() / before.as_secs_f64());
            before = now;
        }
        println!("{name:12} {worst:10.2}");
    }
}

/// Every text by name, as the piece that it repeats.
fn texts() -> Vec<(&'static str, String)> {
    let mut mixed = String::new();
    for round in 0..60 {
        mixed.extend([PROSE[(7 * round + 5) % 12], " ", PROSE[(5 * round + 1) % 12], " "]);
        if round % 2 == 0 {
            mixed.extend([SENSITIVE[round / 2 % 6], "\n"]);
        }
    }
    let hostile = [
        ("a", "a"),
        ("A", "A"),
        ("capitals", "Aa "),
        ("letters", "a "),
        ("digits", "4"),
        ("digit groups", "4012 "),
        ("dotted", "1."),
        ("base64", "aGVsbG8gd29ybGQg"),
        ("spaces", " "),
        ("at", "@"),
        ("mail", "a@a."),
        ("colons", "a:"),
        ("percent", "%41"),
        ("zero-width", "a\u{200b}"),
        ("tags", "\u{e0061}"),
        ("marks", "e\u{301}\u{302}"),
        ("quotes", "\""),
        ("password", "password="),
        ("tokens", "sk-"),
        ("jwt", "eyJ"),
        ("addresses", "https://"),
        ("links", "]("),
        ("images", "<img src="),
        ("punycode", "xn--"),
    ];
    let all = [("mixed", mixed), ("prose", PROSE.join("\n") + "\n")];
    all.into_iter().chain(hostile.map(|(name, unit)| (name, unit.to_owned()))).collect()
}

/// Everything that finds what must not leave.
fn look(text: &str) {
    static SENSITIVE: std::sync::LazyLock<Detectors> = std::sync::LazyLock::new(|| {
        let instructions = [Detector::PromptInjection, Detector::ToolPoisoning];
        instructions.into_iter().fold(Detectors::builder(), |builder, detector| builder.set(detector, false)).build()
    });
    black_box(SENSITIVE.detect(text, TextRole::Output));
}

fn secrets(text: &str) {
    let mut matches = Vec::<Match>::new();
    Sensitive::builtin().find_secrets(text, &mut matches);
    black_box(matches);
}

fn fill(unit: &str, size: usize) -> String {
    unit.repeat((size / unit.len()).max(1))
}

/// The same, cut to size.
fn fill_once(unit: &str, size: usize) -> String {
    let mut text = unit.repeat(size / unit.len() + 1);
    text.truncate(text.floor_char_boundary(size));
    text
}

/// The fastest of some runs: what the machine does besides only adds.
fn fastest(runs: usize, work: impl Fn()) -> Duration {
    let run = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..runs).map(run).min().unwrap_or(Duration::MAX)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Files of 1 KB and 20 KB, and what `all` takes for each, as tab-separated lines.
fn write(folder: &Path) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    let mut times = String::new();
    for (name, unit) in texts() {
        for size in [1000, 20_000] {
            let (text, name) = (fill_once(&unit, size), name.replace(' ', "-"));
            std::fs::write(folder.join(format!("{name}-{size}.txt")), &text).expect("the file can be written");
            times += &format!("{name}\t{size}\t{}\n", micros(fastest(500, || look(&text))));
        }
    }
    std::fs::write(folder.join("aispm.tsv"), times).expect("the file can be written");
}
