//! What `aispm collect` prints is safe to run: it only reads, needs no more rights than it says, and is valid bash; and
//! the pages of the manual say the same. `AISPM_BLESS=1` writes their generated parts anew.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on must stop"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use aispm_core::asset::Document;
use aispm_core::discover::collect::{Plan, plan, platforms};
use aispm_core::policy::PolicySet;
use serde_json::Value;

fn plans() -> impl Iterator<Item = Plan> {
    platforms().map(|platform| plan(platform).unwrap())
}

/// Everything that is run, with the id of the command it is of.
fn scripts(plan: &Plan) -> Vec<(&str, &str)> {
    let commands = plan.commands.iter().map(|command| (command.id.as_str(), command.command.as_str()));
    std::iter::once(("setup", plan.setup.as_str())).chain(commands).collect()
}

#[test]
fn ids_are_unique_and_rules_exist() {
    let rules: BTreeSet<String> = PolicySet::builtin().unwrap().rules().into_iter().map(|rule| rule.id).collect();
    for plan in plans() {
        let ids: BTreeSet<&str> = plan.commands.iter().map(|command| command.id.as_str()).collect();
        assert_eq!(ids.len(), plan.commands.len(), "{}", plan.platform);
        assert!(plan.commands[0].essential, "{}", plan.platform);
        for command in &plan.commands {
            for rule in &command.rules {
                assert!(rules.contains(rule), "{} {}: there is no rule {rule}", plan.platform, command.id);
            }
        }
    }
    assert!(plan("mainframe").unwrap_err().to_string().contains("huggingface"));
}

/// What the last word of a cloud's command begins with.
const READS: &[&str] =
    &["batch-get", "describe", "get", "list", "lookup", "print", "query", "read", "search", "select"];

/// What may stand first in a command besides the clouds' own programs: the shell's words, and programs that only pass on
/// what others print.
const HARMLESS: &[&str] = &[
    "as_items", "basename", "clean", "date", "done", "echo", "for", "graph", "grep", "hub", "jq", "mkdir", "pages",
    "printf", "read", "return", "tr", "while", "xargs", ":", "(", "[", "]", "{", "}",
];

/// Shell words after which a command begins.
const OPENERS: &[&str] = &["do", "then", "else", "if", "while", "{", "&&", "||"];

/// Whether one call of a program, up to its first flag or value, only reads.
fn reads(call: &str) -> bool {
    let words: Vec<&str> = call.split_whitespace().collect();
    let named = words.iter().skip(1).take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    let named: Vec<&str> = named.copied().collect();
    let last = named.last().copied().unwrap_or_default();
    let has = |flags: &[&str]| words.iter().any(|word| flags.contains(word));
    match words[0] {
        "aws" => {
            named.len() == 2 && READS.iter().any(|verb| last.starts_with(verb))
                || call.starts_with("aws configure get ")
        }
        "gcloud" => READS.iter().any(|verb| last.starts_with(verb)) || call.starts_with("gcloud config get-value "),
        "az" if named == ["rest"] => call.starts_with("az rest --method get "),
        "az" => READS.contains(&last),
        "kubectl" => {
            named.first().is_some_and(|verb| ["get", "api-resources"].contains(verb))
                || call.starts_with("kubectl config current-context")
        }
        "gh" => match named.as_slice() {
            ["api"] => !has(&["-X", "--method", "-f", "-F", "--field", "--raw-field", "--input"]),
            words => ["list", "clone"].contains(words.get(1).unwrap_or(&"")) && words[0] == "repo",
        },
        "hf" => named.first() == Some(&"download"),
        "curl" => !words.iter().any(|word| {
            ["-X", "-d", "-F", "-T", "-o", "-O"].contains(word)
                || ["--data", "--request", "--form", "--upload", "--output"].iter().any(|flag| word.starts_with(flag))
        }),
        _ => false,
    }
}

/// The calls of programs in a script: what stands at the start of a command, or after `xargs` and its flags. What is
/// in quotes counts as one word, since filters have a language of their own.
fn calls(script: &str) -> Vec<String> {
    let mut bare = String::new();
    let mut quoted = false;
    for line in script.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let line = line.split(" # ").next().unwrap();
        for c in line.chars() {
            match c {
                '\'' => {
                    quoted = !quoted;
                    bare.push('Q');
                }
                _ if quoted => {}
                c => bare.push(c),
            }
        }
        bare.push(if quoted { ' ' } else { '\n' });
    }
    let mut calls = Vec::new();
    for part in bare.split(['\n', '|', ';']).flat_map(|part| part.split("$(")) {
        let part = part.split_whitespace().filter(|word| *word != "!");
        let mut words: Vec<&str> = part.skip_while(|word| OPENERS.contains(word) || word.contains('=')).collect();
        if words.first() == Some(&"xargs") {
            words = words.into_iter().skip(1).skip_while(|word| word.starts_with('-')).collect();
        }
        if words.first().is_some_and(|word| !HARMLESS.contains(word) && !word.ends_with("()")) {
            calls.push(words.join(" "));
        }
    }
    calls
}

