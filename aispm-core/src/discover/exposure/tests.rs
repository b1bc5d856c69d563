use proptest::prelude::*;
use serde_json::{Value, json};

use crate::asset::{AssetId, Exposure, Inventory, RelationKind};
use crate::discover::discovery_of;

/// What files with these names and texts give.
fn inventory(files: &[(&str, &str)]) -> Inventory {
    discovery_of(files).inventory
}

/// A Terraform state of these resources.
fn state(resources: &[(&str, Value)]) -> Inventory {
    let entry = |(i, (kind, values)): (usize, &(&str, Value))| json!({"address": format!("{kind}.r{i}"), "mode": "managed", "type": kind, "name": format!("r{i}"), "values": values});
    let all: Vec<Value> = resources.iter().enumerate().map(entry).collect();
    let text =
        json!({"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {"resources": all}}});
    inventory(&[("tf.json", &text.to_string())])
}

const VM: &str = "arn:aws:ec2:eu-west-1:111111111111:instance/i-1";

/// An instance in a subnet with a group, an access list and a route table, each as given.
fn vm(public: &str, group: Value, list: Value, routes: Value) -> Inventory {
    let arn = |rest: &str| format!("arn:aws:ec2:eu-west-1:111111111111:{rest}");
    state(&[
        ("aws_vpc", json!({"id": "vpc-1", "arn": arn("vpc/vpc-1")})),
        (
            "aws_subnet",
            json!({"id": "subnet-1", "arn": arn("subnet/subnet-1"), "vpc_id": "vpc-1", "map_public_ip_on_launch": false}),
        ),
        (
            "aws_security_group",
            json!({"id": "sg-1", "name": "web", "arn": arn("security-group/sg-1"), "ingress": group}),
        ),
        (
            "aws_network_acl",
            json!({"id": "acl-1", "arn": arn("network-acl/acl-1"), "vpc_id": "vpc-1", "subnet_ids": ["subnet-1"],
            "ingress": list["in"], "egress": list["out"]}),
        ),
        (
            "aws_route_table",
            json!({"id": "rtb-1", "arn": arn("route-table/rtb-1"), "vpc_id": "vpc-1", "route": routes}),
        ),
        (
            "aws_route_table_association",
            json!({"id": "rtbassoc-1", "subnet_id": "subnet-1", "route_table_id": "rtb-1"}),
        ),
        (
            "aws_instance",
            json!({"id": "i-1", "arn": VM, "public_ip": public, "subnet_id": "subnet-1", "vpc_security_group_ids": ["sg-1"]}),
        ),
    ])
}

fn lets_in(cidr: &str, port: u16) -> Value {
    json!({"from_port": port, "to_port": port, "protocol": "tcp", "cidr_blocks": [cidr]})
}

fn acl(number: u16, action: &str, cidr: &str, ports: (u16, u16)) -> Value {
    json!({"rule_no": number, "action": action, "protocol": "tcp", "cidr_block": cidr, "from_port": ports.0, "to_port": ports.1})
}

fn open_list() -> Value {
    let all = json!({"rule_no": 100, "action": "allow", "protocol": "-1", "cidr_block": "0.0.0.0/0", "from_port": 0, "to_port": 0});
    json!({"in": [all], "out": [all]})
}

fn to_gateway() -> Value {
    json!([{"cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"}])
}

/// What is said of an asset: the answer, its conditions, and whether the relation agrees.
fn said(inventory: &Inventory, id: &str) -> (String, Vec<String>) {
    let asset = inventory.get(id).unwrap_or_else(|| panic!("no {id}"));
    let Some(reach) = asset.properties.get("reachability") else { return ("nothing".to_owned(), Vec::new()) };
    let answer = reach["internet"].as_str().unwrap().to_owned();
    let conditions =
        reach["conditions"].as_array().into_iter().flatten().map(|c| c.as_str().unwrap().to_owned()).collect();
    (answer, conditions)
}

fn answer(inventory: &Inventory, id: &str) -> String {
    said(inventory, id).0
}

fn is_exposed(inventory: &Inventory, id: &str) -> bool {
    inventory.outgoing(AssetId::INTERNET).any(|r| r.kind == RelationKind::Exposes && r.to.as_str() == id)
}

#[test]
fn an_instance_is_reached_only_through_every_gate() {
    let web = || json!([lets_in("0.0.0.0/0", 443)]);
    let open = vm("198.51.100.7", web(), open_list(), to_gateway());
    assert_eq!(answer(&open, VM), "yes");
    assert_eq!(open.get(VM).unwrap().exposure, Some(Exposure::Public));
    let relation = open.outgoing(AssetId::INTERNET).find(|r| r.to.as_str() == VM).unwrap();
    let shown: Vec<_> = relation.evidence.iter().filter_map(|e| e.excerpt.as_deref()).collect();
    for part in ["public address", "security group web lets in tcp 443", "leads to an internet gateway"] {
        assert!(shown.iter().any(|text| text.contains(part)), "{part}: {shown:?}");
    }
    let v6 = json!([{"from_port": 22, "to_port": 22, "protocol": "tcp", "ipv6_cidr_blocks": ["::/0"]}]);
    assert_eq!(
        answer(&vm("198.51.100.7", v6, json!({"in": [], "out": []}), to_gateway()), VM),
        "no",
        "an empty list stops all"
    );

    let shut_list = json!({"in": [acl(90, "deny", "0.0.0.0/0", (443, 443)), acl(100, "allow", "0.0.0.0/0", (0, 65535))], "out": open_list()["out"]});
    let late = json!({"in": [acl(100, "allow", "0.0.0.0/0", (0, 65535)), acl(110, "deny", "0.0.0.0/0", (443, 443))], "out": open_list()["out"]});
    let mute = json!({"in": open_list()["in"], "out": [acl(100, "allow", "0.0.0.0/0", (443, 443))]});
    let inside = json!([{"cidr_block": "0.0.0.0/0", "nat_gateway_id": "nat-1", "gateway_id": ""}]);
    for (why, inventory, expected) in [
        ("no address", vm("", web(), open_list(), to_gateway()), "no"),
        ("no rule", vm("198.51.100.7", json!([]), open_list(), to_gateway()), "no"),
        ("only from inside", vm("198.51.100.7", json!([lets_in("10.0.0.0/8", 443)]), open_list(), to_gateway()), "no"),
        (
            "only by ping",
            vm(
                "198.51.100.7",
                json!([{"from_port": -1, "to_port": -1, "protocol": "icmp", "cidr_blocks": ["0.0.0.0/0"]}]),
                open_list(),
                to_gateway(),
            ),
            "no",
        ),
        (
            "from members of a group",
            vm(
                "198.51.100.7",
                json!([{"from_port": 443, "to_port": 443, "protocol": "tcp", "security_groups": ["sg-9"]}]),
                open_list(),
                to_gateway(),
            ),
            "no",
        ),
        ("the list stops it", vm("198.51.100.7", web(), shut_list, to_gateway()), "no"),
        ("the list stops it too late", vm("198.51.100.7", web(), late, to_gateway()), "yes"),
        ("no answer gets out", vm("198.51.100.7", web(), mute, to_gateway()), "no"),
        ("no route", vm("198.51.100.7", web(), open_list(), inside), "no"),
        (
            "a partner",
            vm("198.51.100.7", json!([lets_in("203.0.113.0/24", 443)]), open_list(), to_gateway()),
            "conditional",
        ),
    ] {
        assert_eq!(answer(&inventory, VM), expected, "{why}");
        assert_eq!(is_exposed(&inventory, VM), expected != "no", "{why}");
    }
    let partner = vm("198.51.100.7", json!([lets_in("203.0.113.0/24", 443)]), open_list(), to_gateway());
    assert_eq!(partner.get(VM).unwrap().exposure, Some(Exposure::Restricted));
    assert_eq!(said(&partner, VM).1, ["the caller's address is in 203.0.113.0/24"]);
}

#[test]
fn rules_that_stand_apart_and_elastic_addresses() {
    let with = |rule: (&str, Value), address: bool| {
        let mut all = vec![
            (
                "aws_security_group",
                json!({"id": "sg-1", "name": "web", "arn": "arn:aws:ec2:eu-west-1:111111111111:security-group/sg-1"}),
            ),
            ("aws_instance", json!({"id": "i-1", "arn": VM, "public_ip": "", "vpc_security_group_ids": ["sg-1"]})),
            rule,
        ];
        if address {
            all.push(("aws_eip", json!({"id": "eipalloc-1", "instance": "i-1", "public_ip": "198.51.100.7"})));
        }
        answer(&state(&all), VM)
    };
    let new = |cidr: &str| {
        (
            "aws_vpc_security_group_ingress_rule",
            json!({"id": "sgr-1", "security_group_id": "sg-1", "cidr_ipv4": cidr, "ip_protocol": "tcp", "from_port": 443, "to_port": 443}),
        )
    };
    let old = |kind: &str| {
        (
            "aws_security_group_rule",
            json!({"id": "sgrule-1", "type": kind, "security_group_id": "sg-1", "cidr_blocks": ["0.0.0.0/0"], "protocol": "-1", "from_port": 0, "to_port": 0}),
        )
    };
    assert_eq!(with(new("0.0.0.0/0"), true), "yes");
    assert_eq!(with(new("10.0.0.0/8"), true), "no");
    assert_eq!(with(new("0.0.0.0/0"), false), "no");
    assert_eq!((with(old("ingress"), true), with(old("egress"), true)), ("yes".to_owned(), "no".to_owned()));
}

#[test]
fn answers_of_the_api_tell_the_same() {
    let group = |cidr: &str| {
        json!({"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "web", "OwnerId": "111111111111",
            "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": cidr}]}],
            "SecurityGroupArn": "arn:aws:ec2:eu-west-1:111111111111:security-group/sg-1"}]})
    };
    let machine = |address: &str| {
        let mut machine = json!({"InstanceId": "i-1", "ImageId": "ami-1", "Placement": {"AvailabilityZone": "eu-west-1a"},
            "SecurityGroups": [{"GroupId": "sg-1"}], "SubnetId": "subnet-1"});
        if !address.is_empty() {
            machine["PublicIpAddress"] = address.into();
        }
        json!({"Reservations": [{"OwnerId": "111111111111", "Instances": [machine]}]})
    };
    let routes = |gateway: &str| {
        json!({"RouteTables": [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "OwnerId": "111111111111",
            "Associations": [{"SubnetId": "subnet-1", "Main": false}],
            "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway, "State": "active"}]}]})
    };
    let subnet = json!({"Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.0.0/24",
        "SubnetArn": "arn:aws:ec2:eu-west-1:111111111111:subnet/subnet-1", "MapPublicIpOnLaunch": true}]});
    let whole = |cidr: &str, address: &str, gateway: &str| {
        let texts = [group(cidr), machine(address), routes(gateway), subnet.clone()].map(|value| value.to_string());
        let [groups, machines, routes, subnets] = &texts;
        let files = [("g.json", groups), ("m.json", machines), ("r.json", routes), ("s.json", subnets)];
        let inventory = inventory(&files.map(|(name, text)| (name, text.as_str())));
        let id = inventory.assets().find(|a| a.text("aws_type") == Some("AWS::EC2::Instance")).unwrap().id.to_string();
        answer(&inventory, &id)
    };
    assert_eq!(whole("0.0.0.0/0", "198.51.100.7", "igw-1"), "yes");
    assert_eq!(whole("10.0.0.0/8", "198.51.100.7", "igw-1"), "no");
    assert_eq!(whole("0.0.0.0/0", "198.51.100.7", "vgw-1"), "no");
}

