//! Cases that pin down who may do what.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::asset::{Asset, AssetKind, Evidence, Inventory};
use crate::identity::Decision;

const USER: &str = "arn:aws:iam::111111111111:user/ann";
const ROLE: &str = "arn:aws:iam::111111111111:role/r";
const FOREIGN: &str = "arn:aws:iam::222222222222:role/r";

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

fn deny(action: &str, resource: &str) -> Value {
    json!({"Effect": "Deny", "Action": action, "Resource": resource})
}

fn user(statements: Vec<Value>) -> Asset {
    let policies = json!([{"PolicyName": "p", "PolicyDocument": {"Statement": statements}}]);
    let seen = Evidence::file("a.json").pointer("/UserDetailList/0");
    Asset::new(USER, AssetKind::User, "ann").with("Arn", USER).with("UserPolicyList", policies).seen(seen)
}

fn role(arn: &str, trust: Value) -> Asset {
    let document = json!({"Statement": [trust]});
    Asset::new(arn, AssetKind::Role, "r").with("Arn", arn).with("AssumeRolePolicyDocument", document)
}

fn trust(principal: Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
}

fn bucket(statements: Value) -> Asset {
    Asset::new("arn:aws:s3:::b", AssetKind::Bucket, "b").with("policy", json!({ "Statement": statements }))
}

fn estate(assets: Vec<Asset>) -> Estate {
    let mut inventory = Inventory::new();
    assets.into_iter().for_each(|asset| inventory.add(asset));
    Estate::new(&inventory)
}

fn ask(estate: &Estate, action: &str, resource: &str) -> Decision {
    estate.allows(estate.principal_of(USER).unwrap(), action, resource, None).decision
}

#[test]
fn an_explicit_deny_wins_and_evidence_points_at_the_allow() {
    let estate = estate(vec![user(vec![allow("s3:*", "arn:aws:s3:::b/*"), deny("S3:Put*", "*")])]);
    assert_eq!(ask(&estate, "s3:PutObject", "arn:aws:s3:::b/k"), Decision::Denied);
    assert_eq!(ask(&estate, "s3:GetObject", "arn:aws:s3:::c/k"), Decision::Denied);
    let denied = estate.allows(estate.principal_of(USER).unwrap(), "s3:PutObject", "arn:aws:s3:::b/k", None);
    let pointer = denied.statements[0].pointer.as_deref();
    assert_eq!(pointer, Some("/UserDetailList/0/UserPolicyList/0/PolicyDocument/Statement/1"));
    let answer = estate.allows(estate.principal_of(USER).unwrap(), "s3:getobject", "arn:aws:s3:::b/k", None);
    assert_eq!(answer.decision, Decision::Allowed);
    let pointer = answer.statements[0].pointer.as_deref();
    assert_eq!(pointer, Some("/UserDetailList/0/UserPolicyList/0/PolicyDocument/Statement/0"));
}

#[test]
fn boundaries_bound_and_missing_ones_make_it_conditional() {
    let policy = |statement: Value| {
        let versions = json!([{"IsDefaultVersion": true, "Document": {"Statement": [statement]}}]);
        let arn = "arn:aws:iam::111111111111:policy/b";
        Asset::new(arn, AssetKind::Policy, "b").with("PolicyVersionList", versions)
    };
    let boundary = json!({"PermissionsBoundaryArn": "arn:aws:iam::111111111111:policy/b"});
    let bounded = || user(vec![allow("*", "*")]).with("PermissionsBoundary", boundary.clone());
    let within = estate(vec![bounded(), policy(allow("s3:*", "*"))]);
    assert_eq!(ask(&within, "s3:GetObject", "arn:aws:s3:::b/k"), Decision::Allowed);
    assert_eq!(ask(&within, "iam:PutUserPolicy", USER), Decision::Denied);
    assert!(within.admins().is_empty());
    assert!(matches!(ask(&estate(vec![bounded()]), "s3:GetObject", "arn:aws:s3:::b/k"), Decision::Conditional(_)));
    assert_eq!(estate(vec![user(vec![allow("*", "*")])]).admins().len(), 1);
}