#[test]
fn every_command_only_reads() {
    for call in [
        "aws s3 rm x",
        "aws sagemaker delete-model",
        "gcloud run deploy x",
        "az group delete",
        "kubectl apply -f -",
        "gh api -X DELETE /x",
        "az rest --method post --url x",
        "curl -X POST x",
        "hf upload x",
        "rm -r x",
    ] {
        assert!(!reads(call), "{call}");
    }
    for plan in plans() {
        let mut seen = 0;
        for (id, script) in scripts(&plan) {
            for call in calls(script) {
                assert!(reads(&call), "{} {id}: {call}", plan.platform);
                seen += 1;
            }
        }
        assert!(seen > 2, "{}", plan.platform);
    }
}

#[test]
fn output_stays_in_the_exports_folder() {
    for plan in plans() {
        let folder = format!("exports/{}/", plan.platform);
        for (id, script) in scripts(&plan) {
            let mut writes = 0;
            for (at, _) in script.match_indices('>') {
                // comparisons in filters have no target that is a path
                let target = script[at + 1..].trim_start_matches([' ', '"']);
                let path: String = target.chars().take_while(|c| !c.is_whitespace()).collect();
                if path.starts_with("exports") {
                    assert!(path.starts_with(&folder), "{} {id}: {path}", plan.platform);
                    writes += 1;
                } else {
                    assert!(
                        ["&2", "(grep", ">(grep", "/dev/null"].iter().any(|end| path.starts_with(end))
                            || path.starts_with('='),
                        "{} {id}: {path}",
                        plan.platform
                    );
                }
            }
            let elsewhere =
                ["--local-dir", "repo clone"].iter().any(|flag| script.contains(flag)) && script.contains(&folder);
            assert!(id == "setup" || writes > 0 || elsewhere, "{} {id} writes nothing", plan.platform);
        }
    }
}

/// What a policy text grants, in the words of `needs`.
fn granted(plan: &Plan) -> Vec<String> {
    let (documents, error) = Document::yaml("policy", &plan.least_privilege);
    assert!(error.is_none(), "{}: {error:?}", plan.platform);
    let mut granted = Vec::new();
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    for policy in documents.iter().map(|document| &document.value) {
        match plan.platform.as_str() {
            "aws" => {
                for statement in policy["Statement"].as_array().unwrap() {
                    assert_eq!(statement["Effect"], "Allow");
                    granted.extend(strings(&statement["Action"]));
                }
            }
            "gcp" => granted.extend(strings(&policy["includedPermissions"])),
            "azure" => {
                granted.extend(strings(&policy["Actions"]));
                assert_eq!(policy["DataActions"], serde_json::json!([]));
            }
            "kubernetes" => {
                for rule in policy["rules"].as_array().unwrap() {
                    assert_eq!(rule["verbs"], serde_json::json!(["list"]));
                    for (group, resource) in strings(&rule["apiGroups"]).iter().flat_map(|group| {
                        strings(&rule["resources"]).into_iter().map(move |resource| (group.clone(), resource))
                    }) {
                        granted.push(if group.is_empty() { resource } else { format!("{resource}.{group}") });
                    }
                }
            }
            "github" => {
                for (on, permissions) in policy.as_object().unwrap() {
                    for (permission, level) in permissions.as_object().unwrap() {
                        assert_eq!(level, "read");
                        granted.push(format!("{on}.{permission}"));
                    }
                }
            }
            _ => {
                for (permission, level) in policy["permissions"].as_object().unwrap() {
                    assert_eq!(level, "read");
                    granted.push(permission.clone());
                }
            }
        }
    }
    granted
}

/// Whether a right is one that reads descriptions, and not contents.
fn harmless(platform: &str, right: &str) -> bool {
    match platform {
        "aws" => {
            let action = right.split_once(':').unwrap().1;
            let reads = ["Get", "List", "Describe", "BatchGet", "Lookup", "Select"];
            let contents = [
                "secretsmanager:Get",
                "ssm:Get",
                "s3:GetObject",
                "s3:Get*",
                "lambda:GetFunction",
                "dynamodb:Get",
                "logs:Get",
                "kms:Get*",
            ];
            (action == "GET" || reads.iter().any(|verb| action.starts_with(verb)))
                && !contents.iter().any(|content| right.starts_with(content))
        }
        "gcp" => ["get", "list", "search", "use"].iter().any(|verb| {
            right.rsplit('.').next().unwrap().starts_with(verb)
                && (*verb != "use" || right == "serviceusage.services.use")
        }),
        "azure" => right.ends_with("/read"),
        // held to `list` and `read` where they are taken from the policy
        _ => true,
    }
}

