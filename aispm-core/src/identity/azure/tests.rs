//! Questions to small estates.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::asset::{Asset, AssetKind, Relation, RelationKind};
use crate::identity::Decision;

const ANA: &str = "entra:00000000-0000-0000-0000-00000000000a";
const BOT: &str = "entra:00000000-0000-0000-0000-00000000000b";
const OPS: &str = "entra:00000000-0000-0000-0000-00000000000c";
const MG: &str = "/providers/microsoft.management/managementgroups/root";
const SUB: &str = "/subscriptions/s";
const RG: &str = "/subscriptions/s/resourcegroups/g";
const VM: &str = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/virtualmachines/vm";
const STORE: &str = "/subscriptions/s/resourcegroups/g/providers/microsoft.storage/storageaccounts/acme";
const VAULT: &str = "/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/kv";
const RUN: &str = "Microsoft.Compute/virtualMachines/runCommand/action";
const BLOB: &str = "data:Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read";

fn estate(assignments: &[Asset], more: Vec<Asset>) -> Inventory {
    let mut inventory = Inventory::new();
    for (id, kind) in [
        (MG, AssetKind::Account),
        (SUB, AssetKind::Account),
        (RG, AssetKind::Resource),
        (VM, AssetKind::Node),
        (STORE, AssetKind::Bucket),
        (VAULT, AssetKind::Secret),
        (ANA, AssetKind::User),
        (BOT, AssetKind::ServiceAccount),
        (OPS, AssetKind::Group),
    ] {
        inventory.add(Asset::new(id, kind, id.rsplit('/').next().unwrap()));
    }
    inventory.relate(Relation::new(MG, RelationKind::Contains, SUB));
    for asset in assignments.iter().cloned().chain(more) {
        let holder = asset.text("principal").map(str::to_owned);
        if let Some(holder) = holder {
            inventory.relate(Relation::new(asset.id.clone(), RelationKind::AppliesTo, holder));
        }
        inventory.add(asset);
    }
    inventory
}

fn assign(role: &str, principal: &str, scope: &str) -> Asset {
    let id = format!("{scope}/providers/microsoft.authorization/roleassignments/{}", role.len() + principal.len());
    Asset::new(id, AssetKind::Policy, role)
        .with("resource_type", "Microsoft.Authorization/roleAssignments")
        .with("role_definition", role)
        .with("principal", principal)
        .with("scope", scope)
        .with("active", true)
        .seen(Evidence::file("roles.json").pointer("/0"))
}

fn ask(inventory: &Inventory, principal: &str, action: &str, resource: &str) -> Decision {
    let azure = Azure::new(inventory).unwrap();
    azure.grant(principal, action).map_or(Decision::Denied, |grant| grant.on(resource))
}

#[test]
fn scopes_are_inherited_and_only_downwards() {
    for scope in ["/", MG, SUB, RG, VM] {
        let inventory = estate(&[assign("Virtual Machine Contributor", ANA, scope)], vec![]);
        assert_eq!(ask(&inventory, ANA, RUN, VM), Decision::Allowed, "{scope}");
        assert_eq!(ask(&inventory, BOT, RUN, VM), Decision::Denied);
    }
    let inventory = estate(&[assign("Virtual Machine Contributor", ANA, VM)], vec![]);
    assert_eq!(ask(&inventory, ANA, RUN, RG), Decision::Denied);
    let near = format!("{RG}2/providers/microsoft.compute/virtualmachines/vm");
    let inventory = estate(&[assign("Virtual Machine Contributor", ANA, RG)], vec![]);
    assert_eq!(ask(&inventory, ANA, RUN, &near), Decision::Denied, "a name that begins alike");
}

#[test]
fn data_actions_are_apart() {
    let owner = estate(&[assign("Owner", ANA, SUB)], vec![]);
    assert_eq!(ask(&owner, ANA, BLOB, STORE), Decision::Denied);
    assert_eq!(ask(&owner, ANA, "Microsoft.Storage/storageAccounts/listKeys/action", STORE), Decision::Allowed);
    let reader = estate(&[assign("Storage Blob Data Reader", ANA, RG)], vec![]);
    assert_eq!(ask(&reader, ANA, BLOB, STORE), Decision::Allowed);
    let container = "https://acme.blob.core.windows.net/rows";
    let mut inventory =
        estate(&[assign("Storage Blob Data Reader", ANA, RG)], vec![Asset::new(container, AssetKind::Bucket, "rows")]);
    inventory.relate(Relation::new(STORE, RelationKind::Contains, container));
    assert_eq!(ask(&inventory, ANA, BLOB, container), Decision::Allowed);
}

