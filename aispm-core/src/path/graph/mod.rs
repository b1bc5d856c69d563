//! AND/OR hypergraph algorithms.

mod best;
mod cut;
mod dominators;
mod flow;
mod forward;
mod hitting;
mod hypergraph;
mod incremental;
mod kbest;
mod paths;
mod potentials;
#[cfg(test)]
mod testing;

pub use best::{Best, Derivation};
pub use cut::{Cut, Cutter, Node};
pub use dominators::{Dominators, necessary};
pub use forward::Forward;
pub use hitting::{Hit, Hitting};
pub use hypergraph::{Builder, FactId, Hypergraph, InstanceId};
pub use incremental::Incremental;
pub use kbest::Derivations;
pub use paths::{Path, Paths};
pub use potentials::Potentials;
