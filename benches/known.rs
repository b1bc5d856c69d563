//! How much of planted quotes and record values is found, how often harmless outputs are hit, and at what speed:
//! `cargo bench --bench known -- DATA HARMLESS [ORDINARY]`, folders of text files. DATA is the data set, to which made-up
//! records are added; HARMLESS is cut into outputs of 200 words; what ORDINARY holds (licences, say) is left out.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use aispm_core::text::known::{Indexer, Key, KnownData};

/// Bytes of data, and of each harmless file, that are read.
const DATA: usize = 8 << 20;
const FILE: usize = 1 << 20;
const RECORDS: u64 = 20_000;
const QUOTES: u64 = 4_000;
const OUTPUTS: usize = 100_000;

fn main() {
    let folders: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let [data, harmless, ordinary @ ..] = folders.as_slice() else {
        println!("known: no folders given; see benches/known.rs");
        return;
    };
    let data = texts(data, DATA);
    let key = Key::new("a key for measuring only").unwrap_or_else(|error| unreachable!("{error}"));
    let Ok(mut indexer) = Indexer::new(&key, "bench") else { return };
    let start = Instant::now();
    for text in &data {
        text.lines().for_each(|line| indexer.line(line));
        indexer.end_text();
        indexer.end_record();
    }
    let records: Vec<[String; 6]> = (0..RECORDS).map(record).collect();
    records.iter().for_each(|record| indexer.record(record.iter().map(String::as_str)));
    let took = start.elapsed().as_secs_f64();
    for folder in ordinary {
        texts(folder, usize::MAX).iter().for_each(|text| indexer.ordinary(text));
    }
    let size: usize = data.iter().map(String::len).sum();
    let Ok((bytes, summary)) = indexer.finish() else { return };
    println!(
        "data: {} files, {size} bytes, {RECORDS} records; index: {} bytes in {took:.2} s",
        data.len(),
        bytes.len()
    );
    println!("{summary:?}");
    let Ok(known) = KnownData::open(bytes, &key) else { return };

    let mut found = BTreeMap::<String, (u32, u32)>::new();
    let mut count = |what: String, text: &str| {
        let (met, all) = found.entry(what).or_default();
        *met += u32::from(hit(&known, &format!("Here is what I found: {text} - as asked.")));
        *all += 1;
    };
    let mut random = Random(1);
    let words: Vec<&str> = data.iter().flat_map(|text| text.split_whitespace()).collect();
    for _ in 0..QUOTES {
        let at = random.below(words.len() - 20);
        let Some(quote) = words.get(at..at + 20) else { continue };
        // lines of signs and figures are no running text
        if quote.iter().filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() >= 2).count() < 15 {
            continue;
        }
        let plain = quote.join(" ");
        let bare: String = plain.chars().map(|c| if c.is_ascii_punctuation() { ' ' } else { c }).collect();
        let (front, back) = (random.below(4), random.below(4));
        for (how, text) in [
            ("as it is", plain.clone()),
            ("capitals", plain.to_uppercase()),
            ("other lines", quote.chunks(6).map(|line| line.join(" ")).collect::<Vec<_>>().join("\n> ")),
            ("no punctuation", bare),
            ("up to 3 words less at each end", quote.get(front..20 - back).unwrap_or_default().join(" ")),
        ] {
            count(format!("quote of 20 words, {how}"), &text);
        }
    }
    let fields = ["name", "e-mail", "phone", "code", "street", "account"];
    for record in records.iter().step_by(10) {
        for (field, value) in fields.iter().zip(record) {
            count(format!("{field}, as it is"), value);
            count(format!("{field}, capitals"), &value.to_uppercase());
            count(format!("{field}, other white space"), &value.replace(' ', "\n "));
            count(format!("{field}, other punctuation"), &value.replace(['-', ' '], "."));
        }
    }
    for (what, (met, all)) in found {
        println!("{what:48} {met:>6} of {all:>6}  {:6.2} %", 100.0 * f64::from(met) / f64::from(all));
    }

    let (mut outputs, mut hits, mut tokens, mut took) = (0, 0, 0, 0.0);
    for text in texts(harmless, usize::MAX) {
        let mut words = text.split_inclusive(char::is_whitespace).peekable();
        while words.peek().is_some() && outputs < OUTPUTS {
            let output: String = words.by_ref().take(200).collect();
            tokens += output.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).count();
            let mut matches = Vec::new();
            let start = Instant::now();
            known.find(&output, &mut matches);
            took += start.elapsed().as_secs_f64();
            outputs += 1;
            hits += usize::from(!matches.is_empty());
            if let Some(m) = matches.first().filter(|_| hits <= 40) {
                println!("  hit: {} {:.60?}", m.kind, output.get(m.start..m.end).unwrap_or_default());
            }
        }
    }
    println!("harmless: {hits} of {outputs} outputs hit; {:.0} ns a word", 1e9 * took / tokens.max(1) as f64);
}

fn hit(known: &KnownData, text: &str) -> bool {
    let mut matches = Vec::new();
    known.find(text, &mut matches);
    !matches.is_empty()
}

/// The different text files below a folder, by path, up to so many bytes in all.
fn texts(folder: impl AsRef<Path>, most: usize) -> Vec<String> {
    let mut texts = std::collections::BTreeMap::new();
    let mut size = 0;
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten() {
        let Some(text) = std::fs::read(entry.path()).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
            continue;
        };
        if size >= most || text.len() > FILE || text.contains('\0') {
            continue;
        }
        let before = texts.len();
        let length = text.len();
        texts.entry(text).or_insert(before);
        size += if texts.len() > before { length } else { 0 };
    }
    texts.into_keys().collect()
}

/// A made-up person: name, e-mail, phone, code, street, account.
fn record(number: u64) -> [String; 6] {
    let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut word = |least: usize| {
        let syllables = ["bar", "kel", "lin", "mor", "nu", "ra", "sel", "ti", "vo", "zan", "pe", "wic"];
        let mut word = String::new();
        for _ in 0..least + random.below(2) {
            word.push_str(syllables.get(random.below(12)).copied().unwrap_or_default());
        }
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        format!("{}{rest}", first.to_uppercase())
    };
    let (first, last, street) = (word(2), word(3), word(3));
    let mut digits = |count: u32| random.next() % 10u64.pow(count);
    [
        format!("{first} {last}"),
        format!("{first}.{last}{}@mail.example", digits(2)).to_lowercase(),
        format!("+{} {:03} {:04}-{:03}", 30 + digits(1), digits(3), digits(4), digits(3)),
        format!("C{:02}-{:06}", digits(2), digits(6)),
        format!("{} {street} Street", 1 + digits(3)),
        format!("XZ{:02} {:04} {:04} {:04}", digits(2), digits(4), digits(4), digits(4)),
    ]
}

/// xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 3
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap_or_default() % bound.max(1)
    }
}
