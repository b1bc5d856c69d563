//! What a small assessment looks like in each format, and that foreign text stays text in all of them.
//! `INSTA_UPDATE=always` writes the snapshots anew.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop"
)]

use std::collections::BTreeSet;

use aispm_core::assess::{Assessment, Gate};
use aispm_core::asset::Severity;
use aispm_core::policy::RuleInfo;
use aispm_core::report::{Format, Report};
use serde_json::{Value, json};

/// What a hostile file may put into a name.
const HOSTILE: &str = "<script>alert(1)</script>\"'`\n--> ]]> [x](http://evil.example)\u{1b}[2J{{body}}\u{202e}#quot;";

/// When reports of these tests are made.
const TIME: &str = "2026-01-31T12:00:00Z";

/// The fields that hold text from the input.
const TEXTS: &[&str] = &[
    "action",
    "asset",
    "description",
    "excerpt",
    "fix",
    "framework",
    "from",
    "id",
    "message",
    "name",
    "owner",
    "path",
    "pointer",
    "reason",
    "rule",
    "source",
    "target",
    "technique",
    "text",
    "title",
    "to",
    "without",
];

fn sample() -> Assessment {
    serde_json::from_str(include_str!("report/sample.json")).unwrap()
}

/// The sample with all its texts spoilt.
fn hostile() -> Assessment {
    fn spoil(value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(spoil),
            Value::Object(fields) => {
                for (key, value) in fields {
                    let text = TEXTS.contains(&key.as_str());
                    match value {
                        Value::String(old) if text => old.push_str(HOSTILE),
                        value => spoil(value),
                    }
                }
            }
            _ => {}
        }
    }
    let mut value = serde_json::from_str(include_str!("report/sample.json")).unwrap();
    spoil(&mut value);
    serde_json::from_value(value).unwrap()
}

/// The sample after a baseline: of the findings the first is new, the second known, the third gone, the last waived; the
/// first path is new.
fn compared() -> Assessment {
    let mut value = serde_json::to_value(sample()).unwrap();
    let mut findings = value["findings"].as_array().unwrap().clone();
    let (known, resolved) = (findings.remove(1), findings.remove(1));
    value["baseline"] = json!({"known": [known], "resolved": [resolved], "new_paths": [value["paths"][0]["id"]]});
    let waiver = json!({"rule": "GOV-003", "asset": "*", "owner": "platform@acme.example",
        "reason": "moves to team search", "expires": "2026-03-31", "ticket": "SEC-7"});
    value["waived"] =
        json!([{"finding": findings.pop().unwrap(), "waiver": waiver, "place": {"path": "aispm.yaml", "line": 9}}]);
    value["findings"] = json!(findings);
    value["unknown"] = json!([{"rule": "RUN-009", "needs": "`response` in aispm.yaml"}]);
    serde_json::from_value(value).unwrap()
}

/// A report that has all it can be given.
fn render(assessment: &Assessment, format: Format) -> String {
    let rule = |id: &str| -> RuleInfo {
        let rule = json!({"id": id, "title": format!("Title of {id}"), "severity": "high", "controls": [],
            "description": format!("Why {id} matters."), "fix": format!("What to do about {id}.")});
        serde_json::from_value(rule).unwrap()
    };
    // one that found something, one that did not, one that could not judge
    let rules = [rule("EXP-001"), rule("SUP-012"), rule("RUN-009")];
    Report::new(assessment).rules(&rules).time(TIME).gate(Gate::new(Severity::High)).render(format)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn snapshot(name: &str, text: String) {
    let version = env!("CARGO_PKG_VERSION");
    let text = text.replace(&format!("|{version}|"), "|VERSION|");
    let version = format!("\"{version}\"");
    insta::with_settings!({ snapshot_path => "report", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text.replace(&version, "\"VERSION\""));
    });
}

#[test]
fn text_tells_the_story() {
    snapshot("text", Report::new(&sample()).render(Format::Text));
}

