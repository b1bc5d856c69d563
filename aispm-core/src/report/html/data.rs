//! The findings as a JSON block for the script: each text once, rows of numbers into them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::io;

use serde::{Serialize, Serializer};

use super::{Listed, Out, listed};
use crate::asset::{AssetId, AssetKind, Control, Finding};
use crate::policy::controls;
use crate::report::{Report, escape};

/// Findings in a page at most, worst first; JSON has all.
const FINDINGS: usize = 20_000;
/// Places of one finding at most.
const PLACES: usize = 20;

/// What the script reads. Numbers stand for entries of the lists, -1 for none.
#[derive(Default, Serialize)]
struct Data<'a> {
    /// How many findings there are, also those left out.
    all: usize,
    /// Names by framework key.
    frameworks: BTreeMap<String, String>,
    /// Id and name.
    systems: Vec<[Text<'a>; 2]>,
    /// `framework id`.
    controls: Numbered<Control, String>,
    /// By id and title.
    rules: Numbered<(&'a str, &'a str), Rule<'a>>,
    assets: Numbered<&'a AssetId, Target<'a>>,
    texts: Numbered<Text<'a>, Text<'a>>,
    findings: Vec<Row<'a>>,
}

/// Id, title, why it matters, controls.
type Rule<'a> = (Text<'a>, Text<'a>, Text<'a>, Vec<usize>);

/// Name, id, kind, systems.
type Target<'a> = (Text<'a>, Text<'a>, &'static str, Vec<usize>);

/// Severity, rule, asset, owner, message, fix, places with excerpts, fingerprint, state, waiver.
type Row<'a> = (&'static str, usize, usize, isize, usize, isize, Vec<(usize, isize)>, Text<'a>, &'static str, isize);

/// Foreign text without what hides or moves other text.
type Text<'a> = Cow<'a, str>;

/// A list whose entries are known by a key.
struct Numbered<K, V> {
    numbers: HashMap<K, usize>,
    all: Vec<V>,
}

pub(super) fn write(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    if listed(report).next().is_none() {
        return out.write_all(b"null");
    }
    let json = serde_json::to_string(&Data::of(report))?;
    // nothing closes the block, and nothing in it is markup; such characters stand in strings only
    let mut rest = json.as_str();
    while let Some(at) = rest.find(['<', '>', '&', '`']) {
        let (before, from) = rest.split_at(at);
        let mut chars = from.chars();
        let code = chars.next().map_or(0, u32::from);
        write!(out, "{before}\\u{code:04x}")?;
        rest = chars.as_str();
    }
    out.write_all(rest.as_bytes())
}

impl<'a> Data<'a> {
    fn of(report: &Report<'a>) -> Self {
        let mut data = Self { all: listed(report).count(), ..Self::default() };
        let frameworks = controls::frameworks().unwrap_or_default();
        data.frameworks = frameworks.into_iter().map(|framework| (framework.key, framework.name)).collect();
        let systems = data.systems(report);
        let controls = controls_by_rule(report);
        for listed in listed(report).take(FINDINGS) {
            let row = data.row(report, &systems, &controls, &listed);
            data.findings.push(row);
        }
        data
    }

    /// Notes the declared systems; gives the numbers of those that each asset is of.
    fn systems(&mut self, report: &Report<'a>) -> HashMap<&'a str, Vec<usize>> {
        let mut of = HashMap::<_, Vec<usize>>::new();
        let systems = report.assessment.inventory.assets().filter(|asset| asset.kind == AssetKind::System);
        for (n, system) in systems.enumerate() {
            self.systems.push([escape::plain(system.id.as_str()), escape::plain(report.name(&system.id))]);
            let members = report.assessment.members(system.id.as_str());
            members.into_iter().for_each(|id| of.entry(id).or_default().push(n));
        }
        of
    }

    fn row(
        &mut self,
        report: &Report<'a>,
        systems: &HashMap<&'a str, Vec<usize>>,
        controls: &HashMap<&'a str, BTreeSet<Control>>,
        listed: &Listed<'a>,
    ) -> Row<'a> {
        let finding = listed.finding;
        let Finding { rule, title, asset, owner, message, fix, severity, fingerprint, .. } = finding;
        let rule = self.rules.number((rule, title), || {
            let named =
                |control: &Control| escape::plain(&format!("{} {}", control.framework, control.id)).into_owned();
            let controls = controls.get(rule.as_str()).into_iter().flatten();
            let controls = controls.map(|control| self.controls.number(control.clone(), || named(control))).collect();
            (escape::plain(rule), escape::plain(title), escape::plain(report.why(rule)), controls)
        });
        let asset = self.assets.number(asset, || {
            let systems = systems.get(asset.as_str()).cloned().unwrap_or_default();
            (escape::plain(report.name(asset)), escape::plain(asset.as_str()), report.kind(asset).as_str(), systems)
        });
        let mut text = |text: &str| -> usize {
            let text = Text::Owned(escape::plain(text).into_owned());
            self.texts.number(text.clone(), || text)
        };
        let places = report.evidence(finding).iter().take(PLACES);
        let places = places.map(|it| (text(&it.location()), or_none(it.excerpt.as_deref().map(&mut text)))).collect();
        let owner = or_none(owner.as_deref().map(&mut text));
        let fix = or_none(Some(fix.as_str()).filter(|fix| !fix.is_empty()).map(&mut text));
        let waiver = listed.waiver.map(|it| format!("{} until {}: {}", it.owner, it.expires, it.reason));
        let (message, waiver) = (text(message), or_none(waiver.as_deref().map(&mut text)));
        let fingerprint = escape::plain(fingerprint);
        (severity.as_str(), rule, asset, owner, message, fix, places, fingerprint, listed.state, waiver)
    }
}

/// The controls that the findings of each rule bear on: those that it cites, and those that they reach by the crosswalk or
/// by a plain question.
fn controls_by_rule<'a>(report: &Report<'a>) -> HashMap<&'a str, BTreeSet<Control>> {
    let mut by_rule = HashMap::<&str, BTreeSet<Control>>::new();
    let mut rules = HashMap::new();
    for listed in listed(report) {
        let finding = listed.finding;
        rules.insert(finding.fingerprint.as_str(), finding.rule.as_str());
        by_rule.entry(&finding.rule).or_default().extend(finding.controls.iter().cloned());
    }
    for coverage in &report.assessment.coverage {
        for control in &coverage.controls {
            for rule in control.findings.iter().filter_map(|fingerprint| rules.get(fingerprint.as_str())) {
                by_rule.entry(*rule).or_default().insert(Control::new(&coverage.framework, &control.id));
            }
        }
    }
    by_rule
}

fn or_none(number: Option<usize>) -> isize {
    number.and_then(|n| isize::try_from(n).ok()).unwrap_or(-1)
}

impl<K: Hash + Eq, V> Numbered<K, V> {
    fn number(&mut self, key: K, entry: impl FnOnce() -> V) -> usize {
        let next = self.all.len();
        *self.numbers.entry(key).or_insert_with(|| {
            self.all.push(entry());
            next
        })
    }
}

impl<K, V> Default for Numbered<K, V> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), all: Vec::new() }
    }
}

impl<K, V: Serialize> Serialize for Numbered<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(serializer)
    }
}