#[test]
fn the_policy_grants_what_is_needed_and_no_more() {
    for plan in plans() {
        let granted = granted(&plan);
        let covers = |right: &str, need: &str| match right.split_once('*') {
            Some((before, after)) => need.starts_with(before) && need.ends_with(after),
            None => right == need,
        };
        for command in &plan.commands {
            for need in &command.needs {
                assert!(granted.iter().any(|right| covers(right, need)), "{} {}: {need}", plan.platform, command.id);
            }
        }
        for right in &granted {
            assert!(harmless(&plan.platform, right), "{}: {right}", plan.platform);
            let needed = plan.commands.iter().flat_map(|command| &command.needs).any(|need| covers(right, need));
            assert!(needed, "{}: nothing needs {right}", plan.platform);
        }
    }
}

fn printed(platform: &str, format: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_aispm")).args(["collect", platform, "--format", format]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn scripts_are_valid_bash() {
    if Command::new("bash").arg("--version").stdout(Stdio::null()).status().is_err() {
        return;
    }
    for platform in platforms() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), printed(platform, "sh")).unwrap();
        let check = Command::new("bash").arg("-n").arg(file.path()).output().unwrap();
        assert!(check.status.success(), "{platform}: {}", String::from_utf8_lossy(&check.stderr));
    }
}

/// What fails is told, the rest still runs, and the exit code says whether something essential is missing.
#[cfg(unix)]
#[test]
fn a_failed_command_does_not_stop_the_script() {
    if Command::new("bash").arg("--version").stdout(Stdio::null()).status().is_err() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = printed("huggingface", "sh");
    // programs that need a network fail; the shell's own tools are there
    let script = format!("curl() {{ return 22; }}\nhf() {{ return 1; }}\nexport -f curl hf\n{script}");
    let run = Command::new("bash")
        .args(["-c", &script])
        .envs([("OWNER", "acme"), ("HF_TOKEN", "none")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("failed: repositories") && said.contains("\norganisation\n"), "{said}");
    assert!(folder.path().join("exports/huggingface/models.json").exists());
}

#[test]
fn how_it_looks() {
    insta::with_settings!({ snapshot_path => "collect", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("text", printed("huggingface", "text"));
        insta::assert_snapshot!("sh", printed("huggingface", "sh"));
    });
    let json: Value = serde_json::from_str(&printed("aws", "json")).unwrap();
    assert_eq!((&json["schema"], &json["platform"]), (&"aispm/1".into(), &"aws".into()));
}

/// The part of a page that is made from the data: setup, rights, and each command.
fn manual(plan: &Plan) -> String {
    let mut page = format!("{}\n\n## Rights\n\n```\n{}```\n\n", plan.about, plan.least_privilege);
    write!(page, "## Before the first command\n\n```sh\n{}```\n\n## Commands\n", plan.setup).unwrap();
    for command in &plan.commands {
        let more = if command.essential { "" } else { " (optional)" };
        write!(page, "\n### {}{more}\n\n", command.title).unwrap();
        write!(page, "Gives {}.", command.gives.trim_end_matches('.')).unwrap();
        if !command.rules.is_empty() {
            write!(page, " Without it unknown, or seen in part: {}.", command.rules.join(", ")).unwrap();
        }
        if !command.needs.is_empty() {
            write!(page, " Needs {}.", code(&command.needs)).unwrap();
        }
        if !command.formats.is_empty() {
            write!(page, " Read as {}.", code(&command.formats)).unwrap();
        }
        write!(page, "\n\n```sh\n{}```\n", command.command).unwrap();
    }
    page
}

fn code(words: &[String]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_manual_is_current() {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs");
    let index = fs::read_to_string(docs.join("README.md")).unwrap();
    for plan in plans() {
        let name = format!("collect-{}.md", plan.platform);
        let page = fs::read_to_string(docs.join(&name)).unwrap();
        let (begin, end) = (format!("<!-- from data/collect/{}.yaml -->\n", plan.platform), "<!-- end -->\n");
        let (before, rest) = page.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(end).unwrap();
        let current = format!("{before}{begin}{}{end}{after}", manual(&plan));
        if std::env::var_os("AISPM_BLESS").is_some() {
            fs::write(docs.join(&name), &current).unwrap();
        } else {
            assert!(page == current, "docs/{name} is stale; run the tests with AISPM_BLESS=1");
        }
        assert!(page.contains(&format!("aispm discover exports/{}", plan.platform)), "{name}");
        assert!(index.contains(&name), "{name} is not in docs/README.md");
    }
}
