//! What permissions of AWS make of rules, on accounts of a few principals.

use super::*;

fn status(inventory: &Inventory, to: Target) -> Option<PathStatus> {
    let solution = ask(inventory, &arn("user/u"), to);
    solution.paths.iter().map(|path| path.status).min()
}

const CONFIRMED: Option<PathStatus> = Some(PathStatus::Confirmed);
const CONDITIONAL: Option<PathStatus> = Some(PathStatus::Conditional);

fn on_condition(actions: &[&str], resource: &str, condition: Value) -> Value {
    let mut statement = allow(actions, resource);
    statement["Condition"] = condition;
    statement
}

#[test]
fn what_may_be_attached_decides() {
    let strong = json!([{"IsDefaultVersion": true, "Document": {"Statement": allow(&["*"], "*")}}]);
    let own = Asset::new(arn("policy/own"), AssetKind::Policy, "own").with("PolicyVersionList", strong);
    let attaches = |policy: &str| {
        let only = json!({"ArnEquals": {"iam:PolicyARN": policy}});
        let statement = on_condition(&["iam:AttachUserPolicy"], "*", only);
        status(&inventory(vec![user("u", vec![statement]), own.clone()], &[]), Target::Admin)
    };
    assert_eq!(attaches("arn:aws:iam::aws:policy/AdministratorAccess"), CONFIRMED);
    assert_eq!(attaches(&arn("policy/own")), CONFIRMED);
    assert_eq!(attaches("arn:aws:iam::aws:policy/ReadOnlyAccess"), None);
}

#[test]
fn what_is_made_must_be_what_is_used() {
    let creates = |create: &str, invoke: &str| {
        let statements = vec![
            allow(&["iam:PassRole"], "*"),
            allow(&["lambda:CreateFunction"], create),
            allow(&["lambda:InvokeFunction"], invoke),
        ];
        let estate = inventory(vec![user("u", statements), admin_for("lambda.amazonaws.com")], &[]);
        status(&estate, Target::Admin)
    };
    let function = |name: &str| format!("arn:aws:lambda:eu-west-1:111111111111:function:{name}");
    assert_eq!(creates("*", "*"), CONFIRMED);
    assert_eq!(creates(&function("dev-*"), "arn:aws:lambda:*:*:function:*"), CONFIRMED);
    assert_eq!(creates(&function("dev-*"), &function("dev-*")), CONFIRMED);
    assert_eq!(creates(&function("dev-*"), &function("prod-*")), None);
}

#[test]
fn what_exists_is_not_new() {
    let function = "arn:aws:lambda:eu-west-1:111111111111:function:f";
    let actions = ["lambda:CreateFunction", "lambda:InvokeFunction"];
    let statements = vec![allow(&["iam:PassRole"], "*"), allow(&actions, function)];
    let assets = vec![user("u", statements), admin_for("lambda.amazonaws.com")];
    assert_eq!(status(&inventory(assets.clone(), &[]), Target::Admin), CONFIRMED);
    let taken = Asset::new(function, AssetKind::Function, "f");
    assert_eq!(status(&inventory([assets, vec![taken]].concat(), &[]), Target::Admin), None);
}

#[test]
fn an_identity_that_must_be_bounded_is_no_administrator() {
    let bounded = json!({"StringEquals": {"iam:PermissionsBoundary": arn("policy/b")}});
    let creates = |statement| status(&inventory(vec![user("u", vec![statement])], &[]), Target::Admin);
    let actions = ["iam:CreateRole", "iam:PutRolePolicy"];
    assert_eq!(creates(allow(&actions, "*")), CONFIRMED);
    assert_eq!(creates(on_condition(&actions, "*", bounded)), None);
}

#[test]
fn tags_that_are_shown_decide() {
    let tagged = json!({"StringEquals": {"aws:ResourceTag/team": "ml"}});
    let takes = |team: &str| {
        let target = user("t", vec![allow(&["*"], "*")]).with("Tags", json!([{"Key": "team", "Value": team}]));
        let statement = on_condition(&["iam:CreateAccessKey"], "*", tagged.clone());
        status(&inventory(vec![user("u", vec![statement]), target], &[]), Target::Admin)
    };
    assert_eq!((takes("ml"), takes("web")), (CONFIRMED, None));
}

#[test]
fn what_the_input_cannot_show_is_a_condition() {
    for condition in [
        json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
        json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
        json!({"StringEquals": {"aws:SourceVpce": "vpce-1"}}),
    ] {
        let statement = on_condition(&["iam:PutUserPolicy"], "*", condition);
        assert_eq!(status(&inventory(vec![user("u", vec![statement])], &[]), Target::Admin), CONDITIONAL);
    }
}

#[test]
fn passing_only_weak_roles_makes_no_administrator() {
    let statements = vec![
        allow(&["iam:PassRole"], &arn("role/weak")),
        allow(&["lambda:CreateFunction", "lambda:InvokeFunction"], "*"),
    ];
    let weak = role("role/weak", json!({"Service": "lambda.amazonaws.com"}), vec![allow(&["s3:List*"], "*")]);
    let estate = inventory(vec![user("u", statements), weak, admin_for("lambda.amazonaws.com")], &[]);
    assert_eq!(status(&estate, Target::Admin), None);
}

