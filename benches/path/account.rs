//! Whole answers for generated accounts: from the export on disk to paths, choke points and fixes.

use std::fmt::Write;

use aispm_core::discover::discover;
use aispm_core::path::{Query, solve};

use super::engine::median;

/// Ways to administrator that a user has all permissions for.
const WAYS: [&[&str]; 6] = [
    &["iam:PutUserPolicy"],
    &["iam:AttachUserPolicy"],
    &["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"],
    &["iam:PassRole", "ec2:RunInstances"],
    &["iam:CreateAccessKey"],
    &["sts:AssumeRole"],
];

pub fn measure() {
    println!(
        "\n{:>10} {:>8} {:>6} {:>6} {:>12} {:>12} {:>14}",
        "principals", "k", "paths", "fixes", "read, ms", "solve, ms", "at least, fixes"
    );
    for (principals, k) in [(89, 1), (178, 1), (178, 3), (1780, 1)] {
        let folder = std::env::temp_dir().join(format!("aispm-bench-account-{}-{principals}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the account");
        std::fs::write(folder.join("account-authorization-details.json"), account(principals)).expect("as well");
        let read = median(5, || drop(discover([&folder])));
        let inventory = discover([&folder]).inventory;
        let mut query = Query::default();
        query.k = k;
        let solution = solve(&inventory, &query);
        let took = median(5, || drop(solve(&inventory, &query)));
        let (paths, fixes, least) = (solution.paths.len(), solution.fixes.len(), solution.fixes_lower_bound);
        assert!(paths > principals / 4 && fixes > 0);
        println!("{principals:>10} {k:>8} {paths:>6} {fixes:>6} {read:>12.2} {took:>12.2} {least:>14}");
        let _ = std::fs::remove_dir_all(&folder);
    }
}

/// `get-account-authorization-details`: half users and half roles; half of them have a way to administrator, a third lack
/// one permission of one, the others read.
fn account(principals: usize) -> String {
    let arn = |kind: &str, n: usize| format!("arn:aws:iam::111111111111:{kind}/{kind}-{n}");
    let mut users = String::new();
    let mut roles = String::from(
        r#"{"Path":"/","RoleName":"admin","RoleId":"A","Arn":"arn:aws:iam::111111111111:role/admin","AssumeRolePolicyDocument":{"Statement":[{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","ec2.amazonaws.com"]},"Action":"sts:AssumeRole"}]},"RolePolicyList":[{"PolicyName":"all","PolicyDocument":{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}}],"AttachedManagedPolicies":[],"InstanceProfileList":[{"InstanceProfileName":"admin","Arn":"arn:aws:iam::111111111111:instance-profile/admin"}]}"#,
    );
    for n in 0..principals {
        let way = WAYS[n % WAYS.len()];
        let actions: Vec<&str> = match n % 6 {
            0 | 2 | 4 => way.to_vec(),
            1 | 3 => way[1..].to_vec(),
            _ => vec!["s3:GetObject", "s3:ListBucket"],
        };
        let resource = if way == ["sts:AssumeRole"] { arn("role", n + 1) } else { "*".to_owned() };
        let actions = format!("[{}]", actions.iter().map(|action| format!("{action:?}")).collect::<Vec<_>>().join(","));
        let policy = format!(
            r#"[{{"PolicyName":"p{n}","PolicyDocument":{{"Statement":[{{"Effect":"Allow","Action":{actions},"Resource":"{resource}"}}]}}}}]"#
        );
        if n % 2 == 0 {
            let comma = if users.is_empty() { "" } else { "," };
            let _ = write!(
                users,
                r#"{comma}{{"Path":"/","UserName":"user-{n}","UserId":"U{n}","Arn":"{}","UserPolicyList":{policy},"GroupList":[],"AttachedManagedPolicies":[]}}"#,
                arn("user", n)
            );
        } else {
            let _ = write!(
                roles,
                r#",{{"Path":"/","RoleName":"role-{n}","RoleId":"R{n}","Arn":"{}","AssumeRolePolicyDocument":{{"Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::111111111111:root"}},"Action":"sts:AssumeRole"}}]}},"RolePolicyList":{policy},"AttachedManagedPolicies":[],"InstanceProfileList":[]}}"#,
                arn("role", n)
            );
        }
    }
    format!(r#"{{"UserDetailList":[{users}],"GroupDetailList":[],"RoleDetailList":[{roles}],"Policies":[]}}"#)
}
