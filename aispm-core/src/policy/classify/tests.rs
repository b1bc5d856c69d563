use super::*;
use crate::asset::{Exposure, Relation};
use crate::discover::declared::{Classification, Facts};

fn estate(answers: &str) -> Inventory {
    let facts = format!(
        "systems:\n  - id: s\n    purpose: Ranks applicants for jobs\n    members: [e]\n    classification: {{ {answers} }}\n"
    );
    let mut inventory = Inventory::new();
    let mut endpoint = Asset::new("e", AssetKind::Endpoint, "chat").ai().seen(Evidence::file("tf.json").line(7));
    endpoint.exposure = Some(Exposure::Public);
    inventory.add(endpoint);
    inventory.add(Asset::new("m", AssetKind::Model, "m"));
    inventory.relate(Relation::new("e", RelationKind::Serves, "m"));
    assert_eq!(Facts::from_yaml("aispm.yaml", &facts).unwrap().apply(&mut inventory), [""; 0]);
    inventory
}

fn class(answers: &str) -> SystemClass {
    classify(&estate(answers), "s").unwrap()
}

/// Every question but these answered with no.
fn no_but(answers: &str) -> SystemClass {
    let tree: Tree = Document::config("t", TREE).unwrap();
    let no = tree
        .questions
        .iter()
        .filter(|question| !answers.contains(&question.id))
        .map(|question| format!("{}: {}", question.id, if question.options.is_empty() { "false" } else { "[]" }));
    class(&no.chain([answers.to_owned()]).filter(|one| !one.is_empty()).collect::<Vec<_>>().join(", "))
}

#[test]
fn questions_are_the_fields_of_the_answers_and_name_controls() {
    let tree: Tree = Document::config("t", TREE).unwrap();
    let schema = schemars::schema_for!(Classification).to_value();
    let fields = schema["properties"].as_object().unwrap();
    assert_eq!(fields.len(), tree.questions.len() + 1, "every field but `by` is a question");
    let known = |control: &str| crate::policy::controls::resolve("eu_ai_act", control).unwrap().id == control;
    for question in &tree.questions {
        let field = &fields[&question.id];
        let list = field["type"].as_array().unwrap().contains(&"array".into());
        assert_eq!(list, !question.options.is_empty(), "{}", question.id);
        assert!(question.ask.ends_with('?') && known(&question.control), "{}", question.id);
        assert!(question.options.values().all(|control| known(control)), "{}", question.id);
    }
    for outcome in &tree.outcomes {
        let mut asked = Vec::new();
        outcome.condition.questions(&mut asked);
        assert!(!asked.is_empty() && known(&outcome.control));
        assert!(asked.iter().all(|id| tree.questions.iter().any(|question| question.id == *id)), "{asked:?}");
    }
}

#[test]
fn each_class_has_its_answers() {
    use AiActClass::{GeneralPurpose, High, Minimal, OutOfScope, Prohibited, Transparency};
    for (answers, expected, control) in [
        ("", Minimal, None),
        ("out_of_scope: [military], prohibited_practices: [social-scoring]", OutOfScope, Some("Art.2")),
        ("prohibited_practices: [social-scoring], annex_iii_uses: [recruitment]", Prohibited, Some("Art.5(1)(c)")),
        ("annex_i_product: true, third_party_assessment: true", High, Some("Art.6(1)")),
        ("annex_i_product: true", Minimal, None),
        ("annex_iii_uses: [recruitment]", High, Some("Annex III(4)(a)")),
        ("annex_iii_uses: [recruitment], exceptions: [preparatory-task]", Minimal, None),
        ("annex_iii_uses: [recruitment], exceptions: [preparatory-task], profiling: true", High, Some("Art.6(2)")),
        (
            "annex_iii_uses: [recruitment], exceptions: [preparatory-task], significant_risk: true",
            High,
            Some("Art.6(2)"),
        ),
        ("general_purpose_model: true", GeneralPurpose, Some("Art.53")),
        ("general_purpose_model: true, systemic_risk: true", GeneralPurpose, Some("Art.55")),
        ("interacts_with_people: true", Transparency, Some("Art.50(1)")),
        ("deep_fakes: true, generates_content: true", Transparency, Some("Art.50(4)")),
    ] {
        let class = no_but(answers);
        assert_eq!((class.class, class.at_least), (Some(expected), None), "{answers}");
        assert!(control.is_none_or(|control| class.controls.iter().any(|known| known == control)), "{class:?}");
        assert!(class.missing.iter().all(|missing| missing.id == "out_of_scope"), "{:?}", class.missing);
    }
    let exempt = no_but("annex_iii_uses: [recruitment], exceptions: [preparatory-task]");
    let duty = exempt.steps.iter().find(|step| step.controls[0] == "Art.6(4)").unwrap();
    assert_eq!((duty.class, duty.holds), (None, Holds::Yes), "an exception must be documented");
}

