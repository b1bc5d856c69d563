//! What is known of packages, and whether things are still what they were: facts that the supply chain's rules judge.

use std::path::Path;

use serde::Deserialize;

use super::data::DataPack;
use super::{Assessor, load};
use crate::asset::{Error, ErrorKind, Inventory, Result};
use crate::discover::{Discoverer, Discovery};
use crate::supply::{Advisories, mark, note, recall};

impl Assessor {
    /// Notes known flaws and digests on the assets that have them.
    pub(super) fn note_supply(&self, discovery: &mut Discovery) -> Result<()> {
        let given = self.given()?;
        let packed = self.data.as_ref().map(DataPack::advisories).transpose()?.flatten();
        let builtin = self.builtin_advisories.as_ref().or(packed.as_ref()).unwrap_or_else(|| Advisories::builtin());
        mark(builtin, &[&given, &discovery.advisories], &mut discovery.inventory);
        note(&mut discovery.inventory);
        if let Some(baseline) = &self.baseline {
            recall(&inventory_of(baseline)?, &mut discovery.inventory);
        }
        Ok(())
    }

    /// The advisories given besides the input.
    fn given(&self) -> Result<Advisories> {
        let Some(first) = self.advisories.first() else { return Ok(Advisories::default()) };
        let Discovery { advisories, incomplete, .. } = Discoverer::new().run(&self.advisories);
        match incomplete.into_iter().next() {
            Some(unread) => Err(Error::new(ErrorKind::Malformed, unread.reason).at(unread.path)),
            None if advisories.is_empty() => {
                let message =
                    "no OSV advisory in it; give files or folders of OSV records: JSON, JSON Lines, gzip, zip";
                Err(Error::new(ErrorKind::Usage, message).at(first))
            }
            None => Ok(advisories),
        }
    }
}

/// The inventory of an earlier assessment.
fn inventory_of(file: &Path) -> Result<Inventory> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Earlier {
        inventory: Inventory,
    }
    let earlier: Earlier = serde_json::from_str(&load(file)?).map_err(|error| Error::from(error).at(file))?;
    Ok(earlier.inventory)
}
