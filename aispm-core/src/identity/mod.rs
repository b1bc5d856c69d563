//! Who may do what.

pub mod aws;
