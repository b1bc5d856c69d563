//! Amazon Web Services exports: answers of the API, AWS Config, CloudTrail, CloudFormation, authorization details.
//!
//! All but the last read resources by one table, `data/discover/aws.yaml` ([`table`], [`item`]), and name what they
//! point at alike ([`end`]).

mod arn;
mod authorization_details;
mod config;
mod describe;
mod end;
mod field;
mod intrinsic;
mod item;
mod keep;
mod lineage;
mod listed;
mod organization;
mod policy;
mod special;
mod table;
mod template;
mod trail;

#[cfg(test)]
mod tests;

pub(super) use lineage::join;
pub(super) use trail::SWITCHED_OFF;

use super::format::Structured;

pub(super) const FORMATS: &[Structured] = &[
    authorization_details::AUTHORIZATION_DETAILS,
    template::TEMPLATE,
    config::CONFIG,
    trail::TRAIL,
    describe::DESCRIBE,
];
