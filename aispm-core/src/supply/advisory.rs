//! Advisories by package, and which of them a version falls under.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::Value;

use super::version::Version;
use super::{osv, package_key};
use crate::asset::{Document, Error, ErrorKind, Result, Severity};

/// What is known to be wrong with packages, indexed by package. Built once and shared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advisories {
    by_package: HashMap<String, Vec<Advisory>>,
    count: usize,
}

/// One flaw in one package.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Advisory {
    id: Arc<str>,
    severity: Severity,
    affected: Affected,
}

/// What a record says of a flaw, for each package that has it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) severity: Severity,
    pub(super) packages: Vec<(String, Affected)>,
}

/// Which versions of a package have a flaw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Affected {
    pub(super) ranges: Vec<Vec<Bound>>,
    /// Versions named one by one.
    pub(super) versions: Vec<String>,
}

/// Where a flaw begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bound {
    /// From this version on; `0` is before all others.
    From(String),
    /// Up to this version, which is mended.
    Before(String),
    /// Up to this version and with it.
    Through(String),
}

/// A flaw that a version has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flaw {
    /// The CVE's id if it has one, or else GitHub's or the database's own.
    pub id: Arc<str>,
    /// How bad it is.
    pub severity: Severity,
    /// The first later version without it.
    pub fixed: Option<String>,
}

/// A line of the built-in table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    package: String,
    severity: Severity,
    /// From this version on; from the first if not given.
    from: Option<String>,
    /// Mended in this one…
    fixed: Option<String>,
    /// …or last seen in this one.
    through: Option<String>,
}

const BUILTIN: &str = include_str!("../../data/supply/advisories.yaml");

impl Advisories {
    /// Well-known flaws of AI packages, compiled in: a start where no advisory database is at hand.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static TABLE: LazyLock<Advisories> =
            // checked by a test; an empty one would only find less
            LazyLock::new(|| Advisories::read("advisories.yaml", BUILTIN).unwrap_or_default());
        &TABLE
    }

    /// Reads advisories: OSV records as JSON, a list of them or JSON Lines, or a YAML list of
    /// `{id, package, severity, from, fixed, through}` with packages as `pypi/NAME`. Linear in the text.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] and [`ErrorKind::Invalid`] with the line, for what is of neither shape.
    pub fn read(path: &str, text: &str) -> Result<Self> {
        let mut all = Self::default();
        let text = text.trim_start_matches('\u{feff}');
        if !text.trim_start().starts_with(['{', '[']) {
            Document::config::<Vec<Row>>(path, text)?.into_iter().for_each(|row| all.insert(row.into()));
            return Ok(all);
        }
        let rows = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        for value in rows {
            match value.map_err(|error| Error::from(error).at(path))? {
                Value::Array(records) => records.iter().try_for_each(|record| all.take(path, record))?,
                record => all.take(path, &record)?,
            }
        }
        Ok(all)
    }

    fn take(&mut self, path: &str, record: &Value) -> Result<()> {
        if self.add(record) || osv::is_record(record) {
            return Ok(());
        }
        let id = record.get("id").and_then(Value::as_str).unwrap_or("without id");
        Err(Error::new(ErrorKind::Invalid, format!("a record {id} is no OSV advisory")).at(path))
    }

    /// Adds an OSV record; whether it names a package of a registry known here and was not withdrawn.
    pub fn add(&mut self, record: &Value) -> bool {
        let record = osv::is_record(record).then(|| osv::read(record)).flatten();
        let known = record.is_some();
        record.into_iter().for_each(|record| self.insert(record));
        known
    }

    fn insert(&mut self, record: Record) {
        let id: Arc<str> = record.id.into();
        self.count += 1;
        for (package, affected) in record.packages {
            let flaw = Advisory { id: Arc::clone(&id), severity: record.severity, affected };
            self.by_package.entry(package).or_default().push(flaw);
        }
    }

    /// Adds all of the others.
    pub fn extend(&mut self, other: Self) {
        self.count += other.count;
        for (package, mut flaws) in other.by_package {
            self.by_package.entry(package).or_default().append(&mut flaws);
        }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The flaws of a version of a package, worst first, each once whoever tells it. `ecosystem` is the purl type:
    /// `pypi`, `npm`, `cargo`, `golang`, …. O(advisories of the package).
    #[must_use]
    pub fn of(&self, ecosystem: &str, name: &str, version: &str) -> Vec<Flaw> {
        let mut found = BTreeMap::<&str, Flaw>::new();
        let at = Version::parse(ecosystem, version);
        for flaw in self.by_package.get(&package_key(ecosystem, name)).into_iter().flatten() {
            let Some(fixed) = flaw.affected.covers(ecosystem, version, at.as_ref()) else { continue };
            let known = found.entry(&flaw.id).or_insert_with(|| Flaw {
                id: Arc::clone(&flaw.id),
                severity: flaw.severity,
                fixed: None,
            });
            known.severity = known.severity.max(flaw.severity);
            known.fixed = known.fixed.take().or(fixed);
        }
        let mut found: Vec<Flaw> = found.into_values().collect();
        found.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
        found
    }
}

