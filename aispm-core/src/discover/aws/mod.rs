//! Amazon Web Services exports.

mod authorization_details;

pub(super) use authorization_details::AUTHORIZATION_DETAILS;
