//! Requests and what AWS's documentation says of them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const A: &str = "111111111111";
const USER: &str = "arn:aws:iam::111111111111:user/ann";
const ROLE: &str = "arn:aws:iam::111111111111:role/team/r";
const SESSION: &str = "arn:aws:sts::111111111111:assumed-role/r/s";
const ROOT: &str = "arn:aws:iam::111111111111:root";
const FEDERATED: &str = "arn:aws:sts::111111111111:federated-user/bob";
const OBJECT: &str = "arn:aws:s3:::b/k";

fn policy(statements: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn statement(effect: &str, action: &str, resource: &str) -> Value {
    json!({"Effect": effect, "Action": action, "Resource": resource})
}

fn allow(action: &str, resource: &str) -> Value {
    policy(statement("Allow", action, resource))
}

fn deny(action: &str, resource: &str) -> Value {
    policy(statement("Deny", action, resource))
}

/// A resource's policy that allows one action to someone.
fn grants(principal: Value, action: &str) -> Value {
    policy(json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}))
}

/// A request for an object of account A; `more` has the other fields.
fn ask(principal: &str, more: Value) -> Simulation {
    ask_for(principal, "s3:GetObject", json!({"arn": OBJECT, "account": A}), more)
}

fn ask_for(principal: &str, action: &str, resource: Value, more: Value) -> Simulation {
    let mut request = json!({"principal": {"arn": principal}, "action": action, "resource": resource});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    simulate(&serde_json::from_value(request).unwrap())
}

const ALLOWED: Effect = Effect::Allowed;
const EXPLICIT: Effect = Effect::ExplicitDeny;
const IMPLICIT: Effect = Effect::ImplicitDeny;

#[test]
fn inside_an_account() {
    let all = allow("s3:*", "*");
    for (principal, more, expected) in [
        (USER, json!({}), IMPLICIT),
        (USER, json!({"identity_policies": [all]}), ALLOWED),
        (USER, json!({"identity_policies": [allow("S3:getOBJECT", "arn:aws:s3:::b/*")]}), ALLOWED),
        (USER, json!({"identity_policies": [allow("s3:Get?bject", "arn:aws:s3:::*/k")]}), ALLOWED),
        (USER, json!({"identity_policies": [allow("s3:*", "arn:aws:s3:::B/*")]}), IMPLICIT),
        (USER, json!({"identity_policies": [all, deny("s3:Get*", "*")]}), EXPLICIT),
        (USER, json!({"identity_policies": [all], "boundary": allow("ec2:*", "*")}), IMPLICIT),
        (USER, json!({"identity_policies": [all], "boundary": all}), ALLOWED),
        (USER, json!({"identity_policies": [all], "boundary": deny("s3:*", "*")}), EXPLICIT),
        (SESSION, json!({"identity_policies": [all], "session_policies": [allow("ec2:*", "*")]}), IMPLICIT),
        (SESSION, json!({"identity_policies": [all], "session_policies": [allow("ec2:*", "*"), all]}), ALLOWED),
        (SESSION, json!({"session_policies": [all]}), IMPLICIT),
        // the resource's policy names the user: nothing else is needed
        (USER, json!({"resource_policy": grants(json!({"AWS": USER}), "s3:*")}), ALLOWED),
        (
            USER,
            json!({"resource_policy": grants(json!({"AWS": USER}), "s3:*"), "boundary": allow("ec2:*", "*")}),
            ALLOWED,
        ),
        (
            USER,
            json!({"resource_policy": grants(json!({"AWS": USER}), "s3:*"), "identity_policies": [deny("*", "*")]}),
            EXPLICIT,
        ),
        (USER, json!({"resource_policy": grants(json!({"AWS": A}), "s3:*")}), IMPLICIT),
        (USER, json!({"resource_policy": grants(json!({"AWS": A}), "s3:*"), "identity_policies": [all]}), ALLOWED),
        (USER, json!({"resource_policy": grants(json!("*"), "s3:*")}), ALLOWED),
        // the role: boundary and session policies bind
        (SESSION, json!({"resource_policy": grants(json!({"AWS": ROLE}), "s3:*")}), ALLOWED),
        (
            SESSION,
            json!({"resource_policy": grants(json!({"AWS": ROLE}), "s3:*"), "boundary": allow("ec2:*", "*")}),
            IMPLICIT,
        ),
        (
            SESSION,
            json!({"resource_policy": grants(json!({"AWS": ROLE}), "s3:*"), "session_policies": [allow("ec2:*", "*")]}),
            IMPLICIT,
        ),
        (SESSION, json!({"resource_policy": grants(json!({"AWS": ROLE}), "s3:*"), "session_policies": [all]}), ALLOWED),
        // the session: neither binds
        (
            SESSION,
            json!({"resource_policy": grants(json!({"AWS": SESSION}), "s3:*"), "boundary": allow("ec2:*", "*"), "session_policies": [allow("ec2:*", "*")]}),
            ALLOWED,
        ),
        (
            SESSION,
            json!({"resource_policy": grants(json!({"AWS": "arn:aws:sts::111111111111:assumed-role/r/t"}), "s3:*")}),
            IMPLICIT,
        ),
        (FEDERATED, json!({"identity_policies": [all]}), IMPLICIT),
        (FEDERATED, json!({"identity_policies": [all], "session_policies": [all]}), ALLOWED),
        (FEDERATED, json!({"resource_policy": grants(json!({"AWS": FEDERATED}), "s3:*")}), ALLOWED),
        (ROOT, json!({}), ALLOWED),
        (ROOT, json!({"scps": [[allow("ec2:*", "*")]]}), IMPLICIT),
        (
            ROOT,
            json!({"resource_policy": policy(json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}))}),
            EXPLICIT,
        ),
    ] {
        assert_eq!(ask(principal, more.clone()).decision, expected, "{principal} {more}");
    }
}

