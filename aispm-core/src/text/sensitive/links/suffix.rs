//! Mozilla's list of public suffixes: the names below which others may register theirs.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

/// Taken over as it is, but for its comments; newer in the crate `psl`, which would compile the same into 0.7 MB of code.
const LIST: &str = include_str!("../../../../data/text/sensitive/suffixes.txt");

/// What the list says of a name.
#[derive(Clone, Copy, Default)]
struct Rule {
    /// It is a suffix.
    itself: bool,
    /// What is one label longer is: `*.name`.
    below: bool,
    /// It is none although a wildcard says so: `!name`.
    excepted: bool,
}

/// The public suffix of `host`, in lower case and Unicode, if the list has one; a hash for each label of it, and one more.
pub(super) fn of(host: &str) -> Option<&str> {
    static RULES: LazyLock<HashMap<&str, Rule, FixedState>> = LazyLock::new(rules);
    let (mut suffix, mut parent, mut above) = (None, None, Rule::default());
    for name in endings(host) {
        let rule = RULES.get(name).copied();
        if rule.is_some_and(|rule| rule.excepted) {
            return parent;
        }
        if above.below || rule.is_some_and(|rule| rule.itself) {
            suffix = Some(name);
        }
        let Some(rule) = rule else { break };
        (parent, above) = (Some(name), rule);
    }
    suffix
}

/// `c`, `b.c`, `a.b.c`.
fn endings(host: &str) -> impl Iterator<Item = &str> {
    host.rmatch_indices('.').filter_map(|(dot, _)| host.get(dot + 1..)).chain([host])
}

/// The rules by name, those names included that only stand above others.
fn rules() -> HashMap<&'static str, Rule, FixedState> {
    let mut rules = HashMap::<_, Rule, _>::with_capacity_and_hasher(LIST.len() / 12, FixedState::default());
    for line in LIST.lines().filter(|line| !line.starts_with("//")) {
        let name = line.trim_start_matches("*.").trim_start_matches('!');
        for above in endings(name) {
            rules.entry(above).or_default();
        }
        let rule = rules.entry(name).or_default();
        match line.as_bytes() {
            [b'*', ..] => rule.below = true,
            [b'!', ..] => rule.excepted = true,
            _ => rule.itself = true,
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_wildcards_and_exceptions_mean_what_the_list_says() {
        for (host, suffix) in [
            ("example.com", Some("com")),
            ("com", Some("com")),
            ("a.example.co.uk", Some("co.uk")),
            ("me.github.io", Some("github.io")),
            ("a.b.ck", Some("b.ck")),
            ("www.ck", Some("ck")),
            ("a.city.kobe.jp", Some("kobe.jp")),
            ("a.town.kobe.jp", Some("town.kobe.jp")),
            ("a.b.co.za", Some("co.za")),
            ("a.za", None),
            ("食狮.公司.cn", Some("公司.cn")),
            ("main.notatld", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(of(host), suffix, "{host}");
        }
    }

    /// But for what a wildcard covers and a rule lies below: the crate takes that for no suffix, the list's own algorithm does.
    #[test]
    fn every_rule_is_read_as_the_crate_of_the_list_reads_it() {
        for line in LIST.lines().filter(|line| !line.starts_with("//")) {
            let rule = line.trim_start_matches("*.").trim_start_matches('!');
            for host in [rule.to_owned(), format!("a.{rule}"), format!("b.a.{rule}"), format!("x.{rule}.zip")] {
                let theirs = psl::suffix(host.as_bytes()).filter(psl::Suffix::is_known).map(|s| s.as_bytes());
                let covered =
                    || host.split_once('.').is_some_and(|(_, above)| LIST.contains(&format!("\n*.{above}\n")));
                let ours = of(&host).map(str::as_bytes);
                assert!(
                    ours == theirs || ours == Some(host.as_bytes()) && covered(),
                    "{host}: {ours:?}, not {theirs:?}"
                );
            }
        }
    }
}
