//! Mozilla's list of public suffixes: the names below which others may register theirs.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

/// Taken over as it is, but for its comments; newer in the crate `psl`, which would compile the same into 1.1 MB of code.
const LIST: &str = include_str!("../../../../data/text/sensitive/suffixes.txt");
/// Labels of the longest rule, and one that a wildcard stands for.
const DEEPEST: usize = 8;

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

/// The public suffix of `host`, in lower case and Unicode, if the list has one; a hash for each of its last labels.
pub(super) fn of(host: &str) -> Option<&str> {
    static RULES: LazyLock<HashMap<&str, Rule, FixedState>> = LazyLock::new(rules);
    let (mut suffix, mut parent, mut above) = (None, None, Rule::default());
    for name in endings(host).take(DEEPEST) {
        let known = RULES.get(name);
        // most of what has a dot is no host, and its end no domain
        if parent.is_none() && known.is_none() {
            return None;
        }
        let rule = known.copied().unwrap_or_default();
        if rule.excepted {
            return parent;
        }
        if rule.itself || above.below {
            suffix = Some(name);
        }
        (parent, above) = (Some(name), rule);
    }
    suffix
}

/// `c`, `b.c`, `a.b.c`.
fn endings(host: &str) -> impl Iterator<Item = &str> {
    host.rmatch_indices('.').filter_map(|(dot, _)| host.get(dot + 1..)).chain([host])
}

fn rules() -> HashMap<&'static str, Rule, FixedState> {
    let mut rules = HashMap::<_, Rule, _>::with_capacity_and_hasher(LIST.len() / 16, FixedState::default());
    for line in LIST.lines().filter(|line| !line.starts_with("//")) {
        // so that every last label is known
        rules.entry(line.rsplit('.').next().unwrap_or(line)).or_default();
        match (line.strip_prefix("*."), line.strip_prefix('!')) {
            (Some(name), _) => rules.entry(name).or_default().below = true,
            (_, Some(name)) => rules.entry(name).or_default().excepted = true,
            _ => rules.entry(line).or_default().itself = true,
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
            assert!(endings(rule).count() < DEEPEST, "{rule} is deeper");
        }
    }
}
