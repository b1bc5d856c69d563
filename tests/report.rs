//! What a small assessment looks like in each format, and that foreign text stays text in all of them.
//! `INSTA_UPDATE=always` writes the snapshots anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use aispm_core::assess::Assessment;
use aispm_core::report::{Format, Report};

const ALL: [Format; 6] = [Format::Text, Format::Json, Format::Sarif, Format::Mermaid, Format::Cytoscape, Format::Html];

/// What a hostile file may put into a name.
const HOSTILE: &str = "<script>alert(1)</script>\"'`\n--> ]]> [x](http://evil.example)\u{1b}[2J{{body}}\u{202e}#quot;";

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
    fn spoil(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Array(values) => values.iter_mut().for_each(spoil),
            serde_json::Value::Object(fields) => {
                for (key, value) in fields {
                    let text = TEXTS.contains(&key.as_str());
                    match value {
                        serde_json::Value::String(old) if text => old.push_str(HOSTILE),
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

fn snapshot(name: &str, text: String) {
    let version = format!("\"{}\"", env!("CARGO_PKG_VERSION"));
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
    let graph: serde_json::Value = serde_json::from_str(&Report::new(&sample).render(Format::Cytoscape)).unwrap();
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

#[test]
fn foreign_text_stays_text() {
    let assessment = hostile();
    for format in ALL {
        let text = Report::new(&assessment).color(false).render(format);
        assert!(text.contains("evil.example"), "{format:?} shows names");
        assert!(!text.contains('\u{1b}'), "{format:?} passes a terminal escape on");
        // JSON and SARIF keep ids as they are, for machines to join on
        if !matches!(format, Format::Json | Format::Sarif | Format::Cytoscape) {
            assert!(!text.contains('\u{202e}'), "{format:?} passes a change of direction on");
        }
        match format {
            Format::Html => {
                assert_eq!((text.matches("<script").count(), text.matches("</script").count()), (2, 2));
                assert_eq!(text.matches("<body>").count(), 1);
                assert!(!text.contains("alert(1)</script>"));
                let block = text.split("id=\"data\">").nth(1).and_then(|rest| rest.split("</script>").next());
                let data: serde_json::Value = serde_json::from_str(block.unwrap()).unwrap();
                assert_eq!(data["findings"].as_array().unwrap().len(), assessment.findings.len());
                assert!(!text.contains('`'), "no backtick outside our own constants");
            }
            Format::Mermaid => {
                assert!(!text.contains("<script") && !text.contains('`') && !text.contains("#quot;"));
                let quotes = text.lines().filter(|line| line.contains('"')).map(|line| line.matches('"').count());
                assert!(quotes.into_iter().all(|count| count == 2), "labels stay in their quotes");
            }
            Format::Sarif => {
                let log: serde_json::Value = serde_json::from_str(&text).unwrap();
                let message = log["runs"][0]["results"][0]["message"]["text"].as_str().unwrap();
                assert!(message.contains("\\[x\\](") && !message.contains(['\n', '\u{202e}']));
            }
            Format::Cytoscape => drop(serde_json::from_str::<serde_json::Value>(&text).unwrap()),
            Format::Json => assert_eq!(serde_json::from_str::<Assessment>(&text).unwrap(), assessment),
            _ => assert!(text.lines().all(|line| !line.starts_with("-->")), "a name does not start a line"),
        }
    }
}

#[test]
fn nothing_found_is_said_plainly() {
    let empty = Assessment::default();
    for format in ALL {
        assert!(!Report::new(&empty).render(format).is_empty());
    }
    assert!(Report::new(&empty).render(Format::Text).starts_with("0 assets (0 AI) · no findings · 0 attack paths\n"));
}
