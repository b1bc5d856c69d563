//! The history of inventories survives a writer that is killed at any moment.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use aispm_core::asset::{Asset, AssetKind, Evidence, Inventory, Relation, RelationKind};
use aispm_core::monitor::Store;

const KILLS: u64 = 200;
const STORE: &str = "AISPM_TEST_STORE";

/// A snapshot's content follows from its number, so that whoever loads it can tell whether it is whole.
fn inventory(n: i64) -> Inventory {
    let mut inventory = Inventory::new();
    for i in 0..60 {
        // a third of each snapshot is new
        let version = if i % 3 == 0 { n } else { 0 };
        let id = format!("model-{i}");
        inventory.add(Asset::new(&id, AssetKind::Model, "m").with("version", version).seen(Evidence::file("f")));
        inventory.relate(Relation::new(id, RelationKind::TrainedOn, format!("data-{version}")));
    }
    inventory
}

/// Records one snapshot after another until it is killed; run by the test below only.
#[test]
#[ignore = "the writer that the next test kills"]
fn writer() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let mut store = Store::open(path).unwrap();
    let mut next = store.list().unwrap().len() as i64 + 1;
    loop {
        let snapshot = store.record(&inventory(next), "2026-01-01T00:00:00Z", None).unwrap();
        println!("recorded {}", snapshot.id);
        next = snapshot.id + 1;
    }
}

#[test]
fn a_killed_writer_loses_at_most_the_snapshot_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (mut told, mut seed, mut midway) = (0, 0x9E37_79B9_7F4A_7C15_u64, 0);
    for _ in 0..KILLS {
        // xorshift: moments differ from run to run of the loop and are the same in every run of the test
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        told = told.max(killed_after(&path, (seed % 4) as usize, Duration::from_micros(seed / 4 % 20_000)));
        let store = Store::open(&path).unwrap();
        let snapshots = store.list().unwrap();
        let count = snapshots.len() as i64;
        assert!(snapshots.iter().map(|snapshot| snapshot.id).eq(1..=count));
        // what was said to be recorded is there; the one after it may be
        assert!(count >= told && count <= told + 1, "{count} snapshots, {told} told");
        midway += u64::from(count > told);
        told = count;
        // the newest ones each time, all of them at the end
        for id in (count - 3).max(1)..=count {
            assert!(store.load(id).unwrap() == inventory(id), "snapshot {id}");
        }
    }
    let store = Store::open(&path).unwrap();
    for id in 1..=told {
        assert!(store.load(id).unwrap() == inventory(id), "snapshot {id}");
    }
    println!("{told} snapshots, {midway} of them committed but not told");
}

/// Starts a writer, kills it so long after it told so many snapshots, and gives the last one that it told.
fn killed_after(path: &Path, snapshots: usize, time: Duration) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "writer", "--nocapture", "--test-threads=1"])
        .env(STORE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut told = lines.filter_map(|line| line.split("recorded ").nth(1)?.trim().parse().ok());
    let before = told.by_ref().take(snapshots).last();
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
    told.last().or(before).unwrap_or(0)
}