#[test]
fn configuration_and_templates_say_what_is_missing() {
    let hcl = |group: &str, public: &str| {
        let text = format!(
            "variable \"allowed\" {{}}\nresource \"aws_security_group\" \"web\" {{\n  name = \"web\"\n  ingress {{\n    from_port = 443\n    to_port = 443\n    protocol = \"tcp\"\n    cidr_blocks = {group}\n  }}\n}}\nresource \"aws_instance\" \"vm\" {{\n  ami = \"ami-1\"\n  {public}\n  vpc_security_group_ids = [aws_security_group.web.id]\n}}\n"
        );
        let inventory = inventory(&[("main.tf", &text)]);
        let id = inventory.assets().find(|a| a.text("terraform_type") == Some("aws_instance")).unwrap().id.to_string();
        said(&inventory, &id)
    };
    assert_eq!(hcl("[\"0.0.0.0/0\"]", "associate_public_ip_address = true").0, "yes");
    assert_eq!(hcl("[\"10.0.0.0/8\"]", "associate_public_ip_address = true").0, "no");
    assert_eq!(hcl("[\"0.0.0.0/0\"]", "associate_public_ip_address = false").0, "no");
    assert_eq!(hcl("[\"0.0.0.0/0\"]", ""), ("conditional".to_owned(), vec!["vm gets a public address".to_owned()]));
    assert_eq!(
        hcl("[var.allowed]", "associate_public_ip_address = true"),
        ("conditional".to_owned(), vec!["var.allowed holds the caller's address".to_owned()])
    );

    let stack = |cidr: &str, gateway: &str| {
        let text = format!(
            "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  Igw: {{Type: 'AWS::EC2::InternetGateway'}}\n  Subnet: {{Type: 'AWS::EC2::Subnet', Properties: {{MapPublicIpOnLaunch: true, CidrBlock: 10.0.0.0/24}}}}\n  Table: {{Type: 'AWS::EC2::RouteTable', Properties: {{}}}}\n  Out: {{Type: 'AWS::EC2::Route', Properties: {{RouteTableId: !Ref Table, DestinationCidrBlock: 0.0.0.0/0, {gateway}}}}}\n  Join: {{Type: 'AWS::EC2::SubnetRouteTableAssociation', Properties: {{SubnetId: !Ref Subnet, RouteTableId: !Ref Table}}}}\n  Group: {{Type: 'AWS::EC2::SecurityGroup', Properties: {{GroupDescription: web}}}}\n  Rule: {{Type: 'AWS::EC2::SecurityGroupIngress', Properties: {{GroupId: !Ref Group, IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: {cidr}}}}}\n  Vm: {{Type: 'AWS::EC2::Instance', Properties: {{ImageId: ami-1, SubnetId: !Ref Subnet, SecurityGroupIds: [!Ref Group]}}}}\n"
        );
        let inventory = inventory(&[("stack.yaml", &text)]);
        let id = inventory.assets().find(|a| a.text("aws_type") == Some("AWS::EC2::Instance")).unwrap().id.to_string();
        answer(&inventory, &id)
    };
    assert_eq!(stack("0.0.0.0/0", "GatewayId: !Ref Igw"), "yes");
    assert_eq!(stack("10.0.0.0/8", "GatewayId: !Ref Igw"), "no");
    assert_eq!(stack("0.0.0.0/0", "NatGatewayId: nat-1"), "no");
}