impl From<Row> for Record {
    fn from(row: Row) -> Self {
        let from = Bound::From(row.from.unwrap_or_else(|| "0".to_owned()));
        let end = row.fixed.map(Bound::Before).or(row.through.map(Bound::Through));
        let affected = Affected { ranges: vec![std::iter::once(from).chain(end).collect()], versions: Vec::new() };
        let package = match row.package.split_once('/') {
            Some((ecosystem, name)) => package_key(ecosystem, name),
            None => row.package,
        };
        Self { id: row.id, severity: row.severity, packages: vec![(package, affected)] }
    }
}

impl Affected {
    /// Whether a version is affected and, if so, the first later one that is not.
    fn covers(&self, ecosystem: &str, text: &str, at: Option<&Version>) -> Option<Option<String>> {
        let within = at.and_then(|at| self.ranges.iter().find_map(|range| within(range, ecosystem, at)));
        within.or_else(|| self.versions.iter().any(|version| version == text).then_some(None))
    }
}

/// Whether a version lies in a range and, if so, where it ends. Bounds may stand in any order; a range with one that
/// cannot be read says nothing.
fn within(range: &[Bound], ecosystem: &str, at: &Version) -> Option<Option<String>> {
    // before all versions, pre-releases of 0.0.0 among them
    let parse = |text: &str| if text == "0" { Some(None) } else { Version::parse(ecosystem, text).map(Some) };
    let mut bounds = range
        .iter()
        .map(|bound| {
            let (Bound::From(text) | Bound::Before(text) | Bound::Through(text)) = bound;
            Some((bound, parse(text)?))
        })
        .collect::<Option<Vec<_>>>()?;
    let order = |a: &Option<Version>, b: &Option<Version>| match (a, b) {
        (Some(a), Some(b)) => a.order(b).unwrap_or(Ordering::Equal),
        (a, b) => a.is_some().cmp(&b.is_some()),
    };
    bounds.sort_by(|(_, a), (_, b)| order(a, b));
    let mut inside = false;
    for (bound, place) in &bounds {
        let passed = place.as_ref().map_or(Ordering::Greater, |place| at.order(place).unwrap_or(Ordering::Less));
        match bound {
            Bound::From(_) if passed.is_ge() => inside = true,
            Bound::Before(_) if passed.is_ge() => inside = false,
            Bound::Through(_) if passed.is_gt() => inside = false,
            Bound::Before(fixed) if inside => return Some(Some(fixed.clone())),
            _ => {}
        }
    }
    inside.then_some(None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(ranges: &Value, versions: &Value) -> Value {
        json!({"schema_version": "1.6.0", "id": "PYSEC-1", "modified": "2026-01-01T00:00:00Z",
            "aliases": ["GHSA-a", "CVE-2026-1"],
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected": [{"package": {"ecosystem": "PyPI", "name": "Fast_LLM"}, "ranges": ranges, "versions": versions}]})
    }

    fn fixed(advisories: &Advisories, version: &str) -> Option<Option<String>> {
        advisories.of("pypi", "fast-llm", version).into_iter().next().map(|flaw| flaw.fixed)
    }

    #[test]
    fn versions_fall_into_ranges() {
        let ranges = json!([
            {"type": "GIT", "events": [{"introduced": "0"}]},
            {"type": "ECOSYSTEM", "events": [{"fixed": "1.4.2"}, {"introduced": "0"}, {"introduced": "2.0"}, {"fixed": "2.1rc1"}]},
            {"type": "ECOSYSTEM", "events": [{"introduced": "3.0"}, {"last_affected": "3.2"}]},
        ]);
        let advisories = Advisories::read("a.json", &record(&ranges, &json!(["9.9"])).to_string()).unwrap();
        let flaw = &advisories.of("pypi", "fast.llm", "1.0")[0];
        assert_eq!(
            (&*flaw.id, flaw.severity, flaw.fixed.as_deref()),
            ("CVE-2026-1", Severity::Critical, Some("1.4.2"))
        );
        for (version, expected) in [
            ("0.0.dev1", Some(Some("1.4.2"))),
            ("1.4.2", None),
            ("1.10", None),
            ("2.0", Some(Some("2.1rc1"))),
            ("2.1rc1", None),
            ("3.2.0", Some(None)),
            ("3.2.1", None),
            ("9.9", Some(None)),
            (">=1.0", None),
        ] {
            assert_eq!(fixed(&advisories, version), expected.map(|text| text.map(str::to_owned)), "{version}");
        }
    }

    #[test]
    fn a_flaw_is_told_once_with_its_worst_word() {
        let one = record(&json!([{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]), &json!([]));
        let mut other = one.clone();
        other["id"] = "CVE-2026-1".into();
        other["severity"] = json!([]);
        other["database_specific"] = json!({"severity": "LOW"});
        let mut withdrawn = one.clone();
        withdrawn["withdrawn"] = "2026-02-01T00:00:00Z".into();
        let lines = format!("{other}\n{one}\n{withdrawn}\n");
        let advisories = Advisories::read("a.jsonl", &lines).unwrap();
        let flaws = advisories.of("pypi", "fast-llm", "1.0");
        assert_eq!((advisories.len(), flaws.len(), flaws[0].severity), (2, 1, Severity::Critical));
        assert!(advisories.of("npm", "fast-llm", "1.0.0").is_empty());
    }

    #[test]
    fn what_is_no_advisory_is_an_error() {
        let error = |text: &str| Advisories::read("f", text).unwrap_err().to_string();
        assert!(error("{\"id\": 1}").contains("is no OSV advisory"), "{}", error("{\"id\": 1}"));
        assert!(error("[{").starts_with("f:1"), "{}", error("[{"));
        assert!(error("- {id: x, pakage: y}").contains("pakage"));
        assert_eq!(Advisories::read("f", "[]").unwrap().len(), 0);
    }

    #[test]
    fn the_built_in_table_holds() {
        let rows = Document::config::<Vec<Row>>("advisories.yaml", BUILTIN).unwrap();
        let mut seen = std::collections::HashSet::new();
        for row in &rows {
            let ecosystem = row.package.split_once('/').unwrap().0;
            for version in [&row.from, &row.fixed, &row.through].into_iter().flatten() {
                assert!(Version::parse(ecosystem, version).is_some(), "{} {version}", row.id);
            }
            assert!(row.fixed.is_none() || row.through.is_none(), "{}", row.id);
            assert!(seen.insert((&row.id, &row.package, &row.from)), "{} twice", row.id);
        }
        assert_eq!(Advisories::builtin().len(), rows.len());
    }
}
