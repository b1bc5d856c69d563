//! A history of inventories in one SQLite file.
//!
//! A snapshot is one transaction: a process that is killed while it records loses that snapshot and no other. Assets
//! and relations are kept once by content, so that a snapshot of an estate that hardly changed takes hardly any room.

use std::path::Path;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::asset::{Asset, Error, ErrorKind, Inventory, InventoryDiff, Relation, Result};

/// `aisp` in ASCII: tells our files from other SQLite files.
const APPLICATION: i64 = 0x6169_7370;
/// The layout below.
const VERSION: i64 = 1;
const LAYOUT: &str = "
    CREATE TABLE snapshots (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time TEXT NOT NULL,
        label TEXT,
        assets INTEGER NOT NULL,
        relations INTEGER NOT NULL
    );
    CREATE TABLE objects (hash BLOB PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE members (
        snapshot INTEGER NOT NULL REFERENCES snapshots,
        position INTEGER NOT NULL,
        hash BLOB NOT NULL REFERENCES objects,
        PRIMARY KEY (snapshot, position)
    ) WITHOUT ROWID;
";

/// An inventory as it was at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Snapshot {
    /// Number in its store, from 1, rising.
    pub id: i64,
    /// When it was recorded, RFC 3339.
    pub time: String,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Number of assets.
    pub assets: usize,
    /// Number of relations.
    pub relations: usize,
}

/// A history of inventories: one file, one writer at a time, any number of readers.
///
/// ```
/// use aispm_core::asset::{Asset, AssetKind, Inventory};
/// use aispm_core::monitor::Store;
///
/// # fn main() -> aispm_core::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let file = folder.path().join("history.db");
/// let mut store = Store::open(&file)?;
/// let mut inventory = Inventory::new();
/// store.record(&inventory, "2026-01-01T00:00:00Z", None)?;
/// inventory.add(Asset::new("m", AssetKind::Model, "m"));
/// store.record(&inventory, "2026-01-02T00:00:00Z", Some("after the release"))?;
/// assert_eq!(store.since("2026-01-01T12:00:00Z")?.added.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: std::path::PathBuf,
}