#[test]
fn a_load_balancer_and_what_is_behind_it() {
    let lb = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:loadbalancer/app/web/1";
    let group = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:targetgroup/t/1";
    let sg = |id: &str| format!("arn:aws:ec2:eu-west-1:111111111111:security-group/{id}");
    let estate = |internal: bool, front: Value, back: Value| {
        state(&[
            ("aws_security_group", json!({"id": "sg-lb", "name": "lb", "arn": sg("sg-lb"), "ingress": [front]})),
            ("aws_security_group", json!({"id": "sg-vm", "name": "vm", "arn": sg("sg-vm"), "ingress": [back]})),
            ("aws_lb", json!({"arn": lb, "id": lb, "name": "web", "internal": internal, "security_groups": ["sg-lb"]})),
            ("aws_lb_target_group", json!({"arn": group, "id": group, "name": "t"})),
            (
                "aws_lb_listener",
                json!({"arn": "arn:aws:elasticloadbalancing:eu-west-1:111111111111:listener/app/web/1/2", "load_balancer_arn": lb, "default_action": [{"type": "forward", "target_group_arn": group}]}),
            ),
            ("aws_lb_target_group_attachment", json!({"target_group_arn": group, "target_id": "i-1"})),
            ("aws_instance", json!({"id": "i-1", "arn": VM, "public_ip": "", "vpc_security_group_ids": ["sg-vm"]})),
        ])
    };
    let from_lb = || json!({"from_port": 80, "to_port": 80, "protocol": "tcp", "security_groups": ["sg-lb"]});
    let both = |inventory: &Inventory| (answer(inventory, lb), answer(inventory, VM));
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let open = estate(false, lets_in("0.0.0.0/0", 443), from_lb());
    assert_eq!(both(&open), pair("yes", "yes"));
    assert_eq!(open.get(VM).unwrap().exposure, Some(Exposure::Public));
    assert_eq!(both(&estate(true, lets_in("0.0.0.0/0", 443), from_lb())), pair("no", "no"));
    assert_eq!(both(&estate(false, lets_in("10.0.0.0/8", 443), from_lb())), pair("no", "no"));
    let other = json!({"from_port": 80, "to_port": 80, "protocol": "tcp", "security_groups": ["sg-other"]});
    let shut = estate(false, lets_in("0.0.0.0/0", 443), other);
    assert_eq!(both(&shut), pair("yes", "no"));
    assert_ne!(shut.get(VM).unwrap().exposure, Some(Exposure::Public));
    assert_eq!(both(&estate(false, lets_in("203.0.113.0/24", 443), from_lb())), pair("conditional", "conditional"));
}

