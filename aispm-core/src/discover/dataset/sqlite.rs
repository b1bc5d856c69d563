//! SQLite, Chroma's store among them: every table, opened so that nothing is written and no code of the file runs.

use std::fmt::Write as _;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::Source;
use super::rows::{ColumnId, Rows};
use crate::asset::{Error, ErrorKind, Result};

/// Longest value, bytes.
const VALUE: i32 = 64 << 20;

/// Texts and whole numbers of each table as `table.column`; where a table holds keys and values, as Chroma's metadata
/// does, as `table.key`. Memory is that of a row.
pub(super) fn read(source: &Source<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let broken = |error: rusqlite::Error| Error::new(ErrorKind::Malformed, error.to_string()).at(source.path);
    let connection = open(source.path).map_err(broken)?;
    for table in tables(&connection).map_err(broken)? {
        if let Err(error) = read_table(&connection, &table, rows) {
            rows.bad(0, &format!("table {table}: {error}"));
        }
    }
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.len());
    rows.meter.read(0, size(source.path));
    let log = format!("{}-wal", source.path.display());
    if size(Path::new(&log)) > 0 {
        rows.bad(0, "rows in its write-ahead log are not read; run a checkpoint first");
    }
    Ok(())
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = "file:".to_owned();
    for byte in path.display().to_string().bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(byte)),
            _ => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE)?;
    Ok(connection)
}

/// Plain tables, and of a full-text index the table that holds its texts; Chroma's repeats what another table holds.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut list = connection.prepare("PRAGMA table_list")?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>("name")?, row.get::<_, String>("type")?));
    let all: Vec<(String, String)> = list.query_map([], row)?.collect::<rusqlite::Result<_>>()?;
    let chroma = all.iter().any(|(name, _)| name == "embedding_metadata");
    let kept = |(name, kind): &(String, String)| match kind.as_str() {
        "table" => !name.starts_with("sqlite_"),
        "shadow" => name.ends_with("_content") && !chroma,
        _ => false,
    };
    let mut names: Vec<String> = all.into_iter().filter(kept).map(|(name, _)| name).collect();
    names.sort();
    Ok(names)
}

fn read_table(connection: &Connection, table: &str, rows: &mut Rows<'_>) -> rusqlite::Result<()> {
    let mut select = connection.prepare(&format!("SELECT * FROM \"{}\"", table.replace('"', "\"\"")))?;
    let names: Vec<String> = select.column_names().map(str::to_owned).collect();
    let named = |name: &str| names.iter().position(|known| known == name);
    let keyed = named("key").zip(named("string_value"));
    let columns: Vec<ColumnId> = names.iter().map(|name| rows.column(&format!("{table}.{name}"))).collect();
    let mut found = select.query([])?;
    while let Some(row) = found.next()? {
        if !rows.next() {
            continue;
        }
        if let Some((key, value)) = keyed {
            let key = row.get_ref(key)?.as_str().unwrap_or("value");
            let column = rows.column(&format!("{table}.{key}"));
            cell(column, row.get_ref(value)?, rows);
            continue;
        }
        for (i, column) in columns.iter().enumerate() {
            cell(*column, row.get_ref(i)?, rows);
        }
    }
    Ok(())
}

fn cell(column: ColumnId, value: ValueRef<'_>, rows: &mut Rows<'_>) {
    match value {
        ValueRef::Text(bytes) => rows.cell(column, &String::from_utf8_lossy(bytes)),
        ValueRef::Integer(number) if number >= 0 => rows.cell(column, &number.to_string()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::dataset::tests::{columns, one, report};

    fn database(sql: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.db");
        Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        std::fs::read(file).unwrap()
    }

    #[test]
    fn every_table_by_column() {
        let bytes = database(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT, ssn INTEGER, photo BLOB);
             INSERT INTO users VALUES (1, 'ann@mail.example.org', 536228741, x'00ff'), (2, NULL, NULL, NULL);
             CREATE TABLE \"odd \"\"name\" (a); INSERT INTO \"odd \"\"name\" VALUES ('x');
             CREATE VIRTUAL TABLE notes USING fts5(body); INSERT INTO notes VALUES ('write to bob@mail.example.org');",
        );
        let set = one("a.bin", &bytes);
        assert_eq!((set.format.as_str(), set.rows), ("sqlite", 4));
        let told = columns(&set);
        for expected in [
            "users.mail 1: EMAIL_ADDRESS 1",
            "users.ssn 1: US_SSN 1",
            "odd \"name.a 1",
            "notes_content.c0 1: EMAIL_ADDRESS 1",
        ] {
            assert!(told.iter().any(|column| column == expected), "{told:?}");
        }
    }

    #[test]
    fn a_store_of_chroma_by_key() {
        let bytes = database(
            "CREATE TABLE embedding_metadata (id INTEGER, key TEXT, string_value TEXT, int_value INTEGER);
             INSERT INTO embedding_metadata VALUES (1, 'chroma:document', 'mail ann@mail.example.org', NULL);
             INSERT INTO embedding_metadata VALUES (1, 'source', 'a.pdf', NULL);
             CREATE VIRTUAL TABLE embedding_fulltext_search USING fts5(string_value);
             INSERT INTO embedding_fulltext_search VALUES ('mail ann@mail.example.org');",
        );
        let told = columns(&one("chroma.sqlite3", &bytes));
        assert!(told.contains(&"embedding_metadata.chroma:document 1: EMAIL_ADDRESS 1".to_owned()), "{told:?}");
        assert!(!told.iter().any(|column| column.contains("fulltext")), "{told:?}");
    }

    #[test]
    fn a_broken_file_is_told() {
        let bytes = database("CREATE TABLE t (a); INSERT INTO t VALUES ('x');");
        assert_eq!(report(&[("a.db", &bytes[..100])]).incomplete.len(), 1);
        for at in (0..bytes.len()).step_by(97) {
            let mut broken = bytes.clone();
            broken[at] ^= 0xFF;
            report(&[("a.db", &broken)]);
        }
    }
}