#[test]
fn groups_that_the_export_has() {
    let mut inventory = estate(&[assign("Contributor", OPS, SUB)], vec![]);
    assert_eq!(ask(&inventory, ANA, RUN, VM), Decision::Denied);
    inventory.relate(Relation::new(ANA, RelationKind::MemberOf, OPS));
    assert_eq!(ask(&inventory, ANA, RUN, VM), Decision::Allowed);
    assert_eq!(ask(&inventory, ANA, ASSIGN, SUB), Decision::Denied);
}

#[test]
fn what_is_only_eligible_has_to_be_activated() {
    let inventory = estate(&[assign("Contributor", ANA, SUB).with("active", false)], vec![]);
    assert!(matches!(ask(&inventory, ANA, RUN, VM), Decision::Conditional(_)));
}

#[test]
fn own_definitions() {
    let id = format!("{SUB}/providers/microsoft.authorization/roledefinitions/11111111-1111-1111-1111-111111111111");
    let definition = Asset::new(&id, AssetKind::Policy, "operator")
        .with("resource_type", "Microsoft.Authorization/roleDefinitions")
        .with("permissions", json!([{"actions": ["Microsoft.Compute/*"], "notActions": ["Microsoft.Compute/virtualMachines/runCommand/action"]}]));
    let mut inventory = estate(&[assign("operator", ANA, SUB)], vec![definition]);
    let assignment = assign("operator", ANA, SUB).id;
    inventory.relate(Relation::new(assignment, RelationKind::Uses, id.clone()));
    assert_eq!(ask(&inventory, ANA, "Microsoft.Compute/virtualMachines/extensions/write", VM), Decision::Allowed);
    assert_eq!(ask(&inventory, ANA, RUN, VM), Decision::Denied);
    assert_eq!(ask(&inventory, ANA, "held", &id), Decision::Allowed);
    assert_eq!(ask(&inventory, BOT, "held", &id), Decision::Denied);
}

fn deny(scope: &str, body: Value) -> Asset {
    let mut asset =
        Asset::new(format!("{scope}/providers/microsoft.authorization/denyassignments/d"), AssetKind::Policy, "d")
            .with("resource_type", "Microsoft.Authorization/denyAssignments")
            .with("scope", scope);
    asset.properties.extend(body.as_object().unwrap().clone());
    asset
}

#[test]
fn deny_assignments_come_first() {
    let owner = || [assign("Owner", ANA, SUB)];
    let with = |scope: &str, body: Value| ask(&estate(&owner(), vec![deny(scope, body)]), ANA, RUN, VM);
    let everyone = json!([{"id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined"}]);
    let run = json!([{"actions": ["Microsoft.Compute/virtualMachines/runCommand/action"]}]);
    let ana = json!([{"id": "00000000-0000-0000-0000-00000000000A", "type": "User"}]);
    assert_eq!(with(RG, json!({"principals": everyone, "permissions": run})), Decision::Denied);
    assert_eq!(with(RG, json!({"principals": ana, "permissions": run})), Decision::Denied);
    assert_eq!(
        with(RG, json!({"principals": everyone, "excludePrincipals": ana, "permissions": run})),
        Decision::Allowed
    );
    assert_eq!(
        with(RG, json!({"principals": everyone, "permissions": run, "doNotApplyToChildScopes": true})),
        Decision::Allowed
    );
    assert_eq!(
        with(VM, json!({"principals": everyone, "permissions": run, "doNotApplyToChildScopes": true})),
        Decision::Denied
    );
    assert_eq!(with("/subscriptions/other", json!({"principals": everyone, "permissions": run})), Decision::Allowed);
    let but = json!([{"actions": ["*"], "notActions": ["Microsoft.Compute/*"]}]);
    assert_eq!(with(RG, json!({"principals": everyone, "permissions": but})), Decision::Allowed);
}