#[test]
fn code_runs_without_a_right_to_start_it_where_something_else_does() {
    let function = "arn:aws:lambda:eu-west-1:111111111111:function:f";
    let estate = |key: &str, relations: &[(&str, RelationKind, &str)]| {
        let f = Asset::new(function, AssetKind::Function, "f").with("terraform_type", "aws_lambda_function");
        let assets = vec![
            user("u", vec![allow(&["lambda:UpdateFunctionCode"], "*")]),
            admin_for("lambda.amazonaws.com"),
            f.with(key, "s3.amazonaws.com"),
            Asset::new("https://f.example", AssetKind::Endpoint, "f.example"),
        ];
        let runs = (function, RelationKind::RunsAs, ADMIN);
        inventory(assets, &[relations, &[runs]].concat())
    };
    assert_eq!(status(&estate("runtime", &[]), Target::Admin), CONDITIONAL);
    assert_eq!(status(&estate("invoked_by", &[]), Target::Admin), CONFIRMED);
    let exposed = ("https://f.example", RelationKind::Exposes, function);
    assert_eq!(status(&estate("runtime", &[exposed]), Target::Admin), CONFIRMED);
}

#[test]
fn a_bucket_policy_stops_whom_it_denies_and_lets_in_whom_it_names() {
    let policy = json!({"Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": format!("{BUCKET}/*"),
         "Condition": {"StringNotLike": {"aws:PrincipalArn": arn("role/reader")}}},
        {"Effect": "Allow", "Principal": {"AWS": arn("role/reader")}, "Action": "s3:GetObject",
         "Resource": format!("{BUCKET}/*")},
    ]});
    let bucket = Asset::new(BUCKET, AssetKind::Bucket, "records").with("policy", policy);
    let assets = vec![
        user("u", vec![allow(&["s3:GetObject", "sts:AssumeRole"], "*")]),
        role("role/reader", json!({"AWS": arn("root")}), vec![]),
        bucket,
    ];
    let solution = ask(&inventory(assets, &[]), &arn("user/u"), Target::Asset(BUCKET.into()));
    assert_eq!(rules(&solution.paths[0]), ["assume-role", "read-bucket"]);
}

#[test]
fn what_is_encrypted_with_a_customers_key_needs_the_key() {
    let key = "arn:aws:kms:eu-west-1:111111111111:key/k";
    let estate = |actions: &[&str], policy: Option<Value>| {
        let mut bucket = Asset::new(BUCKET, AssetKind::Bucket, "records");
        bucket.encryption.customer_key = Some(true);
        let known = Asset::new(key, AssetKind::Secret, "k").with("terraform_type", "aws_kms_key");
        let known = policy.into_iter().fold(known, |known, policy| known.with("policy", policy));
        inventory(vec![user("u", vec![allow(actions, "*")]), bucket, known], &[(BUCKET, RelationKind::Uses, key)])
    };
    let root = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": arn("root")}, "Action": "kms:*", "Resource": "*"}});
    let reads = |estate: &Inventory| status(estate, Target::Asset(BUCKET.into()));
    assert_eq!(reads(&estate(&["s3:GetObject"], None)), None);
    assert_eq!(reads(&estate(&["s3:GetObject", "kms:Decrypt"], None)), CONDITIONAL);
    assert_eq!(reads(&estate(&["s3:GetObject", "kms:Decrypt"], Some(root))), CONFIRMED);
}

#[test]
fn a_role_is_put_into_a_profile_that_has_another() {
    let launches = |actions: &[&str]| {
        let profile = json!([{"InstanceProfileName": "p"}]);
        let weak =
            role("role/weak", json!({"Service": "ec2.amazonaws.com"}), vec![]).with("InstanceProfileList", profile);
        let estate = inventory(vec![user("u", vec![allow(actions, "*")]), weak, admin_for("ec2.amazonaws.com")], &[]);
        status(&estate, Target::Admin)
    };
    let all = ["iam:PassRole", "iam:RemoveRoleFromInstanceProfile", "iam:AddRoleToInstanceProfile", "ec2:RunInstances"];
    assert_eq!(launches(&all), CONFIRMED);
    for missing in 0..all.len() {
        let rest: Vec<&str> = all.iter().enumerate().filter(|(i, _)| *i != missing).map(|(_, a)| *a).collect();
        assert_eq!(launches(&rest), None, "without {}", all[missing]);
    }
}

