use proptest::prelude::*;

use super::*;

const ASSET: &str = "s3://crm/customers";

fn key() -> Key {
    Key::new([7; 32]).unwrap()
}

/// An index of these records and this running text.
fn known(records: &[&str], text: &str) -> KnownData {
    let mut indexer = Indexer::new(&key(), ASSET).unwrap();
    records.iter().for_each(|field| indexer.record([*field]));
    text.lines().for_each(|line| indexer.line(line));
    KnownData::open(indexer.finish().unwrap().0, &key()).unwrap()
}

fn found(known: &KnownData, text: &str) -> Vec<(String, String)> {
    let mut matches = Vec::new();
    known.find(text, &mut matches);
    assert!(matches.iter().all(|m| m.rule == ASSET && m.detector == "known_data"));
    matches.iter().map(|m| (m.kind.to_string(), text.get(m.start..m.end).unwrap().to_owned())).collect()
}

/// Words that nobody writes, the same for the same seed.
fn words(seed: u64, count: u64) -> Vec<String> {
    let sip = siphasher::sip::SipHasher13::new_with_keys(seed, 0);
    let word = |i: u64| {
        let mut hash = sip.hash(&i.to_le_bytes());
        let syllables = ["ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu"];
        let mut word = String::new();
        for _ in 0..2 + hash % 3 {
            hash /= 10;
            word.push_str(syllables[(hash % 10) as usize]);
        }
        word
    };
    (0..count).map(word).collect()
}

#[test]
fn values_are_found_however_they_are_written() {
    let known = known(
        &["Marta Kowalczyk", "+48 22 555 01 42", "marta.k@mail.example", "gold", "2031-04-05", "株式会社山田太郎商店"],
        "",
    );
    for (text, expected) in [
        ("It is MARTA   KOWALCZYK's.", "MARTA   KOWALCZYK"),
        ("call +48225550142 now", "48225550142"),
        ("call (48) 22-555-0142 now", "48) 22-555-0142"),
        ("<Marta.K@Mail.Example>", "Marta.K@Mail.Example"),
        ("もしもし株式会社山田太郎商店です", "株式会社山田太郎商店"),
        ("É Ｍarta k\u{200b}owalczyk!", "Ｍarta k\u{200b}owalczyk"),
    ] {
        assert_eq!(found(&known, text), [("DATASET_VALUE".to_owned(), expected.to_owned())], "{text}");
    }
    for text in
        ["Marta Kowalczyka", "gold 2031-04-05", "48 22 555 01 43", "448 22 555 01 42", "", "Marta and Kowalczyk"]
    {
        assert!(found(&known, text).is_empty(), "{text}");
    }
}

#[test]
fn what_recurs_is_left_out() {
    let mut records: Vec<String> = (0..400).map(|i| format!("customer number {}", 7_340_112 + i * 977)).collect();
    records.extend((0..30).map(|_| "Northern Sales Region".to_owned()));
    let known = known(&records.iter().map(String::as_str).collect::<Vec<_>>(), "");
    assert!(found(&known, "the Northern Sales Region").is_empty());
    assert_eq!(found(&known, "customer number 7340112").len(), 1);
}

#[test]
fn every_quote_of_thirteen_words_is_found() {
    let text = words(1, 600);
    let lines: Vec<String> = text.chunks(9).map(|line| line.join(" ")).collect();
    let known = known(&[], &lines.join(".\n"));
    for at in 0..text.len() - 13 {
        let quote = text[at..at + 13].join(",\n").to_uppercase();
        let hits = found(&known, &format!("He said: „{quote}“ and left."));
        assert_eq!(hits.len(), 1, "{at}");
        assert!(quote.contains(&hits[0].1) && hits[0].0 == "DATASET_QUOTE");
    }
    let whole = found(&known, &text.join(" "));
    assert_eq!(whole.len(), 1);
    assert!(whole[0].1.split(' ').count() >= 594);
    assert!(found(&known, &words(2, 5000).join(" ")).is_empty());
    // nine words are fewer than an indexed run has
    assert!((0..500).all(|at| found(&known, &text[at..at + 9].join(" ")).is_empty()));
}

#[test]
fn scripts_without_spaces_are_quoted_by_characters() {
    let text: String = (0..300u32).filter_map(|i| char::from_u32(0x4e00 + i * 37 % 4001)).collect();
    let known = known(&[], &text);
    let chars: Vec<char> = text.chars().collect();
    for at in (0..chars.len() - 19).step_by(7) {
        let quote: String = chars[at..at + 19].iter().collect();
        assert_eq!(found(&known, &format!("曰「{quote}」也")).len(), 1, "{at}");
    }
}