impl Store {
    /// Opens a store, or makes one where there is no file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let connection = Connection::open(&path).map_err(|error| explain(&error).at(&path))?;
        let mut store = Self { connection, path };
        store.prepare().map_err(|error| error.at(&store.path))?;
        Ok(store)
    }

    fn prepare(&mut self) -> Result<()> {
        // a second writer waits for the first
        self.connection.busy_timeout(std::time::Duration::from_secs(30)).map_err(|error| explain(&error))?;
        // a snapshot that was recorded survives a crash of the machine, too
        self.connection.pragma_update(None, "synchronous", "FULL").map_err(|error| explain(&error))?;
        self.connection.pragma_update(None, "foreign_keys", true).map_err(|error| explain(&error))?;
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(|error| explain(&error))?;
        let pragma = |name: &str| {
            let read = transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            read.map_err(|error| explain(&error))
        };
        match (pragma("application_id")?, pragma("user_version")?, pragma("schema_version")?) {
            (0, 0, 0) => {
                let made = transaction
                    .execute_batch(LAYOUT)
                    .and_then(|()| transaction.pragma_update(None, "application_id", APPLICATION))
                    .and_then(|()| transaction.pragma_update(None, "user_version", VERSION));
                made.map_err(|error| explain(&error))?;
            }
            (APPLICATION, VERSION, _) => {}
            (APPLICATION, version, _) => {
                let message = format!("a store of layout {version}; this version of aispm reads layout {VERSION}");
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            _ => return Err(Error::new(ErrorKind::Invalid, "a database, but no store of aispm")),
        }
        transaction.commit().map_err(|error| explain(&error))
    }

    /// Records an inventory as of a time (RFC 3339, UTC), all of it or nothing. A time that is
    /// written otherwise is an error of kind [`ErrorKind::Usage`]. O(n log n).
    pub fn record(&mut self, inventory: &Inventory, time: &str, label: Option<&str>) -> Result<Snapshot> {
        check_time(time).map_err(|error| error.at(&self.path))?;
        let recorded = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| explain(&error))
            .and_then(|transaction| {
                let id = write(&transaction, inventory, time, label)?;
                transaction.commit().map_err(|error| explain(&error))?;
                Ok(id)
            });
        let id = recorded.map_err(|error| error.at(&self.path))?;
        let (assets, relations) = (inventory.len(), inventory.relations().len());
        Ok(Snapshot { id, time: time.to_owned(), label: label.map(str::to_owned), assets, relations })
    }

    /// Every snapshot, oldest first.
    pub fn list(&self) -> Result<Vec<Snapshot>> {
        let mut query = self.query("SELECT id, time, label, assets, relations FROM snapshots ORDER BY id")?;
        let rows = query.query_map((), snapshot).and_then(Iterator::collect);
        rows.map_err(|error| self.failed(&error))
    }

    /// The inventory of a snapshot. What no longer is what was recorded is an error.
    pub fn load(&self, id: i64) -> Result<Inventory> {
        let known = self.query("SELECT assets, relations FROM snapshots WHERE id = ?")?.query_row([id], counts);
        let Some((assets, relations)) = known.optional().map_err(|error| self.failed(&error))? else {
            return Err(Error::new(ErrorKind::Usage, format!("there is no snapshot {id}")).at(&self.path));
        };
        let mut query = self.query(
            "SELECT objects.hash, body FROM members JOIN objects USING (hash) WHERE snapshot = ? ORDER BY position",
        )?;
        let mut rows = query.query([id]).map_err(|error| self.failed(&error))?;
        let mut inventory = Inventory::new();
        let mut position = 0;
        while let Some(row) = rows.next().map_err(|error| self.failed(&error))? {
            let entry = (|| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?)))();
            let (hash, body) = entry.map_err(|error| self.failed(&error))?;
            if Sha256::digest(&body).as_slice() != hash {
                return Err(self.damaged(id));
            }
            if position < assets {
                inventory.add(self.parse::<Asset>(&body, id)?);
            } else {
                inventory.relate(self.parse::<Relation>(&body, id)?);
            }
            position += 1;
        }
        if (inventory.len(), inventory.relations().len()) == (assets, relations) {
            Ok(inventory)
        } else {
            Err(self.damaged(id))
        }
    }

    /// What changed from one snapshot to another.
    pub fn compare(&self, old: i64, new: i64) -> Result<InventoryDiff> {
        Ok(self.load(old)?.diff(&self.load(new)?))
    }

    /// What changed since a time (RFC 3339, UTC; a date alone is its first moment): from the last snapshot at or before
    /// it, or from nothing, to the newest. A time that is written otherwise, and an empty store, are errors of kind
    /// [`ErrorKind::Usage`].
    pub fn since(&self, time: &str) -> Result<InventoryDiff> {
        check_time(time).map_err(|error| error.at(&self.path))?;
        let last = |sql: &str, time: &str| -> Result<Option<i64>> {
            let found = self.query(sql)?.query_row([time], |row| row.get(0)).optional();
            found.map_err(|error| self.failed(&error))
        };
        let old = last("SELECT id FROM snapshots WHERE time <= ? ORDER BY time DESC, id DESC LIMIT 1", time)?;
        let Some(new) = last("SELECT id FROM snapshots WHERE ? <> '' ORDER BY time DESC, id DESC LIMIT 1", "newest")?
        else {
            return Err(Error::new(ErrorKind::Usage, "the store holds no snapshot yet").at(&self.path));
        };
        let before = old.map_or_else(|| Ok(Inventory::new()), |id| self.load(id))?;
        Ok(before.diff(&self.load(new)?))
    }

    fn query(&self, sql: &str) -> Result<rusqlite::Statement<'_>> {
        self.connection.prepare(sql).map_err(|error| self.failed(&error))
    }

    fn parse<T: DeserializeOwned>(&self, body: &str, id: i64) -> Result<T> {
        serde_json::from_str(body).map_err(|_| self.damaged(id))
    }

    fn failed(&self, error: &rusqlite::Error) -> Error {
        explain(error).at(&self.path)
    }

    fn damaged(&self, id: i64) -> Error {
        Error::new(ErrorKind::Malformed, format!("snapshot {id} is not what was recorded")).at(&self.path)
    }
}

/// Times are compared as text, so they must be written alike: a day, or a moment of it in UTC.
fn check_time(time: &str) -> Result<()> {
    let day = |text: &str| text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10;
    let moment = |text: &str| text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok();
    if day(time) || moment(time) {
        return Ok(());
    }
    let message = format!("{time:?} is no time; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ");
    Err(Error::new(ErrorKind::Usage, message))
}

