#![no_main]

use aispm_core::assess::ledger::Verifier;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = Verifier::new().run(data);
});