#[test]
fn conditions_on_assignments() {
    let limited = "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {acdd72a7-3385-48ef-bd42-f606fba81ae7}))";
    let with = |condition: &str| {
        let assignment = assign("Role Based Access Control Administrator", ANA, SUB).with("condition", condition);
        ask(&estate(&[assignment], vec![]), ANA, ASSIGN, SUB)
    };
    assert_eq!(with(limited), Decision::Denied, "readers are all he can make");
    assert!(matches!(
        with(&limited.replace("acdd72a7-3385-48ef-bd42-f606fba81ae7", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635")),
        Decision::Conditional(_)
    ));
    let other = "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'})) OR (x))";
    assert_eq!(with(other), Decision::Allowed);
}

#[test]
fn owners_of_subscriptions_are_administrators() {
    let admin = |role: &str, scope: &str| {
        let azure = Azure::new(&estate(&[assign(role, ANA, scope)], vec![])).unwrap();
        (azure.is_admin(ANA), azure.home(ANA))
    };
    assert_eq!(admin("Owner", SUB), (true, Some(SUB.to_owned())));
    assert_eq!(admin("Owner", MG), (true, Some(MG.to_owned())));
    assert!(!admin("Owner", RG).0 && !admin("Contributor", SUB).0 && !admin("User Access Administrator", SUB).0);
    let azure = Azure::new(&estate(&[assign("Reader", ANA, SUB)], vec![])).unwrap();
    assert_eq!((azure.container(VM).as_deref(), azure.home(VM).as_deref()), (Some(RG), Some(SUB)));
    assert_eq!(azure.container(SUB).as_deref(), Some(SUB));
    assert_eq!((azure.container("arn:aws:s3:::x"), azure.container(ANA)), (None, None));
}

#[test]
fn doors_that_a_resource_shuts() {
    let keys = "Microsoft.Storage/storageAccounts/listKeys/action";
    let mut inventory = estate(&[assign("Storage Account Contributor", ANA, SUB)], vec![]);
    assert_eq!(ask(&inventory, ANA, keys, STORE), Decision::Allowed);
    inventory.get_mut(STORE).unwrap().properties.insert("allowSharedKeyAccess".into(), false.into());
    assert_eq!(ask(&inventory, ANA, keys, STORE), Decision::Denied);
    let secret = "data:Microsoft.KeyVault/vaults/secrets/getSecret/action";
    let mut inventory = estate(&[assign("Key Vault Secrets User", ANA, SUB)], vec![]);
    assert!(matches!(ask(&inventory, ANA, secret, VAULT), Decision::Conditional(_)));
    for (roles, want) in [(true, Decision::Allowed), (false, Decision::Denied)] {
        inventory.get_mut(VAULT).unwrap().properties.insert("enableRbacAuthorization".into(), roles.into());
        assert_eq!(ask(&inventory, ANA, secret, VAULT), want);
    }
}

#[test]
fn roles_of_the_directory() {
    let with = |role: &str, name: &str, action: &str, on: &str| {
        let mut inventory = estate(&[assign("Reader", BOT, SUB)], vec![]);
        inventory.add(Asset::new(format!("entra-role:{role}"), AssetKind::Role, name));
        inventory.relate(Relation::new(ANA, RelationKind::MemberOf, format!("entra-role:{role}")));
        inventory.get_mut(BOT).unwrap().properties.insert("appId".into(), "x".into());
        ask(&inventory, ANA, action, on)
    };
    let credentials = "microsoft.directory/servicePrincipals/credentials/update";
    let application = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3";
    assert_eq!(with(application, "", credentials, BOT), Decision::Allowed);
    assert_eq!(with("x", "Application Administrator", credentials, BOT), Decision::Allowed);
    assert_eq!(with(application, "", credentials, VM), Decision::Denied);
    let elevate = "Microsoft.Authorization/elevateAccess/action";
    assert_eq!(with("62e90394-69f5-4237-9190-012177145e10", "", elevate, SUB), Decision::Allowed);
    assert_eq!(with(application, "", elevate, SUB), Decision::Denied);
    let owner = estate(&[assign("Owner", ANA, SUB)], vec![]);
    assert_eq!(ask(&owner, ANA, elevate, SUB), Decision::Denied, "only the directory's roles raise");
}

#[test]
fn passwords_of_those_that_have_roles_themselves() {
    let reset = |role: &str| {
        let mut inventory = estate(&[assign("Reader", BOT, SUB)], vec![Asset::new(OPS, AssetKind::User, "boss")]);
        let (own, boss) = (format!("entra-role:{role}"), "entra-role:62e90394-69f5-4237-9190-012177145e10");
        for (id, member) in [(own.as_str(), BOT), (boss, ANA)] {
            inventory.add(Asset::new(id, AssetKind::Role, ""));
            inventory.relate(Relation::new(member, RelationKind::MemberOf, id));
        }
        ask(&inventory, BOT, "microsoft.directory/users/password/update", ANA)
    };
    assert_eq!(reset("729827e3-9c14-49f7-bb1b-9608f156bbb8"), Decision::Denied, "the help desk");
    assert_eq!(reset("7be44c8a-adaf-4e2a-84d6-ab2649e08a13"), Decision::Allowed);
}

const ROLES: &[&str] = &[
    "Owner",
    "Contributor",
    "Reader",
    "User Access Administrator",
    "Virtual Machine Contributor",
    "Storage Blob Data Owner",
];
const ACTIONS: &[&str] = &[ASSIGN, RUN, BLOB, "Microsoft.Storage/storageAccounts/listKeys/action"];
const PLACES: &[&str] = &["/", MG, SUB, RG, VM, STORE];
const PEOPLE: &[&str] = &[ANA, BOT, OPS];

fn answers(assignments: &[(usize, usize, usize)], denials: &[(usize, usize, usize, bool)]) -> Vec<usize> {
    let assignments: Vec<Asset> = assignments
        .iter()
        .enumerate()
        .map(|(n, (role, who, scope))| {
            let mut asset = assign(ROLES[*role], PEOPLE[*who], PLACES[*scope]);
            asset.id = format!("{}{n}", asset.id).into();
            asset
        })
        .collect();
    let denials = denials.iter().enumerate().map(|(n, (action, who, scope, here))| {
        let action = ACTIONS[*action];
        let permission = match action.strip_prefix("data:") {
            Some(action) => json!([{ "dataActions": [action] }]),
            None => json!([{ "actions": [action] }]),
        };
        let who = PEOPLE[*who].trim_start_matches("entra:");
        let mut asset = deny(
            PLACES[*scope],
            json!({"principals": [{"id": who}], "permissions": permission, "doNotApplyToChildScopes": here}),
        );
        asset.id = format!("{}{n}", asset.id).into();
        asset
    });
    let mut inventory = estate(&assignments, denials.collect());
    inventory.relate(Relation::new(ANA, RelationKind::MemberOf, OPS));
    let Some(azure) = Azure::new(&inventory) else {
        return vec![usize::MAX; PEOPLE.len() * ACTIONS.len() * PLACES.len()];
    };
    let mut all = Vec::new();
    for principal in PEOPLE {
        for action in ACTIONS {
            let grant = azure.grant(principal, action);
            all.extend(
                PLACES.iter().map(|place| grant.as_ref().map_or(Decision::Denied, |grant| grant.on(place)).rank()),
            );
        }
    }
    all
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec!["*", ANA, SUB, "/", "((!(ActionMatches{'", "GuidEquals{"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let keys = prop::sample::select(vec!["actions", "notActions", "dataActions", "id", "type", "permissions"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..4)
                .prop_map(|rows| Value::Object(rows.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_denial_never_adds_and_an_assignment_less_neither(
        assignments in prop::collection::vec((0..ROLES.len(), 0..PEOPLE.len(), 0..PLACES.len()), 1..6),
        denials in prop::collection::vec((0..ACTIONS.len(), 0..PEOPLE.len(), 1..PLACES.len(), any::<bool>()), 1..4),
    ) {
        let free = answers(&assignments, &[]);
        let denied = answers(&assignments, &denials);
        prop_assert!(free.iter().zip(&denied).all(|(free, denied)| free <= denied));
        let fewer = answers(&assignments[1..], &denials);
        prop_assert!(denied.iter().zip(&fewer).all(|(more, fewer)| more <= fewer));
    }

    #[test]
    fn any_json_is_read(a in any_json(), b in any_json(), c in any_json()) {
        let mut assignment = assign("Owner", ANA, SUB);
        let mut denial = deny(RG, json!({}));
        let mut role = Asset::new("/providers/microsoft.authorization/roledefinitions/x", AssetKind::Policy, "x");
        for asset in [&mut assignment, &mut denial, &mut role] {
            for (key, value) in [("condition", &a), ("permissions", &b), ("principals", &c), ("excludePrincipals", &a), ("scope", &b)] {
                if key != "scope" || value.is_string() {
                    asset.properties.insert(key.into(), value.clone());
                }
            }
        }
        if let Some(azure) = Azure::new(&estate(&[assignment], vec![denial, role])) {
            for principal in azure.principals() {
                for action in ACTIONS {
                    if let Some(grant) = azure.grant(principal.as_str(), action) {
                        grant.on(VM);
                    }
                }
            }
        }
    }
}