#[test]
fn a_database_needs_its_group_open() {
    let db = "arn:aws:rds:eu-west-1:111111111111:db:d";
    let estate = |public: bool, cidr: &str| {
        let inventory = state(&[
            (
                "aws_security_group",
                json!({"id": "sg-1", "name": "db", "arn": "arn:aws:ec2:eu-west-1:111111111111:security-group/sg-1", "ingress": [lets_in(cidr, 5432)]}),
            ),
            (
                "aws_db_instance",
                json!({"arn": db, "identifier": "d", "publicly_accessible": public, "vpc_security_group_ids": ["sg-1"]}),
            ),
        ]);
        (answer(&inventory, db), is_exposed(&inventory, db))
    };
    assert_eq!(estate(true, "0.0.0.0/0"), ("yes".to_owned(), true));
    assert_eq!(estate(true, "10.0.0.0/8"), ("no".to_owned(), false));
    assert_eq!(estate(false, "0.0.0.0/0"), ("no".to_owned(), false));
}

const POD: &str = "k8s://cluster/ai/Deployment/llm";

/// A model server behind a Service, with an Ingress or without, and policies.
fn cluster(kind: &str, ingress: bool, policies: &[&str]) -> Inventory {
    let mut text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: llm, namespace: ai}}\nspec: {{template: {{metadata: {{labels: {{app: llm, tier: gpu}}}}, spec: {{containers: [{{name: c, image: vllm/vllm-openai:v0.5.0, ports: [{{containerPort: 8000}}]}}]}}}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: llm, namespace: ai}}\nspec: {{type: {kind}, selector: {{app: llm}}, ports: [{{port: 80, targetPort: 8000}}]}}\n"
    );
    if ingress {
        text += "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: ai}\nspec: {rules: [{host: llm.example.com, http: {paths: [{backend: {service: {name: llm}}}]}}]}\n";
    }
    for (i, policy) in policies.iter().enumerate() {
        text += &format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: np{i}, namespace: ai}}\nspec: {policy}\n"
        );
    }
    inventory(&[("all.yaml", &text)])
}

