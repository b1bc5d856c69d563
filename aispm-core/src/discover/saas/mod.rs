//! SaaS AI: grants, app lists, gateway configurations.

use super::format::{Structured, Textual};

mod app;
mod copilot;
mod gateway;

pub(super) const FORMATS: &[Structured] = &[
    copilot::INTERACTION,
    app::GOOGLE_ACTIVITY,
    gateway::LITELLM,
    gateway::KONG,
    gateway::APISIX,
    gateway::PORTKEY,
    gateway::CLOUDFLARE,
    app::ROW,
];
pub(super) const TEXTS: &[Textual] = &[];
