//! `aispm collect`.

use std::io::{self, Write};

use clap::builder::PossibleValuesParser;

use super::{Exit, print_json, written};
use crate::asset::Result;
use crate::discover::collect::{Command, Plan, plan, platforms};
use crate::report::count;

/// Print the commands that export what discover reads, and the rights they need; runs nothing
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to export from
    #[arg(value_parser = PossibleValuesParser::new(platforms()))]
    platform: String,
    /// Output format; sh is one script
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Sh,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let plan = plan(&self.platform)?;
        let mut out = super::output(None)?;
        match self.format {
            Format::Json => print_json(&mut *out, &plan)?,
            Format::Text => text(&mut *out, &plan).map_err(written)?,
            Format::Sh => script(&mut *out, &plan).map_err(written)?,
        }
        Ok(Exit::Clean)
    }
}

/// To read and to copy from: what every run needs, then the essential commands, then the others.
fn text(out: &mut dyn Write, plan: &Plan) -> io::Result<()> {
    writeln!(out, "{}\n\n{}\n", plan.title, plan.about)?;
    writeln!(out, "# The rights that all of it needs\n\n{}", plan.least_privilege)?;
    writeln!(out, "# Paste this first, in bash\n\n{}", plan.setup)?;
    for (heading, essential) in [("Essential", true), ("More", false)] {
        for command in plan.commands.iter().filter(|command| command.essential == essential) {
            writeln!(out, "# {heading}: {}\n# {}", command.title, command.gives)?;
            if let Some(rules) = rules(command) {
                writeln!(out, "# without it unknown or seen in part: {rules}")?;
            }
            writeln!(out, "{}", command.command)?;
        }
    }
    writeln!(out, "# Then\naispm discover exports/{}", plan.platform)?;
    out.flush()
}

/// One script: a command that fails is reported, and the rest still runs; it exits with 1 if an essential one failed.
fn script(out: &mut dyn Write, plan: &Plan) -> io::Result<()> {
    writeln!(out, "#!/usr/bin/env bash\n# {}: what aispm discover reads.\n#\n# {}\n#", plan.title, plan.about)?;
    writeln!(out, "# The rights that all of it needs:\n#")?;
    for line in plan.least_privilege.lines() {
        writeln!(out, "#   {line}")?;
    }
    writeln!(out, "\nset -euo pipefail\n\n{}", plan.setup)?;
    write!(
        out,
        "# From here on a command that fails is reported, and the rest still runs.\n\
         step=\"\" essential=false failed=0 blind=0\n\
         set +e\n\
         trap 'failed=$((failed + 1)); if \"$essential\"; then blind=1; fi; echo \"failed: $step\" >&2' ERR\n\n"
    )?;
    for command in &plan.commands {
        writeln!(out, "# {}: {}", command.title, command.gives)?;
        if let Some(rules) = rules(command) {
            writeln!(out, "# Without it unknown or seen in part: {rules}")?;
        }
        writeln!(out, "step={} essential={}", command.id, command.essential)?;
        writeln!(out, "echo \"$step\" >&2\n{}", command.command)?;
    }
    write!(
        out,
        "trap - ERR\n\
         echo \"{}, $failed failed; next: aispm discover exports/{}\" >&2\n\
         exit \"$blind\"\n",
        count(plan.commands.len(), "step"),
        plan.platform
    )?;
    out.flush()
}

fn rules(command: &Command) -> Option<String> {
    (!command.rules.is_empty()).then(|| command.rules.join(", "))
}
