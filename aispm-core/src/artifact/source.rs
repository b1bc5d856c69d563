//! Python and XML beside a model.

use std::sync::LazyLock;

use memchr::memmem;
use regex::{Regex, RegexSet};

use super::rule::Rule;
use super::scan::Scan;
use crate::asset::Severity;

/// Declarations of entities; a model needs none.
const ENTITY_LIMIT: usize = 10;

static STATEMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?m)^(?:import [\w., ]+|from [\w.]+ import [\w(*, ]+|(?:async )?def \w+\(.*|class \w+.*:.*)$").ok()
});

static COMMANDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"\b(?:os\.(?:system|popen|exec\w+|spawn\w+)|subprocess\.\w+|pty\.spawn|(?:builtins\.)?__import__|marshal\.loads|pickle\.loads?|ctypes\.CDLL|socket\.socket|runpy\.run_\w+)\s*\(|\b(?:eval|exec)\s*\((?:base64|compile|zlib|codecs|requests|urllib|bytes|__)",
    )
    .ok()
});

static LOADED_WITH_MODEL: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    RegexSet::new([
        r"(?m)^\s*(?:import|from)\s+.*\b(?:datasets|transformers|torch|tensorflow|keras|diffusers|sklearn)\b",
        r"\b(?:GeneratorBasedBuilder|PreTrainedModel|PretrainedConfig|DatasetBuilder|PreTrainedTokenizer)\b",
    ])
    .ok()
});

/// Whether a text has the statements of a Python module at the start of its lines.
pub(super) fn is_python(text: &str) -> bool {
    STATEMENT.as_ref().is_some_and(|statement| statement.is_match(text))
}

/// Commands that a module runs; graver where a loader imports the module by itself.
pub(super) fn python(scan: &mut Scan, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let loaded = LOADED_WITH_MODEL.as_ref().is_some_and(|set| set.is_match(&text));
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let code = line.split('#').next().unwrap_or(line);
        if let Some(hit) = COMMANDS.as_ref().and_then(|commands| commands.find(code)) {
            let what = hit.as_str().trim_end_matches('(').trim();
            let severity = if loaded { Severity::High } else { Severity::Medium };
            let message = format!("the script calls {what}");
            scan.found_as(Rule::DangerousScript, severity, Some(at + hit.start()), what, message);
        }
        at += line.len();
    }
}

/// Entities that read files or grow without end.
pub(super) fn xml(scan: &mut Scan, bytes: &[u8]) {
    let mut count = 0;
    for at in memmem::find_iter(bytes, b"<!ENTITY") {
        count += 1;
        let declaration = bytes.get(at..).unwrap_or_default().split(|b| *b == b'>').next().unwrap_or_default();
        if [&b" SYSTEM"[..], b" PUBLIC"].iter().any(|kind| memmem::find(declaration, kind).is_some()) {
            let text = String::from_utf8_lossy(declaration);
            scan.found(Rule::ExternalAccess, Some(at), &text, "an XML entity reads a file or an address");
        }
    }
    if count > ENTITY_LIMIT {
        scan.found(Rule::DenialOfService, None, "entities", format!("{count} XML entities are declared"));
    }
}
