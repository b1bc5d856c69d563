#![no_main]

use aispm_core::artifact::Scanner;

// the checksum is made to fit, so that the header is believed
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    if let Some(header) = bytes.get_mut(..512) {
        header[0] |= 1;
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        header[154] = 0;
    }
    let _ = Scanner::builtin().scan_bytes("fuzz", &bytes);
});
