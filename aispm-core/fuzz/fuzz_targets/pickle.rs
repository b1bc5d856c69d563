#![no_main]

use aispm_core::artifact::Scanner;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let bytes = [&b"\x80\x04"[..], data].concat();
    let _ = Scanner::builtin().scan_bytes("fuzz", &bytes);
});
