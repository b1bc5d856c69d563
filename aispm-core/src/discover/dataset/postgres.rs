//! Plain dumps of PostgreSQL, pgvector's among them: `COPY` blocks by column, `INSERT` statements as text.

use super::Source;
use super::input::{Lines, text};
use super::rows::{ColumnId, Rows};
use crate::asset::{Error, Result};

/// Longest row, bytes.
const LINE: u64 = 64 << 20;

/// Rows of `COPY … FROM stdin` as `table.column`. Linear; memory is that of a row.
pub(super) fn read(source: &Source<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let mut lines = Lines::new(text(source.path, rows.meter)?, LINE);
    let (mut copied, mut inserted): (Option<Vec<ColumnId>>, Option<ColumnId>) = (None, None);
    while let Some((line, whole)) = lines.next().map_err(|error| Error::unreadable(source.path, error))? {
        let line = String::from_utf8_lossy(line);
        if let Some(columns) = &mut copied {
            if line == "\\." {
                copied = None;
            } else if rows.next() {
                let values = line.split('\t').filter(|_| whole).zip(columns.iter());
                values.filter(|(value, _)| *value != "\\N").for_each(|(value, id)| rows.cell(*id, &unescaped(value)));
            }
            if !whole {
                rows.bad(lines.number, &format!("longer than {LINE} bytes"));
            }
            continue;
        }
        copied = columns(&line, rows);
        if let Some(table) = line.strip_prefix("INSERT INTO ") {
            inserted = Some(rows.column(name(table.split([' ', '(']).next().unwrap_or_default())));
        } else if !line.starts_with(['(', ' ', '\t']) {
            inserted = None;
        }
        if let Some(column) = inserted.filter(|_| rows.next()) {
            rows.cell(column, &line);
        }
    }
    Ok(())
}

/// The columns of `COPY schema.table (a, b) FROM stdin;`.
fn columns(line: &str, rows: &mut Rows<'_>) -> Option<Vec<ColumnId>> {
    let (table, rest) = line.strip_prefix("COPY ")?.split_once(" (")?;
    let (names, rest) = rest.rsplit_once(") FROM ")?;
    rest.starts_with("stdin")
        .then(|| names.split(", ").map(|c| rows.column(&format!("{}.{}", name(table), name(c)))).collect())
}

fn name(quoted: &str) -> &str {
    quoted.trim().trim_matches('"').trim_start_matches("public.")
}

/// A value of `COPY` in text format with its escapes resolved.
fn unescaped(value: &str) -> std::borrow::Cow<'_, str> {
    if !value.contains('\\') {
        return value.into();
    }
    let (mut out, mut chars) = (String::with_capacity(value.len()), value.chars());
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(other) => other,
                None => '\\',
            },
            c => c,
        });
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use crate::discover::dataset::tests::{columns, one};

    #[test]
    fn copied_and_inserted_rows() {
        let text = "--\n-- PostgreSQL database dump\n--\nCREATE TABLE public.items (id int);\n\
                    COPY public.items (id, embedding, \"Body\") FROM stdin;\n1\t[0.1,-2e-3]\twrite to\\nann@mail.example.org\n\
                    2\t\\N\t\\N\n\\.\n\nINSERT INTO public.users VALUES\n (1, 'bob@mail.example.org');\n";
        let set = one("dump.sql", text.as_bytes());
        assert_eq!((set.format.as_str(), set.rows), ("sql", 4));
        let expected = ["items.id 2", "items.embedding 0", "items.Body 1: EMAIL_ADDRESS 1", "users 2: EMAIL_ADDRESS 1"];
        assert_eq!(columns(&set), expected);
    }

    proptest::proptest! {
        #[test]
        fn any_pieces_are_read_without_harm(pieces in proptest::collection::vec(proptest::sample::select(
            &["COPY t (a, b) FROM stdin;\n", "\\.\n", "\t", "\\N", "\\", "x", "\n", "INSERT INTO t (", ") FROM ", "\""][..]), 0..40)) {
            one("a.sql", pieces.concat().as_bytes());
        }
    }
}
