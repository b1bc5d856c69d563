use super::*;
use crate::asset::ModelCall;

/// One call in each of these hours from the beginning of 2026, as a function of the hour says.
fn log<'a>(hours: std::ops::Range<u64>, call: impl Fn(u64) -> ModelCall<'a>, times: u64) -> CallLog {
    let mut log = CallLog::default();
    for at in hours {
        let time = format!("2026-01-{:02}T{:02}:00:00Z", 1 + at / 24, at % 24);
        let evidence = Evidence::file("log").line(at);
        (0..times).for_each(|_| log.record("a", ModelCall { time: Some(&time), ..call(at) }, &evidence));
    }
    log
}

fn event(at: u64, role: TextRole, text: String) -> Event {
    let mut event = Event::new("a", role, text);
    event.time = Some(format!("2026-01-{:02}T{:02}:00:00Z", 1 + at / 24, at % 24));
    event.evidence = Evidence::file("log").line(at);
    event
}

fn figure(log: &CallLog, events: &[Event], name: &str) -> Option<Value> {
    figures(log, events).remove(&AssetId::from("a"))?.remove(name)
}

#[test]
fn an_hour_of_many_tokens_stands_out() {
    let usual = |at: u64| ModelCall { tokens: 900 + at * 37 % 200, ..ModelCall::default() };
    let spiked = |at: u64| if at == 30 { ModelCall { tokens: 50_000, ..ModelCall::default() } } else { usual(at) };
    let spike = figure(&log(0..48, spiked, 1), &[], "usage_spike").unwrap();
    assert_eq!(
        (spike["measure"].as_str(), spike["value"].as_f64(), spike["hours"].as_u64()),
        (Some("tokens"), Some(50_000.0), Some(48))
    );
    assert!(spike["sigma"].as_f64().unwrap() > 100.0 && spike["ratio"].as_f64().unwrap() > 40.0, "{spike}");
    assert_eq!(spike["evidence"][0]["line"], 30);
    let calm = figure(&log(0..48, usual, 1), &[], "usage_spike").unwrap();
    assert!(calm["sigma"].as_f64().unwrap() < 3.0 && calm["ratio"].as_f64().unwrap() < 1.5, "{calm}");
    assert_eq!(figure(&log(0..23, spiked, 9), &[], "usage_spike"), None);
}

#[test]
fn new_values_count_only_where_the_rest_had_settled() {
    let callers: Vec<String> = (0..200).map(|at| format!("user-{at}")).collect();
    let call = |at: u64| ModelCall {
        region: Some(if at < 190 { "eu" } else { "us" }),
        caller: callers.get(at as usize).map(String::as_str),
        model: Some("m"),
        ..ModelCall::default()
    };
    let novelty = figure(&log(0..200, call, 1), &[], "usage_novelty").unwrap();
    assert_eq!((&novelty["new"], &novelty["evidence"][0]["line"]), (&json!(["region us"]), &json!(190)));
    assert!((6.0..6.5).contains(&novelty["learned_days"].as_f64().unwrap()));
    let calm = figure(&log(0..190, call, 1), &[], "usage_novelty").unwrap();
    assert_eq!(calm.as_object().unwrap().keys().collect::<Vec<_>>(), ["learned_days"]);
    assert_eq!(figure(&log(0..40, call, 9), &[], "usage_novelty"), None);
}

#[test]
fn failures_refusals_and_durations_change() {
    let call =
        |at: u64| ModelCall { failed: at >= 80, millis: Some(if at < 80 { 100 } else { 400 }), ..ModelCall::default() };
    let answers = (0..100).flat_map(|at| {
        let text = if at < 80 { "Here you are." } else { "I'm sorry, but I can't help with that." };
        (0..3).map(move |_| event(at, TextRole::Output, text.to_owned()))
    });
    let answers: Vec<_> = answers.collect();
    let rates = figure(&log(0..100, call, 3), &answers, "usage_rates").unwrap();
    assert_eq!(rates["failed"].as_f64().map(|change| (change * 10.0).round()), Some(8.0));
    assert_eq!(rates["refused"].as_f64().map(|change| (change * 10.0).round()), Some(8.0));
    assert!(rates["slower"].as_f64().unwrap() > 2.5, "{rates}");
    assert_eq!(figure(&log(0..100, call, 1), &[], "usage_rates"), None);
    assert!(!is_refusal("Sure. I'm sorry to hear that.") && is_refusal("  I CANNOT do that"));
}

#[test]
fn other_words_and_lengths_are_drift() {
    let text = |at: u64| format!("how do i change filter {} of my pump", at % 7);
    let other = |at: u64| {
        format!("écris un long poème sur la lune et {} étoiles, puis traduis chaque vers deux fois en latin", at % 7)
    };
    let prompts = |late: &dyn Fn(u64) -> String| -> Vec<Event> {
        (0..300).map(|at| event(at, TextRole::Prompt, if at < 225 { text(at) } else { late(at) })).collect()
    };
    let drift =
        |events: &[Event]| figure(&CallLog::default(), events, "usage_drift").unwrap()["prompt"].as_f64().unwrap();
    assert!(drift(&prompts(&other)) > 1.0);
    assert!(drift(&prompts(&text)) < 0.1);
    assert_eq!(figure(&CallLog::default(), &prompts(&text)[..120], "usage_drift"), None);
}

#[test]
fn a_sweep_looks_alike_and_never_repeats() {
    let mut events = Vec::new();
    for at in 0..200 {
        let mut swept = event(at, TextRole::Prompt, format!("What is the label of sample {at}?"));
        swept.actor = Some("thief".into());
        let mut asked = event(at, TextRole::Prompt, "hello".into());
        asked.actor = Some("ann".into());
        events.extend([swept, asked, event(at, TextRole::Prompt, "no name".into())]);
    }
    let pattern = figure(&CallLog::default(), &events, "query_pattern").unwrap();
    let figures = ["queries", "different", "alike"].map(|key| pattern[key].as_f64().unwrap());
    assert_eq!((pattern["caller"].as_str(), figures), (Some("thief"), [200.0, 1.0, 1.0]));
    assert_eq!(figure(&CallLog::default(), &events[2..3], "query_pattern"), None);
}

#[test]
fn nothing_comes_of_nothing() {
    assert!(figures(&CallLog::default(), &[]).is_empty());
    assert_eq!((median(Vec::new()), cut([3].into_iter())), (None, None));
}