#[test]
fn network_policies_isolate_and_let_in() {
    let balanced = |policies: &[&str]| said(&cluster("LoadBalancer", false, policies), POD);
    let behind = |policies: &[&str]| said(&cluster("ClusterIP", true, policies), POD);
    let yes = || ("yes".to_owned(), Vec::new());
    let no = || ("no".to_owned(), Vec::new());
    assert_eq!((balanced(&[]), behind(&[])), (yes(), yes()));
    let deny = "{podSelector: {}, policyTypes: [Ingress]}";
    assert_eq!((balanced(&[deny]), behind(&[deny])), (no(), no()));
    assert_eq!(balanced(&["{podSelector: {matchLabels: {app: other}}, policyTypes: [Ingress]}"]), yes());
    assert_eq!(balanced(&["{podSelector: {matchExpressions: [{key: tier, operator: In, values: [gpu]}]}}"]), no());
    assert_eq!(balanced(&["{podSelector: {}, policyTypes: [Egress]}"]), yes());
    // of several policies any may let in
    assert_eq!(balanced(&[deny, "{podSelector: {}, ingress: [{}]}"]), yes());
    assert_eq!(balanced(&["{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"]), yes());
    let but = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [0.0.0.0/1, 128.0.0.0/1]}}]}]}";
    assert_eq!(balanced(&[but]), no());
    let partner = balanced(&["{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}"]);
    assert_eq!(partner, ("conditional".to_owned(), vec!["the caller's address is in 203.0.113.0/24".to_owned()]));
    // pods of its own namespace are not the internet
    assert_eq!(balanced(&["{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}"]), no());
    assert_eq!(behind(&["{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}"]), no());
    assert_eq!(behind(&["{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}"]), yes());
    let controller = "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]}]}";
    assert_eq!((behind(&[controller]), balanced(&[controller])), (yes(), no()));
    assert_eq!(
        behind(&["{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: edge}}}]}]}"]).0,
        "conditional"
    );
    // the ports of a rule
    assert_eq!(balanced(&["{podSelector: {}, ingress: [{ports: [{port: 9090}]}]}"]), no());
    assert_eq!(balanced(&["{podSelector: {}, ingress: [{ports: [{port: 7000, endPort: 9000}]}]}"]), yes());
    assert_eq!(balanced(&["{podSelector: {}, ingress: [{ports: [{port: http}]}]}"]), yes());
}

#[test]
fn what_a_service_does_not_publish_stays_inside() {
    assert_eq!(answer(&cluster("ClusterIP", false, &[]), POD), "no");
    assert_eq!(
        said(&cluster("NodePort", false, &[]), POD),
        ("conditional".to_owned(), vec!["a node of the cluster has an address on the internet".to_owned()])
    );
    let service = |ranges: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: llm, namespace: ai}}\nspec: {{type: LoadBalancer, selector: {{app: llm}}, loadBalancerSourceRanges: {ranges}}}\n"
        );
        let inventory = inventory(&[("svc.yaml", &text)]);
        (answer(&inventory, "k8s://cluster/ai/Service/llm"), is_exposed(&inventory, "k8s://cluster/ai/Service/llm"))
    };
    assert_eq!(service("[0.0.0.0/0]"), ("yes".to_owned(), true));
    assert_eq!(service("[203.0.113.0/24]"), ("conditional".to_owned(), true));
    assert_eq!(service("[10.0.0.0/8]"), ("no".to_owned(), false));
}

fn any_policy() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{podSelector: {}, policyTypes: [Ingress]}",
        "{podSelector: {}, ingress: [{}]}",
        "{podSelector: {matchLabels: {app: llm}}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}",
        "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}",
        "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}",
        "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: edge}}}]}]}",
    ])
}

fn width(inventory: &Inventory, id: &str) -> (usize, Option<Exposure>) {
    let rank = ["no", "conditional", "yes"].iter().position(|word| *word == answer(inventory, id));
    (rank.unwrap_or_default(), inventory.get(id).unwrap().exposure)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn isolating_pods_never_opens_them(
        policies in prop::collection::vec(any_policy(), 0..3),
        kind in prop::sample::select(vec!["ClusterIP", "NodePort", "LoadBalancer"]),
        ingress in any::<bool>(),
    ) {
        let before = cluster(kind, ingress, &policies);
        let mut more = policies;
        more.push("{podSelector: {}, policyTypes: [Ingress]}");
        let after = cluster(kind, ingress, &more);
        let (before, after) = (width(&before, POD), width(&after, POD));
        prop_assert!(after.0 <= before.0 && after.1 <= before.1, "{before:?} {after:?}");
    }

    #[test]
    fn denying_in_an_access_list_never_opens(
        groups in prop::collection::vec(prop::sample::select(vec!["0.0.0.0/0", "203.0.113.0/24", "10.0.0.0/8"]), 0..3),
        rules in prop::collection::vec((1..200_u16, any::<bool>(), prop::sample::select(vec!["0.0.0.0/0", "0.0.0.0/1", "203.0.113.0/24"])), 0..4),
        deny in (1..200_u16, prop::sample::select(vec!["0.0.0.0/0", "128.0.0.0/1", "203.0.113.0/25"])),
    ) {
        let group: Vec<Value> = groups.iter().map(|cidr| lets_in(cidr, 443)).collect();
        let list = |rules: &[(u16, bool, &str)]| {
            let all: Vec<Value> = rules.iter().map(|(n, allow, cidr)| acl(*n, if *allow { "allow" } else { "deny" }, cidr, (0, 65535))).collect();
            vm("198.51.100.7", group.clone().into(), json!({"in": all, "out": open_list()["out"]}), to_gateway())
        };
        let before = width(&list(&rules), VM);
        let mut more = rules.clone();
        more.push((deny.0, false, deny.1));
        let after = width(&list(&more), VM);
        prop_assert!(after.0 <= before.0 && after.1 <= before.1, "{before:?} {after:?}");
    }
}

