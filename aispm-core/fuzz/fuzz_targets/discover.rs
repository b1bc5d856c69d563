#![no_main]

use aispm_core::discover::Discoverer;

/// Names that make formats of text look at the bytes; content tells the others.
const NAMES: &[&str] = &[
    "a.json", "a.jsonl", "a.yaml", "a.tf", "a.py", "a.ts", "a.go", "a.csv", "a.log", "a.md", "a.bicep", "Dockerfile",
    "Jenkinsfile", "requirements.txt", "pyproject.toml", "poetry.lock", "pom.xml", "go.mod", "yarn.lock", "CODEOWNERS",
    "templates/a.yaml", ".env", "a.sql", "a.bin",
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let name = NAMES[usize::from(*first) % NAMES.len()];
    let discovery = Discoverer::new().run_on([(name, rest)]);
    assert_eq!(discovery.files.len() + discovery.skipped.len() + discovery.incomplete.len(), 1);
});
