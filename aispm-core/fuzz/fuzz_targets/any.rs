#![no_main]

use aispm_core::artifact::Scanner;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = Scanner::builtin().scan_bytes("fuzz", data);
});
