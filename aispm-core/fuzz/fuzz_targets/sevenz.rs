#![no_main]

use aispm_core::artifact::Scanner;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let bytes = [&b"7z\xbc\xaf\x27\x1c"[..], data].concat();
    let _ = Scanner::builtin().scan_bytes("fuzz", &bytes);
});