#[test]
fn google_firewalls_decide_by_priority() {
    let vm = "//compute.googleapis.com/projects/acme/zones/a/instances/vm";
    let machine = |external: bool| {
        let configs = if external { json!([{"nat_ip": ""}]) } else { json!([]) };
        (
            "google_compute_instance",
            json!({"name": "vm", "project": "acme", "zone": "a", "id": "projects/acme/zones/a/instances/vm", "tags": ["web"],
            "service_account": [{"email": "vm@acme.iam.gserviceaccount.com"}],
            "network_interface": [{"network": "https://www.googleapis.com/compute/v1/projects/acme/global/networks/n", "access_config": configs}]}),
        )
    };
    let rule = |name: &str, more: Value| {
        let mut values = json!({"name": name, "project": "acme", "network": "projects/acme/global/networks/n", "direction": "INGRESS"});
        values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ("google_compute_firewall", values)
    };
    let open = || {
        rule(
            "open",
            json!({"priority": 1000, "source_ranges": ["0.0.0.0/0"], "allow": [{"protocol": "tcp", "ports": ["443", "8000-8100"]}]}),
        )
    };
    let said = |external: bool, rules: Vec<(&str, Value)>| {
        let mut all = vec![machine(external)];
        all.extend(rules);
        said(&state(&all), vm)
    };
    assert_eq!(said(true, vec![open()]).0, "yes");
    assert_eq!(said(false, vec![open()]).0, "no");
    let deny = |priority: u16, ports: Value| {
        rule("deny", json!({"priority": priority, "source_ranges": ["0.0.0.0/0"], "deny": [ports]}))
    };
    assert_eq!(said(true, vec![open(), deny(900, json!({"protocol": "all"}))]).0, "no");
    assert_eq!(
        said(true, vec![open(), deny(1000, json!({"protocol": "tcp"}))]).0,
        "no",
        "at the same priority a denial goes first"
    );
    assert_eq!(said(true, vec![open(), deny(1001, json!({"protocol": "all"}))]).0, "yes");
    assert_eq!(
        said(true, vec![open(), deny(900, json!({"protocol": "tcp", "ports": ["443"]}))]).0,
        "yes",
        "other ports stay open"
    );
    for (more, expected) in [
        (json!({"disabled": true, "allow": [{"protocol": "all"}]}), "no"),
        (json!({"direction": "EGRESS", "allow": [{"protocol": "all"}]}), "no"),
        (json!({"source_ranges": ["10.0.0.0/8"], "allow": [{"protocol": "all"}]}), "no"),
        (json!({"source_tags": ["lb"], "allow": [{"protocol": "all"}]}), "no"),
        (json!({"target_tags": ["db"], "allow": [{"protocol": "all"}]}), "no"),
        (json!({"target_tags": ["web"], "allow": [{"protocol": "all"}]}), "yes"),
        (
            json!({"target_service_accounts": ["vm@acme.iam.gserviceaccount.com"], "allow": [{"protocol": "all"}]}),
            "yes",
        ),
        (json!({"allow": [{"protocol": "icmp"}]}), "no"),
        (json!({"source_ranges": ["203.0.113.0/24"], "allow": [{"protocol": "tcp"}]}), "conditional"),
    ] {
        assert_eq!(said(true, vec![rule("r", more.clone())]).0, expected, "{more}");
    }
}