#[test]
fn text_keeps_to_its_width_and_colours_only_when_asked() {
    let assessment = sample();
    let plain = Report::new(&assessment).width(60).render(Format::Text);
    let wide = plain.lines().filter(|line| line.chars().count() > 60);
    // the header, titles and alarms stay on their line, for tools that read line by line
    let breakable = |line: &str| {
        line.trim().contains(' ') && !line.contains(" · ") && !line.contains("INCOMPLETE") && !line.contains("EXP-001")
    };
    assert_eq!(wide.filter(|line| breakable(line)).collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(!plain.contains('\u{1b}'));
    assert!(Report::new(&assessment).color(true).render(Format::Text).contains("\u{1b}[1m"));
}

#[test]
fn mermaid_draws_paths_and_lineage() {
    snapshot("mermaid", Report::new(&sample()).render(Format::Mermaid));
}

#[test]
fn mermaid_tells_the_worst_path_in_words() {
    let chart = Report::new(&sample()).render(Format::Mermaid);
    let told = chart.split("subgraph paths").next().unwrap();
    for words in [
        "Anyone on the internet can read acme-customer-records through chat-api",
        "Step 1: Anyone on the<br/>internet can call chat",
        "<br/>chat.yaml:12",
        "Ends in data leak",
        "Cut step 1:<br/>Close chat to the",
    ] {
        assert!(told.contains(words), "{words} in {told}");
    }
}

#[test]
fn cytoscape_gets_an_edge_for_each_source_of_each_step() {
    let sample = sample();
    let graph: Value = serde_json::from_str(&Report::new(&sample).render(Format::Cytoscape)).unwrap();
    let list = |key: &str| graph["elements"][key].as_array().unwrap().clone();
    let (nodes, edges) = (list("nodes"), list("edges"));
    let ids: Vec<&str> = nodes.iter().map(|node| node["data"]["id"].as_str().unwrap()).collect();
    for edge in &edges {
        for end in ["source", "target"] {
            assert!(ids.contains(&edge["data"][end].as_str().unwrap()), "{edge}");
        }
    }
    let first = &edges[0]["data"];
    assert_eq!(first["title"], "Anyone on the internet can read acme-customer-records through chat-api");
    assert_eq!(
        (&first["consequence"], &first["step"], &first["technique"]),
        (&"data_leak".into(), &1.into(), &"AML.T0049".into())
    );
    assert_eq!(first["evidence"][0], "estate/k8s/chat.yaml:12");
    assert!(edges.len() > sample.paths.iter().map(|path| path.steps.len()).sum::<usize>(), "one step has two sources");
}

#[test]
fn sarif_carries_rules_places_and_flows() {
    snapshot("sarif", Report::new(&sample()).render(Format::Sarif));
}

#[test]
fn each_format_looks_as_it_did() {
    let compared = compared();
    for format in [
        Format::Csv,
        Format::Markdown,
        Format::Junit,
        Format::CodeQuality,
        Format::Ocsf,
        Format::Ecs,
        Format::Cef,
        Format::Stix,
    ] {
        snapshot(format.as_str(), render(&compared, format));
    }
}

#[test]
fn text_and_sarif_tell_new_from_known() {
    let compared = compared();
    snapshot("text-baseline", render(&compared, Format::Text));
    let log: Value = serde_json::from_str(&render(&compared, Format::Sarif)).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let states: Vec<&str> = results.iter().map(|result| result["baselineState"].as_str().unwrap()).collect();
    assert!(results[3]["suppressions"][0]["justification"].as_str().unwrap().contains("until 2026-03-31"));
    assert_eq!(states, ["new", "new", "unchanged", "unchanged", "new", "unchanged", "unchanged"]);
}

#[test]
fn reports_without_a_time_say_so_in_one_way() {
    let assessment = sample();
    for given in ["", "yesterday", "2026-02-30T00:00:00Z"] {
        let report = Report::new(&assessment).time(given);
        assert_eq!(lines(&report.render(Format::Ocsf))[0]["time"], 0);
        assert_eq!(lines(&report.render(Format::Ecs))[0]["@timestamp"], "1970-01-01T00:00:00.000Z");
    }
}

#[test]
fn stix_ids_are_made_from_the_content() {
    let objects = |time: &str| -> Vec<Value> {
        let text = Report::new(&sample()).time(time).render(Format::Stix);
        serde_json::from_str::<Value>(&text).unwrap()["objects"].as_array().unwrap().clone()
    };
    let (then, now) = (objects(TIME), objects("2026-03-01T00:00:00Z"));
    let ids = |objects: &[Value]| -> Vec<Value> { objects.iter().map(|object| object["id"].clone()).collect() };
    assert_eq!(ids(&then), ids(&now));
    let known: BTreeSet<String> = ids(&now).iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    assert_eq!(known.len(), now.len());
    for object in &now {
        let refs = ["source_ref", "target_ref", "created_by_ref"].into_iter().filter_map(|key| object[key].as_str());
        let listed = object["object_refs"].as_array().into_iter().flatten().filter_map(Value::as_str);
        assert!(refs.chain(listed).all(|id| known.contains(id)), "{object}");
        assert!(object["type"] == "software" || object["created"] == "1970-01-01T00:00:00.000Z");
    }
}

#[test]
fn a_markdown_comment_fits_and_says_what_it_leaves_out() {
    let mut value = serde_json::to_value(sample()).unwrap();
    let finding = value["findings"][0].clone();
    let many = (0..2_000).map(|n| {
        let mut finding = finding.clone();
        finding["fingerprint"] = json!(format!("{n:032x}"));
        finding["message"] = json!("名前 ".repeat(400));
        finding
    });
    value["findings"] = many.collect();
    let text = render(&serde_json::from_value(value).unwrap(), Format::Markdown);
    assert!(text.len() < 65_536);
    assert!(text.contains("… and 19") && text.contains("Shortened to fit a comment"), "{}", &text[text.len() - 500..]);
    assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
}

#[test]
fn json_is_the_assessment_and_comes_back() {
    let json = Report::new(&sample()).render(Format::Json);
    assert!(json.starts_with("{\n  \"schema\": \"aispm/1\","));
    assert_eq!(serde_json::from_str::<Assessment>(&json).unwrap(), sample());
}

#[test]
fn html_makes_no_request_and_allows_none() {
    let html = Report::new(&sample()).render(Format::Html);
    assert!(html.contains("default-src &#39;none&#39;") || html.contains("default-src 'none'"));
    for forbidden in ["http://", "https://", "src=", "url(", "@import", "<link", " style=", " onclick="] {
        assert!(!html.contains(forbidden), "{forbidden} in the page");
    }
    assert_eq!(html.matches("<script").count(), 2, "one that runs and one that holds data");
    assert_eq!(html.matches("<article class=\"path\" id=\"p").count(), sample().paths.len());
    assert!(html.contains("href=\"#p1s5\"") && html.contains("id=\"p1s5\""));
    assert!(html.contains("href=\"#p1c2\"") && html.contains("id=\"p1c2\""), "a step leads to its cut");
}

/// What must hold of a hostile report, beside being well-formed.
fn check(format: Format, text: &str) {
    match format {
        Format::Html => {
            assert_eq!((text.matches("<script").count(), text.matches("</script").count()), (2, 2));
            assert_eq!(text.matches("<body>").count(), 1);
            assert!(!text.contains("alert(1)</script>"));
            let block = text.split("id=\"data\">").nth(1).and_then(|rest| rest.split("</script>").next());
            let data: Value = serde_json::from_str(block.unwrap()).unwrap();
            assert!(!data["findings"].as_array().unwrap().is_empty());
            assert!(!text.contains('`'), "no backtick outside our own constants");
        }
        Format::Mermaid => {
            assert!(!text.contains("<script") && !text.contains('`') && !text.contains("#quot;"));
            let quotes = text.lines().filter(|line| line.contains('"')).map(|line| line.matches('"').count());
            assert!(quotes.into_iter().all(|count| count == 2), "labels stay in their quotes");
        }
        Format::Sarif => {
            let log: Value = serde_json::from_str(text).unwrap();
            let message = log["runs"][0]["results"][0]["message"]["text"].as_str().unwrap();
            assert!(message.contains("\\[x\\](") && !message.contains(['\n', '\u{202e}']));
            let help = log["runs"][0]["tool"]["driver"]["rules"][0]["help"]["markdown"].as_str().unwrap();
            assert!(!help.contains("<script") && !help.contains("http://") && !help.contains('['), "{help}");
        }
        Format::Markdown => {
            let outside: String = text.split('`').step_by(2).collect();
            for forbidden in ["<script", "http://", "](", "-->\n -->"] {
                assert!(!outside.contains(forbidden), "{forbidden} in {outside}");
            }
            assert!(text.lines().all(|line| line.matches('`').count() % 2 == 0), "code ends on its line");
        }
        Format::Junit => {
            let opened = text.matches("<testcase ").count();
            let closed = text.matches("</testcase>").count();
            assert!(opened > 0 && closed <= opened && !text.contains("<script") && !text.contains("]]>"));
        }
        Format::Csv => {
            let rows = text.strip_suffix("\r\n").unwrap().split("\r\n");
            assert!(rows.clone().count() > 1);
            for row in rows {
                // a separator lies where as many quotes were opened as closed
                let mut quotes = 0;
                let cells = row.chars().filter(|c| {
                    quotes += usize::from(*c == '"');
                    *c == ',' && quotes % 2 == 0
                });
                assert_eq!(cells.count(), 16, "{row}");
            }
        }
        Format::Ocsf | Format::Ecs => {
            for line in lines(text) {
                let message = line["message"].as_str().unwrap();
                assert!(!message.contains(['\n', '\u{1b}', '\u{202e}']), "{message}");
            }
        }
        Format::Cef => {
            for line in text.lines() {
                assert_eq!(line.replace("\\|", "").matches('|').count(), 7, "{line}");
            }
        }
        Format::Stix | Format::CodeQuality | Format::Cytoscape | Format::CycloneDx => {
            drop(serde_json::from_str::<Value>(text).unwrap());
        }
        _ => assert!(text.lines().all(|line| !line.starts_with("-->")), "a name does not start a line"),
    }
}

#[cfg(feature = "store")]
#[test]
fn html_draws_how_risk_moved() {
    use aispm_core::assess::Trend;

    let point = |time: &str, risk: f64| serde_json::json!({"snapshot": 1, "time": time, "assets": 1, "findings": {}, "risk": risk, "scores": []});
    let points = [point("2026-10-01T08:00:00Z", 80.0), point("2026-11-01T08:00:00Z", 60.5), point("<b>", 40.0)];
    let trend: Trend = serde_json::from_value(serde_json::json!({ "points": points })).unwrap();
    let html = Report::new(&sample()).trend(&trend).render(Format::Html);
    assert!(html.contains("points=\"0,20.0 150,39.5 300,60.0 \""));
    assert!(html.contains("80 on 2026-10-01, 40 on &lt;b&gt;"));
    assert!(!Report::new(&sample()).render(Format::Html).contains("Risk over time"));
}

#[test]
fn foreign_text_stays_text() {
    let assessment = hostile();
    for format in Format::ALL.iter().copied() {
        let text = Report::new(&assessment).color(false).time(TIME).render(format);
        assert!(text.contains("evil.example") || text.contains("evil&#8288;"), "{format:?} shows names");
        assert!(!text.contains('\u{1b}'), "{format:?} passes a terminal escape on");
        // documents for machines keep ids as they are, to join on
        let joined = matches!(
            format,
            Format::Json | Format::Sarif | Format::Cytoscape | Format::CycloneDx | Format::Ocsf | Format::Ecs
        );
        if !joined {
            assert!(!text.contains('\u{202e}'), "{format:?} passes a change of direction on");
        }
        match format {
            Format::Json => assert_eq!(serde_json::from_str::<Assessment>(&text).unwrap(), assessment),
            _ => check(format, &text),
        }
    }
}

#[test]
fn formulas_are_no_formulas_in_a_table() {
    for start in ["=", "+", "-", "@", "\t=", "\r=", " =", "＝", "\n="] {
        let mut value = serde_json::to_value(sample()).unwrap();
        value["findings"][0]["message"] = json!(format!("{start}HYPERLINK(\"http://evil.example\")"));
        let text = Report::new(&serde_json::from_value(value).unwrap()).render(Format::Csv);
        let cell = text.lines().nth(1).unwrap().split(',').nth(4).unwrap().trim_start_matches('"');
        assert!(cell.starts_with('\''), "{start:?}: {cell}");
    }
}

#[test]
fn nothing_found_is_said_plainly() {
    let empty = Assessment::default();
    for format in Format::ALL.iter().copied() {
        // a stream of nothing is empty
        let stream = matches!(format, Format::Ocsf | Format::Ecs | Format::Cef);
        assert_eq!(Report::new(&empty).render(format).is_empty(), stream, "{format:?}");
    }
    assert!(Report::new(&empty).render(Format::Text).starts_with("0 assets (0 AI) · no findings · 0 attack paths\n"));
}
