#![no_main]

use aispm_core::artifact::Scanner;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let bytes = [&b"\x08\x01\x12"[..], data].concat();
    let _ = Scanner::builtin().scan_bytes("fuzz", &bytes);
});
