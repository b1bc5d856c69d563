#!/usr/bin/env python3
"""Checks attack paths on accounts with known answers, through the `aispm` command.

DATA is a folder with `pathfinding_labs_index.json`, the labs that it lists and `pathfinding_cloud_rules.json`.

1. removed: every lab, once for each permission that its description calls needed, without that permission. No path may
   then be confirmed, unless another way remains; those are printed for a person to judge.
2. rules: for every published rule the smallest account that has what the rule requires. A path must be confirmed, and
   none without any one of the required permissions.
"""
import argparse, copy, fnmatch, json, os, subprocess, tempfile
from pathlib import Path

ACCOUNT = "123456789012"
ADMIN = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def command():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--aispm", default=os.environ.get("AISPM", "target/release/aispm"))
    parser.add_argument("--only", default="", help="labs and rules whose id contains this")
    return parser.parse_args()


def solve(aispm, authz, resources, source, target):
    """The paths of one account, written as its owner would export it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "account-authorization-details.json").write_text(json.dumps(authz))
        if resources:
            listed = [{"address": f"{r['type']}.r{i}", "mode": "managed", "type": r["type"], "name": f"r{i}",
                       "values": {k: v for k, v in r.items() if k != "type"}} for i, r in enumerate(resources)]
            (Path(folder) / "terraform.json").write_text(json.dumps(
                {"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {"resources": listed}}}))
        start = ["--from", source] if source else []
        run = subprocess.run([aispm, "paths", folder, *start, "--to", target, "--format", "json"],
                             capture_output=True, encoding="utf-8")
        if run.returncode not in (0, 1):
            raise SystemExit(run.stderr)
        return json.loads(run.stdout)["paths"]


def described(paths):
    return " | ".join(" > ".join(f"{s['rule']}({s['to'].rsplit('/', 1)[-1]})" for s in p["steps"]) for p in paths[:2])


# Removed permissions.

def documents(authz, name):
    """The policy documents of a user or role."""
    managed = {p["Arn"]: p for p in authz.get("Policies", [])}
    for entry in authz.get("UserDetailList", []) + authz.get("RoleDetailList", []):
        if name not in (entry.get("UserName"), entry.get("RoleName"), entry.get("Arn")):
            continue
        for policy in entry.get("UserPolicyList", []) + entry.get("RolePolicyList", []):
            yield policy["PolicyDocument"]
        groups = [g for g in authz.get("GroupDetailList", []) if g["GroupName"] in entry.get("GroupList", [])]
        for policy in (p for g in groups for p in g.get("GroupPolicyList", [])):
            yield policy["PolicyDocument"]
        attached = entry.get("AttachedManagedPolicies", []) + [a for g in groups for a in g.get("AttachedManagedPolicies", [])]
        for version in (v for a in attached for v in managed.get(a["PolicyArn"], {}).get("PolicyVersionList", [])):
            yield version["Document"]


def listed(value):
    return value if isinstance(value, list) else [value]


def without(authz, name, action):
    """The account without this action; `None` if nothing names it, or a wildcard gives it."""
    authz, hit = copy.deepcopy(authz), False
    for document in documents(authz, name):
        kept = []
        for statement in listed(document["Statement"]):
            actions = listed(statement.get("Action", []))
            if statement["Effect"] == "Allow" and actions:
                left = [a for a in actions if a.lower() != action.lower()]
                if any(fnmatch.fnmatchcase(action.lower(), a.lower()) for a in left):
                    return None
                hit |= len(left) < len(actions)
                if not left:
                    continue
                statement["Action"] = left
            kept.append(statement)
        document["Statement"] = kept
    return authz if hit else None


def needed(lab):
    for entry in lab.get("required_permissions") or []:
        name = entry.get("principal")
        for permission in entry.get("permissions", []):
            if name:
                yield name.rsplit("/", 1)[-1], permission["permission"]


def removed(args):
    index = json.loads((args.data / "pathfinding_labs_index.json").read_text())
    cases = wrong = conditional = 0
    for lab in index["labs"]:
        if not lab["start"] or args.only not in lab["id"]:
            continue
        body = json.loads((args.data / lab["file"]).read_text())
        targets = ["admin"]
        if lab["target"] != "to-admin":
            nodes = [n["arn"] for n in body["graph"]["nodes"] if n.get("isTarget") and "arn" in n]
            targets = [arn.removesuffix("/*") for arn in nodes]
        for name, action in needed(body):
            authz = without(body["input"]["authz"], name, action)
            if authz is None:
                continue
            start = lab["start"] if lab["authz_contains_start"] else None
            paths = [p for t in targets for p in solve(args.aispm, authz, body["input"]["resources"], start, t)]
            cases += 1
            sure = [p for p in paths if p["status"] == "confirmed"]
            wrong += bool(sure)
            conditional += bool(paths) and not sure
            if paths:
                print(f"{'confirmed' if sure else 'conditional'}: {lab['id']} without {action}: {described(sure or paths)}")
    print(f"removed permissions: {cases} accounts, {wrong} confirmed, {conditional} conditional")


# Published rules.

def arn(service, rest, region="us-east-1"):
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{rest}"


ROLE, USER, POLICY, GROUP = (f"arn:aws:iam::{ACCOUNT}:{k}/target" for k in ("role", "user", "policy", "group"))
ME = f"arn:aws:iam::{ACCOUNT}:user/me"
ME_ROLE = f"arn:aws:iam::{ACCOUNT}:role/me"

# the services that a rule's role trusts, where they are not called as the rule's first service
TRUSTS = {"apprunner": "tasks.apprunner", "bedrock": "bedrock-agentcore", "ecs": "ecs-tasks", "ec2instanceconnect": "ec2",
          "ssm": "ec2"}
# what exists beforehand, with the target role
RESOURCES = {
    "apprunner-002": ("aws_apprunner_service", {"instance_configuration": [{"instance_role_arn": ROLE}],
                                                "arn": arn("apprunner", "service/x/1")}),
    "bedrock-002": ("aws_bedrockagentcore_code_interpreter", {"execution_role_arn": ROLE}),
    "cloudformation-002": ("aws_cloudformation_stack", {"iam_role_arn": ROLE}),
    "cloudformation-004": ("aws_cloudformation_stack_set", {}),
    "cloudformation-005": ("aws_cloudformation_stack", {"iam_role_arn": ROLE}),
    "codebuild-002": ("aws_codebuild_project", {"service_role": ROLE}),
    "codebuild-003": ("aws_codebuild_project", {"service_role": ROLE, "build_batch_config": [{"service_role": ROLE}]}),
    "ec2instanceconnect-003": ("aws_instance", {"iam_instance_profile": "target"}),
    "ec2-002": ("aws_instance", {"iam_instance_profile": "target"}),
    "ec2-004": ("aws_launch_template", {"iam_instance_profile": [{"name": "target"}]}),
    "ecs-003": ("aws_ecs_cluster", {}), "ecs-004": ("aws_ecs_cluster", {}), "ecs-005": ("aws_ecs_cluster", {}),
    "glue-002": ("aws_glue_dev_endpoint", {"role_arn": ROLE}),
    "glue-005": ("aws_glue_job", {"role_arn": ROLE.replace("target", "weak")}),
    "glue-006": ("aws_glue_job", {"role_arn": ROLE.replace("target", "weak")}),
    "lambda-003": ("aws_lambda_function", {"role": ROLE}), "lambda-004": ("aws_lambda_function", {"role": ROLE}),
    "lambda-005": ("aws_lambda_function", {"role": ROLE}),
    "sagemaker-004": ("aws_sagemaker_notebook_instance", {"role_arn": ROLE}),
    "sagemaker-005": ("aws_sagemaker_notebook_instance", {"role_arn": ROLE}),
    "ssm-001": ("aws_instance", {"iam_instance_profile": "target"}),
    "ssm-002": ("aws_instance", {"iam_instance_profile": "target"}),
}
# needed to find the target, not to take it
FINDS = {"ec2:DescribeInstances", "ecs:DescribeTasks"}


def account(rule, permissions):
    """The smallest account for a rule: who starts, and what the rule takes for granted."""
    trust = lambda principal: {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
    start = ME_ROLE if rule["id"] in ("iam-005", "iam-009") else ME
    # who takes over another user has no right over himself
    resource = USER if rule["id"] in ("iam-015", "iam-018") else "*"
    statement = {"Effect": "Allow", "Action": permissions, "Resource": resource}
    inline = [{"PolicyName": "p", "PolicyDocument": {"Statement": [statement]}}]
    created = "2024-01-01T00:00:00Z"
    users, roles, groups, policies, resources = [], [], [], [], []
    me = {"Arn": start, "CreateDate": created, "AttachedManagedPolicies": []}
    if start == ME:
        me |= {"UserName": "me", "UserPolicyList": inline if permissions else [], "GroupList": []}
        users.append(me)
    else:
        me |= {"RoleName": "me", "RolePolicyList": inline if permissions else [], "InstanceProfileList": [],
               "AssumeRolePolicyDocument": trust({"Service": "batch.amazonaws.com"})}
        roles.append(me)
    prefix = rule["id"].split("-")[0]
    role = {"Arn": ROLE, "RoleName": "target", "CreateDate": created, "AttachedManagedPolicies": [], "RolePolicyList": [],
            "InstanceProfileList": []}
    admin = [{"PolicyName": "a", "PolicyDocument": ADMIN}]
    if prefix not in ("iam", "sts"):
        service = TRUSTS.get(prefix, prefix)
        role["AssumeRolePolicyDocument"] = trust({"Service": f"{service}.amazonaws.com"})
        role["RolePolicyList"] = admin
        if service == "ec2":
            role["InstanceProfileList"] = [{"InstanceProfileName": "target", "Arn": arn("iam", "instance-profile/target", "")}]
        if rule["id"] in ("cloudformation-003", "cloudformation-004"):
            # the role in hand administers, another one executes
            role["RolePolicyList"] = [{"PolicyName": "a", "PolicyDocument": {"Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE.replace("target", "executor")}]}}]
            roles.append(role | {"Arn": ROLE.replace("target", "executor"), "RoleName": "executor", "RolePolicyList": admin,
                                 "AssumeRolePolicyDocument": trust({"AWS": ROLE})})
        roles.append(role)
        if "weak" in str(RESOURCES.get(rule["id"])):
            roles.append(role | {"Arn": ROLE.replace("target", "weak"), "RoleName": "weak", "RolePolicyList": []})
        if rule["id"] == "ecs-005":
            host = {"InstanceProfileName": "host", "Arn": arn("iam", "instance-profile/host", "")}
            registers = [{"PolicyName": "h", "PolicyDocument": {"Statement": [
                {"Effect": "Allow", "Action": "ecs:RegisterContainerInstance", "Resource": "*"}]}}]
            roles.append({"Arn": ROLE.replace("target", "host"), "RoleName": "host", "CreateDate": created,
                          "AttachedManagedPolicies": [], "RolePolicyList": registers, "InstanceProfileList": [host],
                          "AssumeRolePolicyDocument": trust({"Service": "ec2.amazonaws.com"})})
            resources.append({"type": "aws_instance", "name": "i-1", "arn": arn("ec2", "instance/i-1"),
                              "iam_instance_profile": "host"})
    number = rule["id"]
    held = [{"PolicyName": "target", "PolicyArn": POLICY}]
    versions = [{"VersionId": "v1", "IsDefaultVersion": True, "Document": {"Statement": [
        {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}}]
    policy = {"Arn": POLICY, "PolicyName": "target", "DefaultVersionId": "v1", "PolicyVersionList": versions}
    if number == "iam-001":
        me["AttachedManagedPolicies"] = held
        policies.append(policy)
    if number in ("iam-002", "iam-003", "iam-004", "iam-006"):
        users.append({"Arn": USER, "UserName": "target", "CreateDate": created, "UserPolicyList": admin, "GroupList": [],
                      "AttachedManagedPolicies": []})
    if number in ("iam-015", "iam-018"):
        users.append({"Arn": USER, "UserName": "target", "CreateDate": created, "UserPolicyList": [], "GroupList": [],
                      "AttachedManagedPolicies": []})
    if number in ("iam-010", "iam-011", "iam-013"):
        groups.append({"Arn": GROUP, "GroupName": "target", "GroupPolicyList": admin if number == "iam-013" else [],
                       "AttachedManagedPolicies": []})
        me["GroupList"] = [] if number == "iam-013" else ["target"]
    if number in ("iam-012", "iam-014", "iam-016", "iam-017", "iam-019", "iam-020", "iam-021", "sts-001"):
        assumed = "sts:AssumeRole" in rule["required"]
        # the root delegates, so that the permission is needed too
        role["AssumeRolePolicyDocument"] = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"} if assumed else
                                                 {"Service": "batch.amazonaws.com"})
        role["RolePolicyList"] = admin if number in ("iam-012", "sts-001") else []
        if "iam:CreatePolicyVersion" in rule["required"]:
            role["AttachedManagedPolicies"] = held
            policies.append(policy)
        roles.append(role)
    if number in RESOURCES:
        kind, values = RESOURCES[number]
        known = {"aws_instance": "instance/i-1", "aws_launch_template": "launch-template/lt-1"}
        place = {"arn": arn("ec2", known[kind]), "id": known[kind].split("/")[1]} if kind in known else {}
        resources.append({"type": kind, "name": "x", **place, **values})
    return {"UserDetailList": users, "RoleDetailList": roles, "GroupDetailList": groups, "Policies": policies}, resources, start


def rules(args):
    published = json.loads((args.data / "pathfinding_cloud_rules.json").read_text())["rules"]
    found = wrong = cases = conditional = without_one = 0
    for rule in published:
        if args.only not in rule["id"]:
            continue
        cases += 1
        required = rule["required"]
        full = solve(args.aispm, *account(rule, required), "admin")
        status = {p["status"] for p in full}
        found += "confirmed" in status
        conditional += status == {"conditional"}
        if "confirmed" not in status:
            print(f"rule {rule['id']}: {'conditional' if status else 'missed'}; {', '.join(required)}: {described(full)}")
        for action in required:
            if action in FINDS:
                continue
            without_one += 1
            paths = solve(args.aispm, *account(rule, [a for a in required if a != action]), "admin")
            sure = [p for p in paths if p["status"] == "confirmed"]
            wrong += bool(sure)
            if sure:
                print(f"rule {rule['id']} without {action}: {described(sure)}")
    print(f"rules: {found} of {cases} confirmed, {conditional} conditional; {wrong} of {without_one} confirmed without a requirement")


if __name__ == "__main__":
    args = command()
    removed(args)
    rules(args)
