//! The schema: assets, relations, inventory, findings, evidence, events, errors. Everything else speaks it.

mod attribute;
mod calls;
mod canonical;
mod claim;
mod day;
mod diff;
mod document;
mod error;
mod event;
mod evidence;
mod finding;
mod graph;
mod inventory;
mod kind;
mod nearest;
mod nesting;
mod reading;
mod record;
mod setting;
mod signature;
mod stated;
mod time;
mod waiver;

pub use attribute::{Authentication, Encryption, Exposure, ModelType, Provenance, RiskClass};
pub(crate) use calls::{Aspect, CallLog, Calls, Hour, ModelCall};
pub(crate) use canonical::{canonical_json, sha256};
pub use claim::{Activity, ExternalFinding, InheritedClass, OwnerClaim, OwnerSource};
pub(crate) use day::{day, is_utc};
pub use diff::{Change, FieldChange, InventoryDiff};
pub use document::{Document, pointer_key};
pub use error::{Error, ErrorKind, Result};
pub use event::{Clue, Event, Match, TextRole};
pub use evidence::Evidence;
pub use finding::{Control, Finding, Severity};
pub(crate) use finding::{fingerprint, hex};
pub use graph::{Lineage, LineageAnswer, LineageQuery};
pub use inventory::Inventory;
pub(crate) use inventory::{Direction, Node};
pub(crate) use kind::names;
pub use kind::{AssetKind, RelationKind};
pub(crate) use nearest::nearest;
pub(crate) use nesting::Nesting;
pub use record::{Asset, AssetId, Relation};
pub(crate) use setting::{flag, flag_of, is_open, same};
pub(crate) use signature::Purpose;
pub use signature::{SigningKey, VerifyingKey};
#[cfg(test)]
pub(crate) use stated::STATED;
pub(crate) use stated::{own_attributes, own_name};
pub(crate) use time::hour;
pub use waiver::{Waived, Waiver};

/// `1 path`, `2 paths`.
pub(crate) fn count(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}
