//! Looking at a text in which nothing is found, and no code is to be decoded, takes no memory.

use aispm_core::asset::TextRole;
use aispm_core::text::sensitive::Sensitive;

const TEXTS: [&str; 8] = [
    "The committee met on Tuesday to go over the draft once more, and most of what was left concerned the tables.",
    "Forgot the password? The key is under the mat; no token, no secret and no login will be asked of you.",
    "for (size_t i = 0; i < 128; ++i) { total += table[i] * 0.25; } // see https: and www. below\nreturn total;",
    "Chapter 12, page 4711: 1.5 % of 20 000 units in version 3.11.2, twice 4012 4012 4012 and 1:2:3 at 07:45.",
    "| a | b |\n|---|---|\n| 10 | -3 |\n![](figure.png) [text](chapter.md) <img src=\"a.png\"> key=value",
    "aGVsbG8gd29y= sk- ghp_ AKIA eyJ a@ @b ::1x a.b.c 41 % 42 \u{e9}t\u{e9} \u{4f60}\u{597d} 😀",
    "IT WAS ALL IN CAPITALS AND SAID NOTHING AT ALL, WHICH IS HOW NOTICES ARE WRITTEN IN SOME PLACES.",
    "let Some(Value) = self.Field.get(Std.Vec::new()) else { return ann@Localhost }; http://localhost:8080/x?y=z",
];

#[test]
fn a_text_without_a_finding_allocates_nothing() {
    let sensitive = Sensitive::builtin();
    for text in TEXTS.iter().flat_map(|text| [(*text).to_owned(), format!("{text}\n").repeat(64)]) {
        let mut matches = Vec::new();
        // what is compiled on first use is compiled here
        sensitive.find(&text, TextRole::Output, &mut matches);
        assert!(matches.is_empty(), "{text:.60}: {matches:?}");
        let taken = allocation_counter::measure(|| sensitive.find(&text, TextRole::Output, &mut matches));
        assert_eq!(taken.count_total, 0, "{} bytes for {text:.60}", taken.bytes_total);
    }
}
