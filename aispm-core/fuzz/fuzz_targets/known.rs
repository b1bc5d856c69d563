#![no_main]

use aispm_core::text::known::{Indexer, Key, KnownData, sealed};

// An index of the bytes as they are, signed, so that the reader sees them; and the bytes as a text.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(key) = Key::new([7; 16]) else { return };
    let text = String::from_utf8_lossy(data);
    if let Ok(known) = KnownData::open(sealed(data, &key), &key) {
        known.find(&text, &mut Vec::new());
    }
    if let Ok(mut indexer) = Indexer::new(&key, "fuzz") {
        indexer.record(text.lines());
        let _ = indexer.finish();
    }
});