#[test]
fn never_minimal_while_a_question_is_open() {
    let tree: Tree = Document::config("t", TREE).unwrap();
    let deciding = tree.questions.iter().map(|question| question.id.as_str());
    // what only matters behind another answer is not open while that is no
    let behind =
        ["out_of_scope", "third_party_assessment", "profiling", "exceptions", "significant_risk", "systemic_risk"];
    for open in deciding.filter(|id| !behind.contains(id)) {
        let answers =
            tree.questions.iter().filter(|question| question.id != open).map(|question| {
                format!("{}: {}", question.id, if question.options.is_empty() { "false" } else { "[]" })
            });
        // third_party_assessment and the like open too, so that the open question can matter
        let answers = answers.filter(|answer| !behind.iter().any(|id| answer.starts_with(id)));
        let class = class(&answers.collect::<Vec<_>>().join(", "));
        assert_eq!(class.class, None, "{open}");
        assert!(class.missing.iter().any(|missing| missing.id == open), "{open}");
    }
    let nothing = class("");
    assert_eq!((nothing.class, nothing.at_least), (None, None));
}

#[test]
fn what_holds_already_is_told_while_graver_questions_are_open() {
    let class = class("annex_iii_uses: [creditworthiness], profiling: true");
    assert_eq!((class.class, class.at_least), (None, Some(AiActClass::High)));
    let missing = |id: &str| class.missing.iter().find(|missing| missing.id == id);
    let practices = missing("prohibited_practices").unwrap();
    assert_eq!(practices.if_yes, "Art.5 applies; then it is prohibited");
    assert_eq!(practices.if_no, "Art.5 does not apply; then it is high");
    assert!(missing("exceptions").is_none(), "with profiling no exception can hold");
    assert!(missing("interacts_with_people").is_some(), "duties beside the class stay asked");
}

#[test]
fn hints_ask_and_never_decide() {
    let open = class("");
    let uses = open.missing.iter().find(|missing| missing.id == "annex_iii_uses").unwrap();
    assert!(uses.hints.iter().any(|hint| hint.text.contains("Annex III(4)(a)")), "{:?}", uses.hints);
    let people = open.missing.iter().find(|missing| missing.id == "interacts_with_people").unwrap();
    let hint = people.hints.iter().find(|hint| hint.asset.as_str() == "e").unwrap();
    assert_eq!(hint.evidence.as_ref().unwrap().location(), "tf.json:7");
    // an answer stands against a hint, and the conflict is told
    let denied = no_but("");
    assert_eq!(denied.class, Some(AiActClass::Minimal));
    assert!(denied.conflicts.iter().any(|conflict| conflict.text.starts_with("annex_iii_uses: no, but")));
}

#[test]
fn a_declared_class_that_the_answers_contradict_is_told() {
    let mut inventory =
        estate("prohibited_practices: [], annex_i_product: false, annex_iii_uses: [recruitment], profiling: true");
    inventory.get_mut("s").unwrap().risk_class = Some(RiskClass::Minimal);
    let class = classify(&inventory, "s").unwrap();
    assert_eq!(class.class, Some(AiActClass::High));
    let text = "risk_class is declared as minimal, but the answers make it high";
    assert!(class.conflicts.iter().any(|conflict| conflict.text == text), "{:?}", class.conflicts);
}

#[test]
fn mistakes_are_told_with_their_place() {
    let error = classify(&estate("annex_iii_uses: [hiring]"), "s").unwrap_err().to_string();
    assert!(error.starts_with("aispm.yaml:2: s: `annex_iii_uses` has \"hiring\"; known: biometric"), "{error}");
    let error = classify(&estate(""), "other").unwrap_err().to_string();
    assert!(error.contains("there is no system \"other\"; known: s"), "{error}");
    let unknown = "systems:\n  - id: s\n    classification:\n      profilng: true\n";
    let error = Facts::from_yaml("f.yaml", unknown).unwrap_err().to_string();
    assert!(error.starts_with("f.yaml:4:7: unknown field `profilng`"), "{error}");
}
