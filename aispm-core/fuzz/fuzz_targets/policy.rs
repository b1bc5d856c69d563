#![no_main]

use aispm_core::identity::aws::{Request, simulate};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(request) = serde_json::from_slice::<Request>(data) {
        let _ = simulate(&request);
    }
});
