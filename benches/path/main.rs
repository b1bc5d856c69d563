//! The attack-graph engine on generated graphs, beside `petgraph`, and whole answers for generated accounts:
//! `cargo bench --bench path [-- graph|account]`. `benches/peers/path.py` runs networkx, rustworkx and igraph on the
//! graphs that this leaves in the target folder, and prints one table.
//!
//! One thread; medians.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark that cannot go on must stop")]

mod account;
mod engine;
mod layered;

/// As in the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let asked = |part: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == part);
    if asked("graph") {
        let me = std::env::current_exe().expect("the path of this program");
        let target = me.ancestors().find(|path| path.ends_with("target") || path.join("CACHEDIR.TAG").exists());
        let folder = target.map_or_else(std::env::temp_dir, std::path::Path::to_path_buf).join("bench-path");
        std::fs::create_dir_all(&folder).expect("a folder for the graphs");
        engine::measure("small", 100_000, 500_000, 11, &folder);
        engine::measure("large", 1_000_000, 5_000_000, 3, &folder);
    }
    if asked("account") {
        account::measure();
    }
}