#[test]
fn resource_policies_suffice_inside_an_account_and_both_sides_count_across() {
    let named = json!([{"Effect": "Allow", "Principal": {"AWS": USER}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]);
    let key = "arn:aws:s3:::b/k";
    assert_eq!(ask(&estate(vec![user(vec![]), bucket(named.clone())]), "s3:GetObject", key), Decision::Allowed);
    let root = json!([{"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]);
    assert_eq!(ask(&estate(vec![user(vec![]), bucket(root.clone())]), "s3:GetObject", key), Decision::Denied);
    let lambda = "arn:aws:lambda:eu-west-1:222222222222:function:f";
    assert_eq!(
        ask(&estate(vec![user(vec![allow("lambda:*", "*")])]), "lambda:UpdateFunctionCode", lambda),
        Decision::Denied
    );
    let except = json!([{"Effect": "Deny", "NotPrincipal": {"AWS": ROLE}, "Action": "s3:*", "Resource": "*"}]);
    assert_eq!(
        ask(&estate(vec![user(vec![allow("s3:*", "*")]), bucket(except)]), "s3:GetObject", key),
        Decision::Denied
    );
}

#[test]
fn trust_policies_name_or_delegate() {
    let assume = |trusted: Value, statements: Vec<Value>, arn: &str| {
        let estate = estate(vec![user(statements), role(arn, trust(trusted))]);
        estate.assumes(estate.principal_of(USER).unwrap(), estate.principal_of(arn).unwrap())
    };
    let may = || vec![allow("sts:AssumeRole", "*")];
    let root = json!({"AWS": "arn:aws:iam::111111111111:root"});
    assert_eq!(assume(json!({"AWS": USER}), vec![], ROLE), Decision::Allowed);
    assert_eq!(assume(root.clone(), vec![], ROLE), Decision::Denied);
    assert_eq!(assume(root.clone(), may(), ROLE), Decision::Allowed);
    assert_eq!(assume(json!({"Service": "lambda.amazonaws.com"}), may(), ROLE), Decision::Denied);
    assert_eq!(assume(json!({"AWS": USER}), vec![deny("sts:*", "*")], ROLE), Decision::Denied);
    assert_eq!(assume(json!({"AWS": USER}), vec![], FOREIGN), Decision::Denied);
    assert_eq!(assume(json!({"AWS": USER}), may(), FOREIGN), Decision::Allowed);
    assert_eq!(assume(root, may(), FOREIGN), Decision::Allowed);
}

#[test]
fn a_service_account_needs_the_subject_that_the_role_names() {
    let federated = json!({"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": "arn:aws:iam::111111111111:oidc-provider/oidc.example/id/A"},
        "Condition": {"StringEquals": {"oidc.example/id/A:sub": "system:serviceaccount:ml:server"}}});
    let estate = estate(vec![role(ROLE, federated)]);
    let ask = |subject| estate.trusts(estate.principal_of(ROLE).unwrap(), Trustee::Subject(subject), None).decision;
    assert_eq!(ask("system:serviceaccount:ml:server"), Decision::Allowed);
    assert_eq!(ask("system:serviceaccount:ml:other"), Decision::Denied);
}

#[test]
fn administrators_may_hold_everything_in_parts() {
    let admins = |statements: Vec<Value>| estate(vec![user(statements)]).admins().len();
    let all_but = json!({"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"});
    assert_eq!(admins(vec![all_but.clone(), allow("iam:*", "*")]), 1);
    assert_eq!(admins(vec![all_but.clone()]), 0);
    assert_eq!(admins(vec![all_but, allow("iam:Get*", "*")]), 0);
    assert_eq!(admins(vec![allow("*", "arn:aws:s3:::b")]), 0);
    assert_eq!(admins(vec![allow("*", "*"), deny("ec2:*", "*")]), 0);
    let when = |operator: &str, key: &str, value: &str| {
        let mut all = allow("*", "*");
        all["Condition"] = json!({operator: {key: value}});
        admins(vec![all])
    };
    assert_eq!(when("StringEquals", "aws:PrincipalAccount", "111111111111"), 1);
    assert_eq!(when("StringEquals", "aws:PrincipalAccount", "222222222222"), 0);
    assert_eq!(when("StringEquals", "aws:RequestedRegion", "eu-west-1"), 0, "his choice, but a limit");
    assert_eq!(when("Bool", "aws:MultiFactorAuthPresent", "true"), 0);
}

#[test]
fn a_resource_condition_may_speak_of_the_principal() {
    let own = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}});
    let policies = json!([{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": own}}]);
    let user = Asset::new(USER, AssetKind::User, "ann").with("Arn", USER).with("UserPolicyList", policies);
    let estate = estate(vec![user]);
    assert_eq!(ask(&estate, "s3:GetObject", "arn:aws:s3:::b/k"), Decision::Allowed);
    assert_eq!(ask(&estate, "s3:GetObject", "arn:aws:s3:eu-west-1:222222222222:accesspoint/a"), Decision::Denied);
}

#[test]
fn what_aws_would_refuse_is_told_and_the_rest_still_counts() {
    let huge: Vec<String> = (0..50_000).map(|n| format!("arn:aws:s3:::bucket-{n}/*")).collect();
    let estate = estate(vec![user(vec![
        json!({"Effect": "Allow", "Action": "s3 :*", "Resource": "*"}),
        json!({"Effect": "Allow", "Action": "ec2:*", "NotAction": "s3:*", "Resource": "*"}),
        json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": huge}),
        json!({"Effect": "Deny", "Action": "s3:*", "NotAction": "iam:*", "Resource": "arn:aws:s3:::c/*"}),
        json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*"}),
    ])]);
    let places: Vec<_> = estate.warnings().iter().filter(|w| w.starts_with("policy p of ")).collect();
    assert_eq!(places.len(), 4, "{places:?}");
    for (n, warning) in places.iter().enumerate() {
        assert!(warning.contains(&format!("at /Statement/{n}: ")), "{warning}");
    }
    assert_eq!(ask(&estate, "s3:GetObject", "arn:aws:s3:::b/k"), Decision::Allowed);
    assert_eq!(ask(&estate, "s3:PutObject", "arn:aws:s3:::bucket-49999/k"), Decision::Allowed);
    assert_eq!(ask(&estate, "ec2:RunInstances", "*"), Decision::Denied);
    // a deny that cannot be read may hold
    assert!(matches!(ask(&estate, "s3:GetObject", "arn:aws:s3:::c/k"), Decision::Conditional(_)));
}

fn statement() -> impl Strategy<Value = Value> {
    let action = prop::sample::select(vec!["*", "s3:*", "s3:GetObject", "s3:Get*", "iam:PutUserPolicy"]);
    let resource = prop::sample::select(vec!["*", "arn:aws:s3:::b/*", "arn:aws:s3:::b*", USER]);
    let condition = prop::sample::select(vec![
        None,
        Some(json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
        Some(json!({"StringEquals": {"aws:username": "ann"}})),
        Some(json!({"StringEquals": {"aws:username": "bob"}})),
    ]);
    (any::<bool>(), any::<bool>(), action, resource, condition).prop_map(|(allow, not, action, resource, condition)| {
        let mut statement = json!({"Effect": if allow { "Allow" } else { "Deny" }, "Resource": resource});
        statement[if not { "NotAction" } else { "Action" }] = action.into();
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        statement
    })
}

proptest! {
    #[test]
    fn any_document_is_read(own in simulate::tests::json(), statement in simulate::tests::json(), there in simulate::tests::json()) {
        let policies = json!([{"PolicyName": "p", "PolicyDocument": own}, {"PolicyDocument": {"Statement": statement}}]);
        let user = Asset::new(USER, AssetKind::User, "ann").with("UserPolicyList", policies).with("Tags", own.clone());
        let role = Asset::new(ROLE, AssetKind::Role, "r").with("AssumeRolePolicyDocument", json!({"Statement": there}));
        let estate = estate(vec![user.with("PermissionsBoundary", there.clone()), role, bucket(json!([there, statement]))]);
        let (ann, r) = (estate.principal_of(USER).unwrap(), estate.principal_of(ROLE).unwrap());
        let _ = (estate.allows(ann, "s3:GetObject", "arn:aws:s3:::b/k", None), estate.assumes(ann, r), estate.admins());
        prop_assert!(estate.warnings().len() <= 100);
    }

    #[test]
    fn one_more_deny_never_allows_more(statements in prop::collection::vec(statement(), 0..6), mut extra in statement()) {
        extra["Effect"] = "Deny".into();
        let before = estate(vec![user(statements.clone())]);
        let after = estate(vec![user(statements.into_iter().chain([extra]).collect())]);
        let rank = |estate: &Estate, action, resource| match ask(estate, action, resource) {
            Decision::Allowed => 2,
            Decision::Conditional(_) => 1,
            Decision::Denied => 0,
        };
        for (action, resource) in [("s3:GetObject", "arn:aws:s3:::b/k"), ("iam:PutUserPolicy", USER)] {
            prop_assert!(rank(&after, action, resource) <= rank(&before, action, resource));
        }
        prop_assert!(after.admins().len() <= before.admins().len());
    }
}
