//! AND/OR graphs: facts, of which any of several rule instances is reason enough, and instances, which need all their
//! premises. The attack paths of [`path`](super) are solved with it; it knows nothing of security.
//!
//! | what | type | time for F facts, P premises |
//! |---|---|---|
//! | frozen graph, both directions | [`Hypergraph`], made by [`Builder`] | O(F + P) |
//! | what follows from some facts | [`Forward`] | O(F + P) |
//! | the best derivation of every fact | [`Best`] | O(P + F log F) |
//! | what is still to pay to one target | [`Potentials`] | O(P + F log F), once a target |
//! | k best derivations of a fact, lazily | [`Derivations`] | per answer of n instances O(n²), at worst n searches |
//! | k best loopless paths of a plain graph, lazily | [`Paths`] | per answer of n steps O(n · degree), at worst n searches |
//! | facts that every derivation passes | [`Dominators`], [`necessary`] | near O(P); exact for one fact O(n · P) |
//! | the lightest set that cuts a target off | [`Cutter`] | O(w · P) for weight w; AND/OR within a budget |
//! | the lightest set that hits all sets | [`Hitting`] | within a budget |
//! | costs that follow every change | [`Incremental`] | what depends on the change |
//!
//! A graph is *plain* if every instance has one premise; an instance is then an edge, and derivations are loopless paths.
//! All of it is deterministic, without recursion on the input, and keeps its buffers, so that the next source or target
//! costs only what it reaches. Where time is not near linear, a work budget bounds it and the answer says whether it
//! ended.
//!
//! "May modify a role" and "may use it", both needed, and a second way that costs more:
//!
//! ```
//! use aispm_core::path::graph::{Best, Builder, Derivations, Potentials, necessary};
//!
//! # fn main() -> aispm_core::Result<()> {
//! let mut builder = Builder::new();
//! let [user, modify, use_it, role, leaked_key] =
//!     [builder.fact()?, builder.fact()?, builder.fact()?, builder.fact()?, builder.fact()?];
//! builder.instance(&[user], modify, 1.0)?;
//! builder.instance(&[user], use_it, 1.0)?;
//! builder.instance(&[modify, use_it], role, 0.5)?;
//! builder.instance(&[user], leaked_key, 2.0)?;
//! builder.instance(&[leaked_key], role, 2.0)?;
//! let graph = builder.freeze();
//!
//! let mut best = Best::new();
//! best.run(&graph, &[user], &[], |_| false);
//! assert_eq!(best.cost(role), Some(2.5));
//!
//! let (prepared, mut scratch) = (Potentials::new(&graph, role), Best::new());
//! let ways: Vec<f64> =
//!     Derivations::new(&graph, &best, &mut scratch, &prepared, 10_000).map(|way| way.cost()).collect();
//! assert_eq!(ways, [2.5, 4.0]);
//! assert_eq!(necessary(&graph, &[user], role), [user], "no single step is in both ways");
//! # Ok(())
//! # }
//! ```

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