#[test]
fn a_bucket_is_found_without_its_generated_suffix() {
    let asked = |other: &str| {
        let buckets = [format!("{BUCKET}-1a2b3c"), format!("{BUCKET}{other}")];
        let statement = allow(&["s3:GetObject"], &format!("{BUCKET}-1a2b3c/*"));
        let seen = |id: &String| Asset::new(id, AssetKind::Bucket, id.as_str()).seen(Evidence::file("main.tf"));
        let buckets = buckets.iter().map(seen);
        let estate = inventory(buckets.chain([user("u", vec![statement])]).collect(), &[]);
        ask(&estate, &arn("user/u"), Target::Asset(BUCKET.into()))
    };
    let found = asked("-logs");
    assert_eq!(rules(&found.paths[0]), ["read-bucket", "asked-as"]);
    assert!(found.warnings[0].contains("taken for"), "{:?}", found.warnings);
    assert!(asked("-9f8e7d").paths.is_empty(), "two could be meant");
}

#[test]
fn a_function_may_let_another_account_change_it() {
    let function = "arn:aws:lambda:eu-west-1:111111111111:function:f";
    let stranger = "arn:aws:iam::222222222222:role/ci";
    let policy = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": stranger}, "Resource": function,
        "Action": ["lambda:UpdateFunctionCode", "lambda:InvokeFunction"]}});
    let f = Asset::new(function, AssetKind::Function, "f").with("terraform_type", "aws_lambda_function");
    let assets = vec![admin_for("lambda.amazonaws.com"), f.with("policy", policy)];
    let estate = inventory(assets, &[(function, RelationKind::RunsAs, ADMIN)]);
    let solution = ask(&estate, stranger, Target::Admin);
    assert_eq!(
        (rules(&solution.paths[0]), solution.paths[0].status),
        (vec!["lambda-update-code"], PathStatus::Confirmed)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Who is administrator or can become it never grows when a permission is taken away.
    #[test]
    fn taking_an_allow_away_never_adds_a_path(
        statements in prop::collection::vec(policy(), 1..6),
        b in prop::collection::vec(policy(), 0..4),
        place in any::<prop::sample::Index>(),
    ) {
        let estate = |a: Vec<Value>| {
            let root = json!({"AWS": arn("root")});
            inventory(
                vec![user("a", a), user("b", b.clone()), role("role/r", root, vec![]), admin_for("lambda.amazonaws.com")],
                &[],
            )
        };
        let strong = |inventory: &Inventory| {
            let query = Query { to: vec![Target::Admin], ..Query::default() };
            let solution = solve(inventory, &query);
            let paths = solution.paths.into_iter().map(|path| (path.source, path.status == PathStatus::Confirmed));
            paths.chain(solution.admins.into_iter().map(|id| (id, true))).collect::<BTreeSet<_>>()
        };
        let before = strong(&estate(statements.clone()));
        let mut fewer = statements;
        let place = place.index(fewer.len());
        let removed = fewer.remove(place);
        prop_assume!(removed["Effect"] == "Allow");
        for (source, sure) in strong(&estate(fewer)) {
            prop_assert!(before.contains(&(source.clone(), true)) || (!sure && before.contains(&(source, false))));
        }
    }
}

#[test]
fn a_boundary_that_may_only_be_set_to_itself_stays() {
    let document = json!([{"IsDefaultVersion": true, "Document": {"Statement": allow(&["s3:*"], "*")}}]);
    let boundary = Asset::new(arn("policy/b"), AssetKind::Policy, "b").with("PolicyVersionList", document);
    let puts = |statements: Vec<Value>| {
        let mut statements = statements;
        statements.push(allow(&["iam:CreateAccessKey"], "*"));
        let held = json!({"PermissionsBoundaryArn": arn("policy/b")});
        let target = user("t", vec![allow(&["*"], "*")]).with("PermissionsBoundary", held);
        status(&inventory(vec![user("u", statements), target, boundary.clone()], &[]), Target::Admin)
    };
    let put = "iam:PutUserPermissionsBoundary";
    assert_eq!(puts(vec![allow(&[put], "*")]), CONFIRMED);
    let same = json!({"StringEquals": {"iam:PermissionsBoundary": arn("policy/b")}});
    assert_eq!(puts(vec![on_condition(&[put], "*", same)]), None);
    let other = json!({"StringNotEquals": {"iam:PermissionsBoundary": arn("policy/b")}});
    let mut deny = on_condition(&[put], "*", other);
    deny["Effect"] = "Deny".into();
    assert_eq!(puts(vec![allow(&[put], "*"), deny]), None);
}

#[test]
fn roles_that_aws_protects_cannot_be_rewritten() {
    let rewrites = |name: &str| {
        let actions = ["iam:UpdateAssumeRolePolicy"];
        let role = Asset::new(arn(name), AssetKind::Role, "r")
            .with("RolePolicyList", json!([{"PolicyName": "p", "PolicyDocument": {"Statement": allow(&["*"], "*")}}]));
        status(&inventory(vec![user("u", vec![allow(&actions, "*")]), role], &[]), Target::Admin)
    };
    assert_eq!(rewrites("role/r"), CONFIRMED);
    assert_eq!(rewrites("role/aws-service-role/x.amazonaws.com/r"), None);
    assert_eq!(rewrites("role/aws-reserved/sso.amazonaws.com/r"), None);
}