#[test]
fn across_accounts_both_sides_allow() {
    let theirs = json!({"arn": OBJECT, "account": "222222222222"});
    let all = allow("s3:*", "*");
    for (principal, more, expected) in [
        (USER, json!({"identity_policies": [all]}), IMPLICIT),
        (USER, json!({"resource_policy": grants(json!({"AWS": USER}), "s3:*")}), IMPLICIT),
        (USER, json!({"identity_policies": [all], "resource_policy": grants(json!({"AWS": USER}), "s3:*")}), ALLOWED),
        (USER, json!({"identity_policies": [all], "resource_policy": grants(json!({"AWS": A}), "s3:*")}), ALLOWED),
        (USER, json!({"identity_policies": [all], "resource_policy": grants(json!("*"), "s3:*")}), ALLOWED),
        (
            SESSION,
            json!({"identity_policies": [all], "resource_policy": grants(json!({"AWS": SESSION}), "s3:*"), "boundary": allow("ec2:*", "*")}),
            IMPLICIT,
        ),
        (ROOT, json!({}), IMPLICIT),
        (ROOT, json!({"resource_policy": grants(json!({"AWS": A}), "s3:*")}), ALLOWED),
    ] {
        let decided = ask_for(principal, "s3:GetObject", theirs.clone(), more.clone()).decision;
        assert_eq!(decided, expected, "{principal} {more}");
    }
    // an ARN that tells its account needs no other word of it
    let queue = json!({"arn": "arn:aws:sqs:eu-west-1:222222222222:q"});
    assert_eq!(
        ask_for(USER, "sqs:SendMessage", queue, json!({"identity_policies": [allow("sqs:*", "*")]})).decision,
        IMPLICIT
    );
}

