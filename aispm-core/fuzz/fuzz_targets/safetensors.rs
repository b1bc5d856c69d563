#![no_main]

use aispm_core::artifact::Scanner;

// the length is made to fit, so that the header is reached
libfuzzer_sys::fuzz_target!(|data: (String, Vec<u8>)| {
    let header = format!("{{\"{}", data.0);
    let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data.1].concat();
    let _ = Scanner::builtin().scan_bytes("fuzz", &bytes);
});
