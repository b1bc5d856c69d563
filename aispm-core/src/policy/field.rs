//! Names of fields, told apart once when a rule is compiled.

/// Declares the fields that values have, and how rules write them.
macro_rules! fields {
    ($($field:ident $name:literal,)+) => {
        /// A field that some value has; those of [`WORKED_OUT`] come first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(super) enum Field {
            $($field,)+
        }

        impl Field {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$field),+];

            /// The field of this name.
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$field),)+
                    _ => None,
                }
            }

            /// As rules write it.
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$field => $name,)+
                }
            }
        }
    };
}

fields! {
    Lineage "lineage",
    UsedBy "used_by",
    ActsAs "acts_as",
    Access "access",
    AccessedBy "accessed_by",
    Escalations "escalations",
    ReadsBeyondSources "reads_beyond_sources",
    FullAccess "full_access",
    Strangers "strangers",
    Paths "paths",
    Events "events",
    Statements "statements",
    Registered "registered",
    RunsAi "runs_ai",
    Declared "declared",
    Evidenced "evidenced",
    Outgoing "outgoing",
    Incoming "incoming",
    AgeDays "age_days",
    Admin "admin",
    Ai "ai",
    Sensitive "sensitive",
    Approved "approved",
    Exposure "exposure",
    Authentication "authentication",
    Owner "owner",
    Purpose "purpose",
    Environment "environment",
    RiskClass "risk_class",
    ModelType "model_type",
    DataClasses "data_classes",
    Encryption "encryption",
    Provenance "provenance",
    Properties "properties",
    Id "id",
    Kind "kind",
    Name "name",
    From "from",
    To "to",
    Asset "asset",
    Power "power",
    Rule "rule",
    Conditional "conditional",
    Title "title",
    Consequence "consequence",
    Source "source",
    Target "target",
    Rules "rules",
    Entry "entry",
    Assets "assets",
    Techniques "techniques",
    Goal "goal",
    Status "status",
    Severity "severity",
    Risk "risk",
    Role "role",
    Detector "detector",
    Messages "messages",
    Types "types",
    AtRest "at_rest",
    InTransit "in_transit",
    CustomerKey "customer_key",
    Publisher "publisher",
    Version "version",
    Revision "revision",
    Licence "licence",
    Pinned "pinned",
    Signed "signed",
}

/// How many of the first fields are worked out, and so once for all rules that ask of one asset.
pub(super) const WORKED_OUT: usize = Field::Evidenced as usize + 1;

impl Field {
    /// Its place among those that are worked out.
    pub(super) fn worked_out(self) -> Option<usize> {
        Some(self as usize).filter(|place| *place < WORKED_OUT)
    }

    /// Whether it is a list that takes a walk to work out.
    pub(super) fn is_shared(self) -> bool {
        self as usize <= Self::Strangers as usize
    }

    /// Whether all permissions must be worked out for it.
    pub(super) fn is_access(self) -> bool {
        ACCESS.contains(&self)
    }
}

/// Fields of an asset that need all permissions worked out.
pub(super) const ACCESS: [Field; 6] = [
    Field::Access,
    Field::AccessedBy,
    Field::FullAccess,
    Field::Strangers,
    Field::Escalations,
    Field::ReadsBeyondSources,
];

/// The name of a field as an expression has it: one that values have, or any key of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'k> {
    pub(super) name: &'k str,
    pub(super) field: Option<Field>,
}

impl From<Field> for Key<'static> {
    fn from(field: Field) -> Self {
        Self { name: field.name(), field: Some(field) }
    }
}

impl<'k> From<&'k str> for Key<'k> {
    fn from(name: &'k str) -> Self {
        Self { name, field: Field::named(name) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::super::check::Shape;
    use super::super::param::Params;
    use super::super::view::World;
    use super::*;
    use crate::asset::{Asset, AssetKind, Inventory, Relation, RelationKind};
    use crate::path::Solution;

    #[test]
    fn what_a_rule_may_ask_of_an_asset_is_answered_whatever_is_known_of_it() {
        let mut inventory = Inventory::new();
        inventory.add(Asset::new("described", AssetKind::Model, "m"));
        inventory.relate(Relation::new("described", RelationKind::Uses, "related"));
        let (solution, none) = (Solution::default(), Map::new());
        let world = World::new(&inventory, &solution, &none, &none, None);
        for field in Field::ALL {
            let asked = Shape::Asset.field(field.name(), &Params::default()).is_some();
            for id in ["described", "related", "unheard of"] {
                let answered = world.asset(id).get(field.name().into()).is_some();
                assert_eq!(answered, asked, "{id}: {}", field.name());
            }
        }
    }
}
