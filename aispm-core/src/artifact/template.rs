//! Jinja chat templates: what reaches for Python's internals, for files or for endless work.

use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use super::rule::Rule;
use super::scan::Scan;
use super::words;
use crate::asset::Severity;

/// A longer template is no chat template.
const TEMPLATE_LIMIT: usize = 4 << 20;
/// Loops longer than this are meant to hang.
const LOOP_LIMIT: u64 = 1_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    internals: Vec<String>,
    reach: Vec<String>,
    doubtful: Vec<String>,
}

struct Patterns {
    internals: Vec<Regex>,
    reach: Vec<Regex>,
    doubtful: Vec<Regex>,
    block: Regex,
    joined: Regex,
    number: Regex,
    hex: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../../data/artifact/template.toml")).ok()?;
    let all = |list: Vec<String>| list.iter().map(|pattern| Regex::new(pattern)).collect::<Result<Vec<_>, _>>().ok();
    Some(Patterns {
        internals: all(file.internals)?,
        reach: all(file.reach)?,
        doubtful: all(file.doubtful)?,
        block: Regex::new(r"(?s)\{\{.*?\}\}|\{%.*?%\}").ok()?,
        joined: Regex::new(r#"['"]\s*(?:~|\+|,)?\s*['"]"#).ok()?,
        number: Regex::new(r"\d{6,}|\d+\s*\*\*\s*\d+").ok()?,
        hex: Regex::new(r"\\+x([0-9a-fA-F]{2})|\\+u00([0-9a-fA-F]{2})|\\+1?([0-7]{3})").ok()?,
    })
});

/// Linear in the template.
pub(super) fn scan(scan: &mut Scan, template: &str) {
    let Some(patterns) = PATTERNS.as_ref() else { return scan.unread("the template patterns could not be read") };
    if template.len() > TEMPLATE_LIMIT {
        return scan.unread("the template is longer than what is read");
    }
    if let Some(phrase) = words::hidden_instruction(template) {
        let message = "the template slips instructions of its own into every conversation";
        scan.found(Rule::PromptInjection, template.to_ascii_lowercase().find(phrase), phrase, message);
    }
    for block in patterns.block.find_iter(template) {
        let (at, text) = (block.start(), block.as_str());
        // `'\x5f\x5fcl' ~ 'ass__'` is `'__class__'`
        let plain = patterns.hex.replace_all(text, |hit: &regex::Captures<'_>| {
            let code = hit.get(1).or(hit.get(2)).map(|hex| u8::from_str_radix(hex.as_str(), 16));
            let code = code.or_else(|| hit.get(3).map(|octal| u8::from_str_radix(octal.as_str(), 8)));
            code.and_then(Result::ok).map_or_else(String::new, |code| char::from(code).to_string())
        });
        let plain = patterns.joined.replace_all(&plain, "");
        let hit = |list: &[Regex]| list.iter().find_map(|regex| regex.find(&plain)).map(|hit| hit.as_str().to_owned());
        if let Some(what) = hit(&patterns.internals) {
            let message = format!("the template reaches for Python's internals with {what}");
            scan.found(Rule::TemplateInjection, Some(at), &what, message);
        } else if let Some(what) = hit(&patterns.reach) {
            let message = format!("the template reads files or other templates with {what}");
            scan.found_as(Rule::TemplateInjection, Severity::High, Some(at), &what, message);
        } else if let Some(what) = hit(&patterns.doubtful) {
            let message = format!("the template uses {what}, which chat templates do not need");
            scan.found_as(Rule::TemplateInjection, Severity::Medium, Some(at), &what, message);
        }
        let endless = plain.contains("range(") || plain.contains('*');
        let huge = patterns
            .number
            .find(&plain)
            .filter(|hit| hit.as_str().contains('*') || hit.as_str().parse::<u64>().is_ok_and(|n| n >= LOOP_LIMIT));
        if let Some(huge) = huge.filter(|_| endless) {
            let message = "the template loops or repeats without end";
            scan.found(Rule::DenialOfService, Some(at), huge.as_str(), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::report::Verdict;
    use crate::artifact::scan::Budget;

    fn verdict(template: &str) -> Verdict {
        let mut s = Scan::new(Budget::default(), 0);
        scan(&mut s, template);
        s.verdict()
    }

    #[test]
    fn escapes_are_seen_however_they_are_spelled() {
        for bad in [
            "{{ ''.__class__ }}",
            "{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}",
            "{{ x|attr('__cl' ~ 'ass__') }}",
            "{% include '/etc/passwd' %}",
            "{% for i in range(99999999) %}{% endfor %}",
        ] {
            assert_eq!(verdict(bad), Verdict::Malicious, "{bad}");
        }
    }

    #[test]
    fn chat_templates_are_clean() {
        let chat = "{% set ns = namespace(x=0) %}{% for m in messages %}{{ '<|' + m['role'] + '|>' ~ m.content | trim }}\
                    {% if not loop.last %}{{ raise_exception('no') }}{% endif %}{% endfor %}{{ m | tojson(indent=4) }}";
        assert_eq!(verdict(chat), Verdict::Clean);
    }
}