#[test]
fn azure_groups_of_subnet_and_interface_both_count() {
    let group = |name: &str, rules: Value| json!({"id": azure(&format!("Microsoft.Network/networkSecurityGroups/{name}")), "name": name, "type": "Microsoft.Network/networkSecurityGroups", "properties": {"securityRules": rules}});
    let rule = |priority: u16, access: &str, source: &str, ports: &str| json!({"name": format!("r{priority}"), "properties": {"priority": priority, "direction": "Inbound", "access": access, "protocol": "Tcp", "sourceAddressPrefix": source, "destinationPortRange": ports}});
    let estate = |public: bool, subnet: Option<Value>, nic: Option<Value>| {
        let mut address = json!({"subnet": {"id": azure("Microsoft.Network/virtualNetworks/v/subnets/s")}});
        if public {
            address["publicIPAddress"] = json!({"id": azure("Microsoft.Network/publicIPAddresses/p")});
        }
        let with = |mut value: Value, group: &Option<Value>| {
            if let Some(group) = group {
                value["properties"]["networkSecurityGroup"] = json!({"id": group["id"]});
            }
            value
        };
        let mut all = vec![
            json!({"id": azure("Microsoft.Compute/virtualMachines/vm"), "name": "vm", "type": "Microsoft.Compute/virtualMachines", "properties": {"networkProfile": {"networkInterfaces": [{"id": azure("Microsoft.Network/networkInterfaces/i")}]}}}),
            with(
                json!({"id": azure("Microsoft.Network/networkInterfaces/i"), "name": "i", "type": "Microsoft.Network/networkInterfaces", "properties": {"ipConfigurations": [{"name": "ip", "properties": address}]}}),
                &nic,
            ),
            with(
                json!({"id": azure("Microsoft.Network/virtualNetworks/v/subnets/s"), "name": "s", "type": "Microsoft.Network/virtualNetworks/subnets", "properties": {"addressPrefix": "10.0.0.0/24"}}),
                &subnet,
            ),
            json!({"id": azure("Microsoft.Network/publicIPAddresses/p"), "name": "p", "type": "Microsoft.Network/publicIPAddresses", "sku": {"name": "Standard"}, "properties": {"ipAddress": "203.0.113.9"}}),
        ];
        all.extend([subnet, nic].into_iter().flatten());
        let text = json!({ "value": all }).to_string();
        answer(&inventory(&[("az.json", &text)]), &azure("Microsoft.Compute/virtualMachines/vm").to_lowercase())
    };
    let open = |name: &str| Some(group(name, json!([rule(100, "Allow", "*", "443")])));
    let shut = |name: &str| Some(group(name, json!([rule(100, "Allow", "VirtualNetwork", "*")])));
    assert_eq!(estate(true, open("a"), open("b")), "yes");
    assert_eq!(estate(true, None, open("b")), "yes");
    assert_eq!(estate(false, open("a"), open("b")), "no");
    assert_eq!(estate(true, shut("a"), open("b")), "no");
    assert_eq!(estate(true, open("a"), shut("b")), "no");
    assert_eq!(estate(true, None, None), "no");
    let web = |port: &str| Some(group("w", json!([rule(100, "Allow", "Internet", port)])));
    assert_eq!(estate(true, open("a"), web("22")), "no", "each lets in what the other does not");
    let ordered = |first: u16, second: u16| {
        Some(group("o", json!([rule(first, "Deny", "Internet", "*"), rule(second, "Allow", "0.0.0.0/0", "443")])))
    };
    assert_eq!(
        (estate(true, None, ordered(100, 200)), estate(true, None, ordered(200, 100))),
        ("no".to_owned(), "yes".to_owned())
    );
    let partner = Some(group("p", json!([rule(100, "Allow", "203.0.113.0/24", "443")])));
    assert_eq!(estate(true, None, partner), "conditional");
    let door = Some(group("d", json!([rule(100, "Allow", "AzureFrontDoor.Backend", "443")])));
    assert_eq!(estate(true, None, door), "conditional");
}

fn azure(rest: &str) -> String {
    format!("/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/{rest}")
}

/// What stands before an asset.
fn guards(inventory: &Inventory, id: &str) -> [String; 3] {
    let reach = &inventory.get(id).unwrap().properties["reachability"];
    ["authentication", "rate_limit", "logging"].map(|key| reach[key].as_str().unwrap().to_owned())
}

#[test]
fn an_api_its_limits_logs_and_policy() {
    let api = "arn:aws:apigateway:eu-west-1::/restapis/a1";
    let estate = |policy: Value, more: Vec<(&'static str, Value)>| {
        let mut all = vec![(
            "aws_api_gateway_rest_api",
            json!({"id": "a1", "arn": api, "name": "chat", "policy": policy.to_string(), "endpoint_configuration": [{"types": ["REGIONAL"]}]}),
        )];
        all.extend(more);
        state(&all)
    };
    let everyone = |condition: Value| {
        let mut statement =
            json!({"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"});
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        json!({"Version": "2012-10-17", "Statement": [statement]})
    };
    let open = || everyone(Value::Null);
    assert_eq!(answer(&estate(open(), vec![]), api), "yes");
    let office = json!({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}});
    assert_eq!(
        said(&estate(everyone(office), vec![]), api),
        ("conditional".to_owned(), vec!["the caller's address is in 203.0.113.0/24".to_owned()])
    );
    let inside = json!({"StringEquals": {"aws:SourceVpce": "vpce-1"}});
    assert_eq!(answer(&estate(everyone(inside), vec![]), api), "no");
    let mut denied = open();
    denied["Statement"].as_array_mut().unwrap().push(json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.7/32"}}}));
    assert_eq!(answer(&estate(denied, vec![]), api), "conditional");

    let stage = |logs: Value| {
        (
            "aws_api_gateway_stage",
            json!({"id": "ags-1", "arn": "arn:aws:apigateway:eu-west-1::/restapis/a1/stages/p", "rest_api_id": "a1", "stage_name": "p", "access_log_settings": logs}),
        )
    };
    let plan = |rate: u32| {
        (
            "aws_api_gateway_usage_plan",
            json!({"id": "up-1", "name": "up", "api_stages": [{"api_id": "a1", "stage": "p"}], "throttle_settings": [{"rate_limit": rate, "burst_limit": rate}]}),
        )
    };
    assert_eq!(guards(&estate(open(), vec![]), api)[1..], ["unknown", "unknown"]);
    assert_eq!(guards(&estate(open(), vec![stage(json!([]))]), api)[1..], ["no", "no"]);
    let limited = estate(
        open(),
        vec![
            stage(json!([{"destination_arn": "arn:aws:logs:eu-west-1:111111111111:log-group:l", "format": "x"}])),
            plan(10),
        ],
    );
    assert_eq!(guards(&limited, api)[1..], ["yes", "yes"]);
    assert_eq!(limited.get(api).unwrap().properties["rate_limit"], true);
    assert_eq!(guards(&estate(open(), vec![stage(json!([])), plan(0)]), api)[1], "no");
    let list = |statement: Value| {
        (
            "aws_wafv2_web_acl",
            json!({"id": "w1", "arn": "arn:aws:wafv2:eu-west-1:111111111111:regional/webacl/w/1", "name": "w", "rule": [{"name": "r", "statement": [statement]}]}),
        )
    };
    let joined = || {
        (
            "aws_wafv2_web_acl_association",
            json!({"id": "wa", "resource_arn": "arn:aws:apigateway:eu-west-1::/restapis/a1/stages/p", "web_acl_arn": "arn:aws:wafv2:eu-west-1:111111111111:regional/webacl/w/1"}),
        )
    };
    let waf =
        |statement: Value| guards(&estate(open(), vec![stage(json!([])), list(statement), joined()]), api)[1].clone();
    assert_eq!(waf(json!({"rate_based_statement": [{"limit": 100}]})), "yes");
    assert_eq!(waf(json!({"geo_match_statement": [{"country_codes": ["XX"]}]})), "no");
}