fn write(transaction: &Transaction<'_>, inventory: &Inventory, time: &str, label: Option<&str>) -> Result<i64> {
    let row = "INSERT INTO snapshots (time, label, assets, relations) VALUES (?, ?, ?, ?)";
    let counts = (inventory.len(), inventory.relations().len());
    let inserted = transaction.execute(row, params![time, label, number(counts.0)?, number(counts.1)?]);
    inserted.map_err(|error| explain(&error))?;
    let id = transaction.last_insert_rowid();
    let object = "INSERT INTO objects (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING";
    let mut object = transaction.prepare(object).map_err(|error| explain(&error))?;
    let member = "INSERT INTO members (snapshot, position, hash) VALUES (?, ?, ?)";
    let mut member = transaction.prepare(member).map_err(|error| explain(&error))?;
    let assets = inventory.assets().map(serde_json::to_string);
    let relations = inventory.relations().map(serde_json::to_string);
    for (position, body) in assets.chain(relations).enumerate() {
        let body = body?;
        let hash = Sha256::digest(&body);
        let hash = hash.as_slice();
        object
            .execute(params![hash, body])
            .and_then(|_| member.execute(params![id, i64::try_from(position).unwrap_or(i64::MAX), hash]))
            .map_err(|error| explain(&error))?;
    }
    Ok(id)
}

fn number(count: usize) -> Result<i64> {
    i64::try_from(count).map_err(|_| Error::new(ErrorKind::Budget, "too many assets"))
}

fn snapshot(row: &Row<'_>) -> rusqlite::Result<Snapshot> {
    let (assets, relations) = (count(row, 3)?, count(row, 4)?);
    Ok(Snapshot { id: row.get(0)?, time: row.get(1)?, label: row.get(2)?, assets, relations })
}

fn counts(row: &Row<'_>) -> rusqlite::Result<(usize, usize)> {
    Ok((count(row, 0)?, count(row, 1)?))
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    let count: i64 = row.get(column)?;
    usize::try_from(count)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, error.into()))
}

/// SQLite's error as ours.
fn explain(error: &rusqlite::Error) -> Error {
    use rusqlite::ffi::ErrorCode;
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => ErrorKind::Malformed,
        _ => ErrorKind::Unreadable,
    };
    Error::new(kind, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{AssetKind, Evidence, RelationKind};

    fn inventory(models: usize) -> Inventory {
        let mut inventory = Inventory::new();
        for i in 0..models {
            inventory.add(Asset::new(format!("m{i}"), AssetKind::Model, "m").seen(Evidence::file("f")));
            inventory.relate(Relation::new(format!("m{i}"), RelationKind::TrainedOn, "d").seen(Evidence::file("f")));
        }
        inventory
    }

    #[test]
    fn snapshots_come_back_and_compare() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("h.db");
        for (day, models) in [(1, 2), (2, 3), (3, 1)] {
            let mut store = Store::open(&file).unwrap();
            let time = format!("2026-01-0{day}T00:00:00Z");
            assert_eq!(store.record(&inventory(models), &time, None).unwrap().id, day);
        }
        let store = Store::open(&file).unwrap();
        assert_eq!(store.list().unwrap().iter().map(|snapshot| snapshot.assets).collect::<Vec<_>>(), [2, 3, 1]);
        assert_eq!(store.load(2).unwrap(), inventory(3));
        assert_eq!(store.compare(1, 2).unwrap().added.len(), 1);
        assert_eq!(store.since("2026-01-02").unwrap().removed.len(), 1);
        assert_eq!(store.since("2025-01-01").unwrap().added.len(), 1);
        assert_eq!(store.load(9).unwrap_err().kind, ErrorKind::Usage);
        for time in ["yesterday", "2026-13-01", "2026-01-01T00:00:00+02:00"] {
            assert!(store.since(time).unwrap_err().to_string().contains("YYYY-MM-DD"), "{time}");
        }
        // what did not change is kept once
        let objects: i64 = store.connection.query_row("SELECT count(*) FROM objects", (), |row| row.get(0)).unwrap();
        assert_eq!(objects, 6);
    }

    #[test]
    fn what_is_no_store_is_refused_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("notes.txt");
        std::fs::write(&text, "no database at all, but long enough to be looked at".repeat(40)).unwrap();
        assert_eq!(Store::open(&text).unwrap_err().kind, ErrorKind::Malformed);
        let other = folder.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(Store::open(&other).unwrap_err().to_string().contains("no store of aispm"));
        let file = folder.path().join("h.db");
        let mut store = Store::open(&file).unwrap();
        store.record(&inventory(1), "2026-01-01", Some("first")).unwrap();
        store.connection.execute_batch("UPDATE objects SET body = replace(body, 'm0', 'm9')").unwrap();
        assert!(store.load(1).unwrap_err().to_string().contains("snapshot 1"));
        store.connection.pragma_update(None, "user_version", 7).unwrap();
        assert!(Store::open(&file).unwrap_err().to_string().contains("layout 7"));
    }
}
