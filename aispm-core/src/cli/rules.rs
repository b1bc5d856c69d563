//! `aispm rules`.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::{Exit, line, print_json, written};
use crate::assess::data::DataPack;
use crate::asset::{Error, ErrorKind, Result};
use crate::policy::{MutationReport, PolicySet, RuleInfo, TestReport, controls};
use crate::report::plain;

/// List posture rules, show one, or run the tests they carry
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Only this rule, in full
    id: Option<String>,
    /// Also the rules of this file; can be given more than once
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    #[command(flatten)]
    data: super::data::Data,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the parameters that rules ask for, with their types and values
    Params {
        /// Also the rules of this file; can be given more than once
        #[arg(long, value_name = "FILE")]
        policy: Vec<PathBuf>,
    },
    /// Run the tests that the built-in rules, or those of these files, carry
    Test {
        /// Rule files, instead of the built-in rules
        packs: Vec<PathBuf>,
        /// Also the rules of this file, beside the built-in ones; can be given more than once
        #[arg(long, value_name = "FILE")]
        policy: Vec<PathBuf>,
        /// Also spoil each condition and each `because` in every way (an operand left out, a comparison turned, a constant
        /// changed) and list the spoilt ones that no test notices
        #[arg(long)]
        mutations: bool,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Rules {
    rules: Vec<RuleInfo>,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let mut out = super::output(None)?;
        if let Some(Action::Params { policy }) = &self.action {
            params(&mut *out, &read(policy, true, None)?).map_err(written)?;
            return Ok(Exit::Clean);
        }
        if let Some(Action::Test { packs, policy, mutations }) = &self.action {
            let set = read(&[packs.as_slice(), policy.as_slice()].concat(), packs.is_empty(), None)?;
            let report = set.test();
            test_report(&mut *out, &report).map_err(written)?;
            let spoilt = if *mutations { set.mutate() } else { MutationReport::default() };
            if *mutations {
                mutation_report(&mut *out, &spoilt).map_err(written)?;
            }
            let clean = report.failures.is_empty() && spoilt.survivors.is_empty();
            return Ok(if clean { Exit::Clean } else { Exit::Findings });
        }
        let mut rules = read(&self.policy, true, self.data.load()?)?.rules();
        if let Some(id) = &self.id {
            rules.retain(|rule| rule.id.eq_ignore_ascii_case(id));
            if rules.is_empty() {
                let message = format!("there is no rule {id:?}; `aispm rules` lists them");
                return Err(Error::new(ErrorKind::Usage, message));
            }
        }
        match (self.format, self.id.is_some(), rules.as_slice()) {
            (Format::Json, ..) => print_json(&mut *out, &Rules { rules })?,
            (Format::Text, true, [rule]) => one(&mut *out, rule)?,
            (Format::Text, _, rules) => list(&mut *out, rules).map_err(written)?,
        }
        Ok(Exit::Clean)
    }
}

fn read(packs: &[PathBuf], builtin: bool, data: Option<DataPack>) -> Result<PolicySet> {
    let builder = PolicySet::builder().builtin(builtin);
    let mut builder = data.iter().try_fold(builder, |builder, pack| pack.policies(builder))?;
    for path in packs {
        builder = match path.as_os_str() == "-" {
            true => builder.pack("-", super::input(path)?),
            false => builder.file(path)?,
        };
    }
    builder.build()
}

/// A line a rule.
fn list(out: &mut dyn Write, rules: &[RuleInfo]) -> std::io::Result<()> {
    for rule in rules {
        line(out, format_args!("{:<10} {:<9} {}", rule.id, rule.severity, rule.title))?;
    }
    line(out, format_args!("{} rules; `aispm rules ID` shows one", rules.len()))?;
    out.flush()
}

/// A rule in full, its controls with their names.
fn one(out: &mut dyn Write, rule: &RuleInfo) -> Result<()> {
    let frameworks = controls::frameworks()?;
    let mut text = || -> std::io::Result<()> {
        line(out, format_args!("{}  {}  {}", rule.id, rule.severity, rule.title))?;
        writeln!(out, "\n{}\n", paragraph(&rule.description))?;
        writeln!(out, "Fix: {}\n", paragraph(&rule.fix))?;
        for control in &rule.controls {
            let framework = frameworks.iter().find(|framework| framework.key == control.framework);
            let name = framework.and_then(|framework| framework.controls.get(&control.id));
            let name = name.map_or("", String::as_str);
            let framework = framework.map_or(control.framework.as_str(), |framework| &framework.name);
            line(out, format_args!("{:<16} {name} ({framework})", control.id))?;
        }
        out.flush()
    };
    text().map_err(written)
}

/// Text of a pack that may run over several lines, harmless.
fn paragraph(text: &str) -> String {
    text.trim_end().lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// A line a parameter.
fn params(out: &mut dyn Write, set: &PolicySet) -> std::io::Result<()> {
    for (name, param) in set.params() {
        let value = if param.value.is_null() { "not set".to_owned() } else { param.value.to_string() };
        line(out, format_args!("{name:<22} {:<7} {value:<12} {}", param.kind, param.description))?;
    }
    line(out, format_args!("Set them under `params` in aispm.yaml."))?;
    out.flush()
}

/// A line a pack, with what is wrong in it below.
fn test_report(out: &mut dyn Write, report: &TestReport) -> std::io::Result<()> {
    let width = report.packs.iter().map(|pack| pack.path.chars().count()).max().unwrap_or(0);
    for pack in &report.packs {
        let came_out = if pack.failed == 0 { "passed".to_owned() } else { format!("{} failed", pack.failed) };
        line(
            out,
            format_args!("{:<width$} {:>4} rules {:>5} tests  {came_out}", pack.path, pack.rules.len(), pack.tests),
        )?;
        for failure in report.failures.iter().filter(|failure| pack.rules.contains(&failure.rule)) {
            line(out, format_args!("  FAILED  {}  {}: {}", failure.rule, failure.test, failure.message))?;
        }
        for rule in report.thin.iter().filter(|rule| pack.rules.contains(rule)) {
            line(out, format_args!("  thin    {rule}: fewer than two `fire` or two `pass` tests"))?;
        }
    }
    let passed = report.tests.saturating_sub(report.failures.len());
    line(
        out,
        format_args!(
            "{} rules, {} tests, {passed} passed, {} failed",
            report.rules,
            report.tests,
            report.failures.len()
        ),
    )?;
    out.flush()
}

fn mutation_report(out: &mut dyn Write, report: &MutationReport) -> std::io::Result<()> {
    for survivor in &report.survivors {
        line(out, format_args!("SURVIVED  {}  {}", survivor.rule, survivor.mutation))?;
    }
    line(out, format_args!("{} mutations, {} survived", report.mutants, report.survivors.len()))?;
    out.flush()
}
