#![no_main]

use aispm_core::asset::TextRole;
use aispm_core::guard::{Action, Guard};

// Any text in any pieces: every match can be sliced, and a stream shows what the whole shows.
libfuzzer_sys::fuzz_target!(|data: (u8, String)| {
    let (length, text) = (usize::from(data.0) + 1, data.1);
    let guard = Guard::builtin();
    let whole = guard.check(&text, TextRole::Output);
    for m in &whole.findings {
        assert!(text.get(m.start..m.end).is_some(), "{m:?}");
    }
    let mut stream = guard.stream(TextRole::Output);
    let (mut shown, mut rest) = (String::new(), text.as_str());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(length.min(rest.len())));
        shown += &stream.push(piece);
        rest = after;
    }
    let decision = stream.finish();
    assert_eq!(decision.action, whole.action);
    // a stream that is blocked says no more; what it let go before stays
    match decision.action {
        Action::Block => assert!(whole.text.starts_with(&shown), "{shown:?} {:?}", whole.text),
        _ => assert_eq!(shown + &decision.text, whole.text),
    }
});