#[test]
fn canaries_are_told_from_values() {
    let mut indexer = Indexer::new(&key(), ASSET).unwrap();
    let planted = key().canaries(ASSET, 2);
    planted.iter().for_each(|canary| indexer.canary(canary).unwrap());
    indexer.canary("the lighthouse keeper counts green umbrellas").unwrap();
    indexer.record([planted[0].as_str(), "MRN 00482-113"]);
    let (bytes, summary) = indexer.finish().unwrap();
    assert_eq!((summary.canaries, summary.values, summary.records), (3, 1, 1));
    let known = KnownData::open(bytes, &key()).unwrap();
    let kinds = |text: &str| found(&known, text).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
    assert_eq!(kinds(&planted[0].to_uppercase()), ["CANARY"]);
    assert_eq!(kinds("The lighthouse keeper counts green umbrellas."), ["CANARY"]);
    assert_eq!(kinds("mrn 00482113"), ["DATASET_VALUE"]);
}

#[test]
fn ordinary_text_is_left_out() {
    let licence = words(5, 40).join(" ");
    let mut indexer = Indexer::new(&key(), ASSET).unwrap();
    indexer.record([licence.as_str(), "Acme Rocket Supplies", "Marta Kowalczyk"]);
    indexer.ordinary(&format!("(Acme Rocket Supplies) {licence}"));
    let (bytes, summary) = indexer.finish().unwrap();
    assert_eq!((summary.quotes, summary.values), (0, 1));
    let known = KnownData::open(bytes, &key()).unwrap();
    assert!(found(&known, &format!("{licence} Acme Rocket Supplies")).is_empty());
}

#[test]
fn what_everybody_writes_is_no_quote() {
    let own = "the keeper of the lighthouse counts nine green umbrellas every single cold morning";
    let text = format!(
        "{own}. All rights reserved.\n# Licensed under the Apache License, Version 2.0 (the \"License\"); you may not use \
         this file except in compliance with the License. Jan, Feb, Mar, Apr, May, Jun, Jul, Aug, Sep, Oct, Nov, Dec; \
         1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30"
    );
    let known = known(&[], &text);
    for other in [
        "All Rights Reserved. Licensed under the Apache License, Version 2.0 (the License); you may not use this file",
        "[\"Jan\", \"Feb\", \"Mar\", \"Apr\", \"May\", \"Jun\", \"Jul\", \"Aug\", \"Sep\", \"Oct\", \"Nov\", \"Dec\"]",
        "3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25",
    ] {
        assert_eq!(found(&known, other), [], "{other}");
    }
    assert_eq!(found(&known, own).len(), 1);
}

#[test]
fn an_index_opens_with_its_key_only_and_unaltered() {
    let mut indexer = Indexer::new(&key(), ASSET).unwrap();
    indexer.record(["Marta Kowalczyk"]);
    let bytes = indexer.finish().unwrap().0;
    assert_eq!(KnownData::open(bytes.clone(), &key()).unwrap().asset(), ASSET);
    let other = Key::new([8; 32]).unwrap();
    assert_eq!(KnownData::open(bytes.clone(), &other).unwrap_err().kind, ErrorKind::Invalid);
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        assert!(KnownData::open(bent, &key()).is_err(), "{at}");
        assert!(KnownData::open(&bytes[..at], &key()).is_err(), "{at}");
    }
    // the same asset and value give other hashes under another key
    let mut again = Indexer::new(&other, ASSET).unwrap();
    again.record(["Marta Kowalczyk"]);
    assert_ne!(again.finish().unwrap().0, bytes);
}

#[test]
fn the_order_of_records_does_not_matter() {
    let make = |order: &[usize]| {
        let mut indexer = Indexer::new(&key(), ASSET).unwrap();
        let records = ["MRN 00482-113", "MRN 00483-117", "Marta Kowalczyk"];
        order.iter().for_each(|i| indexer.record([records[*i]]));
        indexer.finish().unwrap()
    };
    assert_eq!(make(&[0, 1, 2]), make(&[2, 0, 1]));
}

proptest! {
    #[test]
    fn any_bytes_are_opened_without_harm(body in proptest::collection::vec(any::<u8>(), 0..200), count in 0u64..40, cut in 0usize..60) {
        let header = Header { asset: "a".to_owned(), lengths: u128::MAX, count: count as usize };
        let mut bytes = header.write();
        bytes.extend(body);
        bytes.truncate(bytes.len().saturating_sub(cut));
        if let Ok(known) = KnownData::open(sealed(&bytes, &key()), &key()) {
            known.find("one two three 4012-8888-8888-1881 規則", &mut Vec::new());
        }
    }

    #[test]
    fn any_text_is_indexed_and_found(fields in proptest::collection::vec("\\PC{0,80}", 0..6), text in "\\PC{0,200}") {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let known = known(&fields, &text);
        let mut matches = Vec::new();
        known.find(&text, &mut matches);
        fields.iter().for_each(|field| known.find(field, &mut matches));
        known.find(&fields.concat(), &mut matches);
    }
}