#[test]
fn organisations_bind_level_by_level() {
    let all = allow("*", "*");
    let full = policy(json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}));
    let guard = policy(json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}, "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}}));
    let linked = "arn:aws:sts::111111111111:assumed-role/AWSServiceRoleForX/s";
    for (principal, more, expected) in [
        (USER, json!({"scps": [[all], [all]]}), ALLOWED),
        (USER, json!({"scps": [[all], [allow("ec2:*", "*")]]}), IMPLICIT),
        (USER, json!({"scps": [[all], []]}), IMPLICIT),
        (USER, json!({"scps": [[all], [all, deny("s3:*", "*")]]}), EXPLICIT),
        (USER, json!({"scps": [[deny("ec2:*", "*")]]}), IMPLICIT),
        (linked, json!({"scps": [[deny("*", "*")]]}), ALLOWED),
        (USER, json!({"rcps": [[full], []]}), ALLOWED),
        (USER, json!({"rcps": [[guard]]}), EXPLICIT),
        (USER, json!({"rcps": [[full, guard]], "context": {"aws:PrincipalOrgID": "o-1"}}), ALLOWED),
        (
            USER,
            json!({"rcps": [[policy(json!({"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}))]]}),
            IMPLICIT,
        ),
        // named by the resource: the organisation binds all the same
        (
            USER,
            json!({"resource_policy": grants(json!({"AWS": USER}), "s3:*"), "scps": [[allow("ec2:*", "*")]]}),
            IMPLICIT,
        ),
    ] {
        let mut more = more;
        more["identity_policies"] = json!([all]);
        assert_eq!(ask(principal, more.clone()).decision, expected, "{principal} {more}");
    }
    let instance = json!({"arn": "arn:aws:ec2:eu-west-1:111111111111:instance/i-1"});
    let everything = policy(json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}));
    let more = json!({"identity_policies": [all], "rcps": [[everything]]});
    assert_eq!(ask_for(USER, "ec2:StopInstances", instance, more).decision, ALLOWED);
    let management = json!({"arn": USER, "management_account": true});
    let more = json!({"principal": management, "identity_policies": [all], "scps": [[deny("*", "*")]]});
    assert_eq!(ask(USER, more).decision, ALLOWED);
}

#[test]
fn roles_and_keys_are_closed() {
    let role = json!({"arn": "arn:aws:iam::111111111111:role/target"});
    let foreign = json!({"arn": "arn:aws:iam::222222222222:role/target"});
    let may = allow("sts:AssumeRole", "*");
    let trust =
        |principal: Value| policy(json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}));
    for (resource, more, expected) in [
        (&role, json!({"identity_policies": [may]}), IMPLICIT),
        (&role, json!({"resource_policy": trust(json!({"AWS": USER}))}), ALLOWED),
        (&role, json!({"resource_policy": trust(json!({"AWS": ROOT}))}), IMPLICIT),
        (&role, json!({"resource_policy": trust(json!({"AWS": ROOT})), "identity_policies": [may]}), ALLOWED),
        (
            &role,
            json!({"resource_policy": trust(json!({"Service": "ec2.amazonaws.com"})), "identity_policies": [may]}),
            IMPLICIT,
        ),
        (&foreign, json!({"resource_policy": trust(json!({"AWS": USER}))}), IMPLICIT),
        (&foreign, json!({"resource_policy": trust(json!({"AWS": A})), "identity_policies": [may]}), ALLOWED),
    ] {
        let decided = ask_for(USER, "sts:AssumeRole", resource.clone(), more.clone()).decision;
        assert_eq!(decided, expected, "{resource} {more}");
    }
    let key = json!({"arn": "arn:aws:kms:eu-west-1:111111111111:key/k"});
    let decrypt = allow("kms:Decrypt", "*");
    for (principal, more, expected) in [
        (USER, json!({"identity_policies": [decrypt]}), IMPLICIT),
        (
            USER,
            json!({"identity_policies": [decrypt], "resource_policy": grants(json!({"AWS": ROOT}), "kms:*")}),
            ALLOWED,
        ),
        (USER, json!({"resource_policy": grants(json!({"AWS": ROOT}), "kms:*")}), IMPLICIT),
        (USER, json!({"resource_policy": grants(json!({"AWS": USER}), "kms:*")}), ALLOWED),
        (
            USER,
            json!({"identity_policies": [decrypt], "resource_policy": grants(json!({"AWS": ROLE}), "kms:*")}),
            IMPLICIT,
        ),
        (ROOT, json!({"resource_policy": grants(json!({"AWS": ROLE}), "kms:*")}), IMPLICIT),
        (ROOT, json!({"resource_policy": grants(json!({"AWS": ROOT}), "kms:*")}), ALLOWED),
    ] {
        let decided = ask_for(principal, "kms:Decrypt", key.clone(), more.clone()).decision;
        assert_eq!(decided, expected, "{principal} {more}");
    }
    let create = json!({"identity_policies": [allow("kms:CreateKey", "*")]});
    assert_eq!(ask_for(USER, "kms:CreateKey", json!("*"), create).decision, ALLOWED);
    assert_eq!(
        ask_for(USER, "sts:GetCallerIdentity", json!("*"), json!({"identity_policies": [deny("*", "*")]})).decision,
        ALLOWED
    );
}

#[test]
fn callers_without_an_identity_are_left_to_the_resource() {
    let service = "events.amazonaws.com";
    let source = json!({"aws:SourceAccount": A});
    let confused =
        policy(json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "s3:*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": A}}}));
    for (principal, more, expected) in [
        (service, json!({"resource_policy": grants(json!({"Service": service}), "s3:*")}), ALLOWED),
        (service, json!({"resource_policy": grants(json!({"Service": "sns.amazonaws.com"}), "s3:*")}), IMPLICIT),
        (service, json!({"resource_policy": confused}), IMPLICIT),
        (service, json!({"resource_policy": confused, "context": source}), ALLOWED),
        (service, json!({"resource_policy": confused, "context": source, "scps": [[deny("*", "*")]]}), ALLOWED),
        (service, json!({"identity_policies": [allow("*", "*")]}), IMPLICIT),
        ("*", json!({"resource_policy": grants(json!("*"), "s3:GetObject")}), ALLOWED),
        ("*", json!({"resource_policy": grants(json!({"AWS": "*"}), "s3:GetObject")}), ALLOWED),
        ("*", json!({"resource_policy": grants(json!({"AWS": A}), "s3:GetObject")}), IMPLICIT),
        ("*", json!({"identity_policies": [allow("*", "*")]}), IMPLICIT),
    ] {
        assert_eq!(ask(principal, more.clone()).decision, expected, "{principal} {more}");
    }
    let provider = "arn:aws:iam::111111111111:oidc-provider/id.example";
    let trust = policy(
        json!({"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"id.example:aud": "sts.amazonaws.com"}, "StringLike": {"id.example:sub": "repo:acme/*"}}}),
    );
    for (subject, expected) in [("repo:acme/app:main", ALLOWED), ("repo:other/app:main", IMPLICIT)] {
        let context = json!({"id.example:aud": "sts.amazonaws.com", "id.example:sub": subject});
        let more = json!({"resource_policy": trust, "context": context});
        let role = json!({"arn": ROLE});
        assert_eq!(ask_for(provider, "sts:AssumeRoleWithWebIdentity", role, more).decision, expected, "{subject}");
    }
}

#[test]
fn statements_exclude_and_use_variables() {
    let one = |statement: Value| json!({"identity_policies": [policy(statement)]});
    let home = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${aws:username}/*"});
    let object = |key: &str| json!({"arn": format!("arn:aws:s3:::b/{key}"), "account": A});
    for (principal, key, more, expected) in [
        (USER, "k", one(json!({"Effect": "Allow", "NotAction": "s3:Put*", "Resource": "*"})), ALLOWED),
        (USER, "k", one(json!({"Effect": "Allow", "NotAction": ["S3:get*"], "Resource": "*"})), IMPLICIT),
        (USER, "k", one(json!({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::b/*"})), IMPLICIT),
        (USER, "k", one(json!({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::c/*"})), ALLOWED),
        (USER, "ann/x", one(home.clone()), ALLOWED),
        (USER, "bob/x", one(home.clone()), IMPLICIT),
        (SESSION, "ann/x", one(home.clone()), IMPLICIT),
        (
            SESSION,
            "none/x",
            one(json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${aws:username, 'none'}/*"})),
            ALLOWED,
        ),
        // the old version knows no variables, and so does no version
        (USER, "ann/x", json!({"identity_policies": [{"Version": "2008-10-17", "Statement": home}]}), IMPLICIT),
        (USER, "ann/x", json!({"identity_policies": [{"Statement": home}]}), IMPLICIT),
        (USER, "${aws:username}/x", json!({"identity_policies": [{"Statement": home}]}), ALLOWED),
        // what a variable stands for is no wildcard
        (
            USER,
            "x/y",
            json!({"context": {"k:v": "*"}, "identity_policies": [allow("s3:*", "arn:aws:s3:::b/${k:v}/y")]}),
            IMPLICIT,
        ),
    ] {
        let decided = ask_for(principal, "s3:GetObject", object(key), more.clone()).decision;
        assert_eq!(decided, expected, "{principal} {key} {more}");
    }
}

#[test]
fn the_request_tells_about_itself() {
    let when = |operator: &str, key: &str, value: &str| {
        let condition = json!({operator: {key: value}});
        json!({"identity_policies": [policy(json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}))]})
    };
    for (principal, more, expected) in [
        (USER, when("ArnEquals", "aws:PrincipalArn", USER), ALLOWED),
        (SESSION, when("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::111111111111:role/r"), ALLOWED),
        (USER, when("StringEquals", "aws:PrincipalAccount", A), ALLOWED),
        (USER, when("StringEquals", "aws:ResourceAccount", A), ALLOWED),
        (USER, when("StringEquals", "aws:ResourceAccount", "${aws:PrincipalAccount}"), ALLOWED),
        (USER, when("StringEquals", "aws:PrincipalType", "User"), ALLOWED),
        (SESSION, when("StringEquals", "aws:PrincipalType", "AssumedRole"), ALLOWED),
        (USER, when("Bool", "aws:PrincipalIsAWSService", "false"), ALLOWED),
        (USER, when("Bool", "aws:MultiFactorAuthPresent", "false"), IMPLICIT),
        (USER, when("BoolIfExists", "aws:MultiFactorAuthPresent", "true"), ALLOWED),
        (USER, when("StringEquals", "aws:RequestedRegion", "eu-west-1"), IMPLICIT),
        (SESSION, when("Null", "aws:username", "true"), ALLOWED),
    ] {
        assert_eq!(ask(principal, more.clone()).decision, expected, "{principal} {more}");
    }
    let mut given = when("StringEquals", "aws:PrincipalArn", "x");
    given["context"] = json!({"AWS:principalARN": "x"});
    assert_eq!(ask(USER, given).decision, ALLOWED, "the context's own word counts");
}

#[test]
fn a_passed_role_may_be_bound_to_a_service() {
    let pass = policy(json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE, "Condition": {
        "StringEquals": {"iam:PassedToService": ["lambda.amazonaws.com", "ec2.amazonaws.com"]},
        "ArnLikeIfExists": {"iam:AssociatedResourceArn": "arn:aws:lambda:*:*:function:app-*"}}}));
    let ask = |context: Value| {
        ask_for(USER, "iam:PassRole", json!({"arn": ROLE}), json!({"identity_policies": [pass], "context": context}))
            .decision
    };
    assert_eq!(ask(json!({"iam:PassedToService": "lambda.amazonaws.com"})), ALLOWED);
    assert_eq!(ask(json!({"iam:PassedToService": "glue.amazonaws.com"})), IMPLICIT);
    assert_eq!(ask(json!({})), IMPLICIT);
    let other = json!({"iam:PassedToService": "lambda.amazonaws.com", "iam:AssociatedResourceArn": "arn:aws:lambda:eu-west-1:111111111111:function:b"});
    assert_eq!(ask(other), IMPLICIT);
}

#[test]
fn what_cannot_be_read_is_told_and_denies() {
    let all = statement("Allow", "s3:*", "*");
    for (statements, expected) in [
        (json!([all, {"Effect": "Allow", "Action": "x", "NotAction": "y", "Resource": "*"}]), ALLOWED),
        (json!([all, {"Action": "s3:*", "Resource": "*"}]), ALLOWED),
        (json!([all, {"Effect": "Deny", "Action": "s3:*", "NotAction": "y", "Resource": "*"}]), EXPLICIT),
        (json!([all, {"Effect": "deny", "Action": "s3:*", "Resource": "*"}]), EXPLICIT),
        (json!([all, {"Effect": "Deny", "Action": " s3:Get Object", "Resource": "*"}]), EXPLICIT),
        (json!([all, {"Effect": "Deny", "Action": "ec2: *", "Resource": "*"}]), ALLOWED),
        (
            json!([all, {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"StringIs": {"a": "b"}}}]),
            EXPLICIT,
        ),
        (
            json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringIs": {"a": "b"}}}]),
            IMPLICIT,
        ),
        (json!([{"Effect": "Allow", "Action": "s3 :*", "Resource": "*"}]), IMPLICIT),
        (json!([all, {"Effect": "Allow", "Action": "s3:*", "Resource": "bucket"}]), ALLOWED),
        (json!([all, 7]), ALLOWED),
    ] {
        let answer = ask(USER, json!({"identity_policies": [policy(statements.clone())]}));
        assert_eq!(answer.decision, expected, "{statements}");
        let fault = answer.reasons.last().unwrap();
        let place = statements.as_array().unwrap().len() - 1;
        assert_eq!((fault.index, fault.statement), (Some(0), Some(place)), "{statements} {fault:?}");
    }
}

#[test]
fn reasons_name_the_statements() {
    let named = json!({"Sid": "NoDeletes", "Effect": "Deny", "Action": "s3:*", "Resource": "*"});
    let answer = ask(
        USER,
        json!({"identity_policies": [allow("s3:*", "*"), policy(json!([statement("Allow", "ec2:*", "*"), named]))]}),
    );
    let [reason] = answer.reasons.as_slice() else { panic!("{answer:?}") };
    assert_eq!((reason.policy, reason.index, reason.statement), (Source::Identity, Some(1), Some(1)));
    assert_eq!((reason.sid.as_deref(), reason.text.as_str()), (Some("NoDeletes"), "denies it"));
}

#[test]
fn principals_are_told_apart_by_arn_and_kind() {
    let all = json!([allow("s3:*", "*")]);
    let ask = |principal: Value| ask(USER, json!({"principal": principal, "identity_policies": all})).decision;
    assert_eq!(ask(json!({"arn": null, "account": A, "type": "root"})), ALLOWED);
    assert_eq!(ask(json!({"arn": A, "type": "account"})), ALLOWED);
    assert_eq!(ask(json!({"arn": "lambda.amazonaws.com", "type": "AWSService"})), IMPLICIT);
    assert_eq!(ask(json!({"arn": "", "type": "anonymous"})), IMPLICIT);
    assert_eq!(ask(json!({"arn": ROLE, "account": A, "type": "role"})), ALLOWED);
    assert_eq!(ask(json!(USER)), ALLOWED);
}

/// Requests with a few statements in every kind of policy.
fn statements() -> impl Strategy<Value = Vec<Value>> {
    let part = (
        any::<bool>(),
        prop::sample::select(vec!["*", "s3:*", "s3:GetObject", "ec2:*"]),
        prop::sample::select(vec!["*", OBJECT, "arn:aws:s3:::c/*"]),
        prop::sample::select(vec![json!("*"), json!({"AWS": USER}), json!({"AWS": A}), json!({"AWS": "222222222222"})]),
        any::<bool>(),
    );
    let one = part.prop_map(|(allow, action, resource, principal, not)| {
        let effect = if allow { "Allow" } else { "Deny" };
        let mut statement = json!({"Effect": effect, "Action": action, "Principal": principal});
        statement[if not { "NotResource" } else { "Resource" }] = resource.into();
        statement
    });
    prop::collection::vec(one, 0..3)
}

proptest! {
    #[test]
    fn denies_only_take_and_allows_only_give(
        parts in prop::collection::vec(statements(), 6),
        extra in statements().prop_filter("one", |list| !list.is_empty()),
        place in 0..6_usize,
        across in any::<bool>(),
    ) {
        let decided = |parts: &[Vec<Value>]| {
            let resource = json!({"arn": OBJECT, "account": if across { "222222222222" } else { A }});
            let document = |i: usize| policy(json!(parts[i]));
            ask_for(USER, "s3:GetObject", resource, json!({
                "identity_policies": [document(0)], "boundary": document(1), "session_policies": [document(2)],
                "resource_policy": document(3), "scps": [[document(4)]], "rcps": [[document(5), policy(json!([{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]))]],
            })).decision == ALLOWED
        };
        let before = decided(&parts);
        for effect in ["Deny", "Allow"] {
            let mut more = parts.clone();
            let mut added = extra[0].clone();
            added["Effect"] = effect.into();
            more[place].push(added);
            let after = decided(&more);
            let (less, greater) = if effect == "Deny" { (after, before) } else { (before, after) };
            prop_assert!(less <= greater);
        }
    }

    #[test]
    fn any_request_is_answered(request in json(), policy in json()) {
        let mut request = request;
        if let Value::Object(map) = &mut request {
            map.insert("principal".to_owned(), json!({"arn": USER}));
            map.insert("action".to_owned(), json!("s3:GetObject"));
            for key in ["identity_policies", "resource_policy", "scps"] {
                map.insert(key.to_owned(), json!([policy, {"Statement": policy}, {"Statement": [policy]}]));
            }
        }
        if let Ok(request) = serde_json::from_value::<Request>(request) {
            let _ = simulate(&request);
        }
    }
}

/// Any JSON, with the words of policies in it.
pub(in crate::identity::aws) fn json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "Effect",
        "Allow",
        "Deny",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Principal",
        "NotPrincipal",
        "AWS",
        "Condition",
        "StringEquals",
        "ForAllValues:StringLike",
        "DateLessThan",
        "IpAddress",
        "ArnLike",
        "Statement",
        "Version",
        "2012-10-17",
        "s3:*",
        "*",
        "${aws:username}",
        "${",
        "arn:aws:s3:::b",
        "context",
        "resource",
        "é?*",
    ]);
    let text = prop_oneof![word.prop_map(str::to_owned), ".{0,6}"].boxed();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text.clone(), inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}