#[test]
fn a_list_before_a_google_backend_holds_traffic_back() {
    let estate = |rules: Value| {
        let inventory = state(&[
            (
                "google_compute_global_forwarding_rule",
                json!({"name": "f", "project": "acme", "load_balancing_scheme": "EXTERNAL_MANAGED", "target": "${google_compute_target_https_proxy.r1.id}"}),
            ),
            (
                "google_compute_target_https_proxy",
                json!({"name": "p", "project": "acme", "url_map": "${google_compute_url_map.r2.id}"}),
            ),
            (
                "google_compute_url_map",
                json!({"name": "u", "project": "acme", "default_service": "${google_compute_backend_service.r3.id}"}),
            ),
            (
                "google_compute_backend_service",
                json!({"name": "b", "project": "acme", "security_policy": "${google_compute_security_policy.r4.id}"}),
            ),
            ("google_compute_security_policy", json!({"name": "armor", "project": "acme", "rule": rules})),
        ]);
        let id = inventory.assets().find(|a| a.name == "b").unwrap().id.to_string();
        (answer(&inventory, &id), guards(&inventory, &id)[1].clone())
    };
    let rule = |priority: u32, action: &str, ranges: Value| json!({"priority": priority, "action": action, "match": [{"config": [{"src_ip_ranges": ranges}]}]});
    let last = |action: &str| rule(2_147_483_647, action, json!(["*"]));
    assert_eq!(estate(json!([last("allow")])).0, "yes");
    assert_eq!(estate(json!([last("deny(403)")])).0, "no");
    assert_eq!(estate(json!([rule(1000, "allow", json!(["203.0.113.0/24"])), last("deny(403)")])).0, "conditional");
    assert_eq!(estate(json!([rule(1000, "deny(403)", json!(["203.0.113.0/24"])), last("allow")])).0, "yes");
    let mut throttle = rule(1, "throttle", json!(["*"]));
    throttle["rate_limit_options"] = json!([{"rate_limit_threshold": [{"count": 10}]}]);
    assert_eq!(estate(json!([throttle, last("allow")])), ("yes".to_owned(), "yes".to_owned()));
}

#[test]
fn an_account_closes_its_buckets() {
    let open = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-open/*"}]});
    let estate = |block: Option<bool>| {
        let mut all = vec![(
            "aws_s3_bucket",
            json!({"bucket": "acme-open", "arn": "arn:aws:s3:::acme-open", "policy": open.to_string()}),
        )];
        all.extend(block.map(|on| {
            (
                "aws_s3_account_public_access_block",
                json!({"account_id": "111111111111", "restrict_public_buckets": on, "ignore_public_acls": on}),
            )
        }));
        let inventory = state(&all);
        (answer(&inventory, "arn:aws:s3:::acme-open"), is_exposed(&inventory, "arn:aws:s3:::acme-open"))
    };
    assert_eq!(estate(None), ("yes".to_owned(), true));
    assert_eq!(estate(Some(false)), ("yes".to_owned(), true));
    assert_eq!(estate(Some(true)), ("no".to_owned(), false));
}

#[test]
fn azure_services_that_deny_by_default() {
    let account = |rules: Value| {
        let mut values = json!({"name": "acme", "resource_group_name": "rg", "kind": "OpenAI", "public_network_access_enabled": true, "custom_subdomain_name": "acme"});
        values["network_acls"] = rules;
        let inventory = state(&[("azurerm_cognitive_account", values)]);
        let id = inventory
            .assets()
            .find(|a| a.text("terraform_type") == Some("azurerm_cognitive_account"))
            .unwrap()
            .id
            .to_string();
        (answer(&inventory, &id), is_exposed(&inventory, &id))
    };
    assert_eq!(account(json!([])), ("yes".to_owned(), true));
    assert_eq!(account(json!([{"default_action": "Deny", "ip_rules": []}])), ("no".to_owned(), false));
    assert_eq!(
        account(json!([{"default_action": "Deny", "ip_rules": ["203.0.113.0/24"]}])),
        ("conditional".to_owned(), true)
    );
}
