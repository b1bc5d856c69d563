//! `requirements.txt` and its kin: one requirement a line.

use super::{Reference, depend};
use crate::asset::Error;
use crate::discover::format::{Found, Source, Textual};

pub(in crate::discover) const REQUIREMENTS: Textual = Textual {
    name: "python-requirements",
    critical: false,
    matches: |source| {
        let name = source.name().to_ascii_lowercase();
        let listed = ["requirements", "constraints", "reqs"].iter().any(|word| name.contains(word));
        listed && (name.ends_with(".txt") || name.ends_with(".in") || name.ends_with(".pip"))
    },
    read,
};

fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    for (i, line) in source.text.lines().enumerate() {
        // a `#` starts a comment at the line's start or after a space; in a URL it does not
        let line = line.strip_prefix('#').map_or(line, |_| "");
        let line = line.split(" #").next().unwrap_or_default().split(" --hash").next().unwrap_or_default();
        let line = line.trim().trim_end_matches('\\').trim();
        let line = line.strip_prefix("-e ").map_or(line, str::trim);
        let requirement = Some(line).filter(|line| !line.starts_with('-'));
        if let Some(reference) = requirement.and_then(Reference::pypi) {
            depend(source.path, &reference, &source.line(i as u64 + 1), found);
        }
    }
    Ok(())
}

/// `setup.py` and `setup.cfg`, as far as their requirements are written out.
pub(in crate::discover) const SETUP: Textual = Textual {
    name: "python-setup",
    critical: false,
    matches: |source| {
        let named = source.name().ends_with("setup.cfg") || source.name().ends_with("setup.py");
        named && source.text.contains("install_requires")
    },
    read: setup,
};

/// The strings between `install_requires=[` and `]`, or the indented lines below `install_requires =`.
fn setup(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let code = source.name().ends_with(".py");
    let mut inside = false;
    for (i, line) in source.text.lines().enumerate() {
        let mut rest = line;
        if let Some((_, after)) = ["install_requires", "extras_require"].iter().find_map(|key| line.split_once(key)) {
            inside = true;
            rest = after.trim_start().trim_start_matches('=');
        } else if inside && !code && !line.starts_with([' ', '\t']) {
            inside = false;
        }
        if !inside {
            continue;
        }
        let evidence = source.line(i as u64 + 1);
        if code {
            let strings = rest.split(['"', '\'']).skip(1).step_by(2);
            for reference in strings.filter_map(Reference::pypi) {
                depend(source.path, &reference, &evidence, found);
            }
            inside = !rest.contains(']');
        } else if let Some(reference) = Reference::pypi(rest.split('#').next().unwrap_or_default()) {
            depend(source.path, &reference, &evidence, found);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_comments_options_and_hashes() {
        let text = "# openai\n-r base.txt\nopenai==1.2.3 \\\n  --hash=sha256:00\nrequests>=2 # http\ngit+https://h/acme#egg=crewai\n";
        let mut found = Found::default();
        read(&Source { path: "p/requirements.txt", text }, &mut found).unwrap();
        let seen: Vec<_> = found.inventory.assets().map(|a| (a.id.to_string(), a.ai, a.evidence[0].line)).collect();
        assert_eq!(
            seen,
            [
                ("file:p".to_owned(), true, Some(3)),
                ("pkg:pypi/crewai".to_owned(), true, Some(6)),
                ("pkg:pypi/openai@1.2.3".to_owned(), true, Some(3)),
                ("pkg:pypi/requests".to_owned(), false, Some(5)),
            ]
        );
    }
}
