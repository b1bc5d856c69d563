//! Bundler: `Gemfile` and `Gemfile.lock`.

use super::lock::Lock;
use super::{Reference, depend};
use crate::asset::Error;
use crate::discover::format::{Found, Source, Textual};

pub(in crate::discover) const GEMFILE: Textual = Textual {
    name: "gemfile",
    critical: false,
    matches: |source| source.name().ends_with("Gemfile") || source.name() == "gems.rb",
    read: |source, found| {
        for (i, line) in source.text.lines().enumerate() {
            let Some(rest) = line.trim_start().strip_prefix("gem ") else { continue };
            let mut strings = rest.split(['"', '\'']).skip(1).step_by(2);
            if let Some(name) = strings.next() {
                let version =
                    strings.next().filter(|text| text.contains(|c: char| c.is_ascii_digit()) && !text.contains('/'));
                depend(source.path, &Reference::ranged("gem", name, version), &source.line(i as u64 + 1), found);
            }
        }
        Ok(())
    },
};

pub(in crate::discover) const GEMFILE_LOCK: Textual = Textual {
    name: "gemfile-lock",
    critical: false,
    matches: |source| source.name().ends_with("Gemfile.lock") || source.name() == "gems.locked",
    read: lock,
};

/// Lines `    name (version)`; what a gem depends on stands deeper.
fn lock(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let mut lock = Lock::new(source.path);
    for (i, line) in source.text.lines().enumerate() {
        let Some(entry) = line.strip_prefix("    ").filter(|entry| !entry.starts_with(' ')) else { continue };
        if let Some((name, version)) = entry.split_once(" (") {
            let reference = Reference::exact("gem", name, version.trim_end_matches(')'));
            lock.take(&reference, None, || source.line(i as u64 + 1), found);
        }
    }
    lock.close(&source.line(1), found);
    Ok(())
}
