//! Parquet, column by column: a column that cannot be read costs the others nothing.

use std::borrow::Cow;
use std::fs::File;

use parquet::basic::{LogicalType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::rows::{ColumnId, Rows};
use super::{ROW_LIMIT, Source};
use crate::asset::{Error, ErrorKind, Result};

/// Records read at a time.
const RECORDS: usize = 1024;

/// Texts, and whole numbers outside lists. Memory is that of a page of one column, which the format bounds to 2 GiB and
/// writers to about 1 MiB.
pub(super) fn read(source: &Source<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let broken =
        |error: parquet::errors::ParquetError| Error::new(ErrorKind::Malformed, error.to_string()).at(source.path);
    let file = File::open(source.path).map_err(|error| Error::unreadable(source.path, error))?;
    let reader = SerializedFileReader::new(file).map_err(broken)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    for n in 0..reader.num_row_groups() {
        let group = reader.get_row_group(n).map_err(broken)?;
        let count = u64::try_from(group.metadata().num_rows()).ok().filter(|count| *count <= ROW_LIMIT);
        let Some(count) = count else {
            rows.bad(0, &format!("row group {n} declares {} rows", group.metadata().num_rows()));
            continue;
        };
        let first = rows.begin(count);
        for (i, column) in schema.columns().iter().enumerate().filter(|(_, column)| is_read(column)) {
            let name = name(column);
            let id = rows.column(&name);
            let place = Place { id, first, end: first + count, column };
            let read = group.get_column_reader(i).and_then(|reader| values(reader, &place, rows));
            if let Err(error) = read {
                rows.bad(0, &format!("column {name} of row group {n}: {error}"));
            }
            let size = group.metadata().columns().get(i).map_or(0, |chunk| chunk.compressed_size());
            rows.meter.read(0, u64::try_from(size).unwrap_or_default());
        }
    }
    Ok(())
}

/// Whether a column may hold what is looked for: no dates, measures, vectors, token ids, images.
fn is_read(column: &ColumnDescriptor) -> bool {
    match column.physical_type() {
        Type::BYTE_ARRAY => !matches!(column.logical_type_ref(), Some(LogicalType::Decimal { .. } | LogicalType::Bson)),
        Type::INT32 | Type::INT64 => {
            column.max_rep_level() == 0 && matches!(column.logical_type_ref(), None | Some(LogicalType::Integer { .. }))
        }
        _ => false,
    }
}

/// `a.list.element.b` as `a[].b`.
fn name(column: &ColumnDescriptor) -> String {
    let mut name = String::new();
    for part in column.path().parts() {
        match part.as_str() {
            "list" | "bag" | "array_element" if !name.is_empty() => {}
            "element" | "item" if !name.is_empty() && column.max_rep_level() > 0 => name.push_str("[]"),
            part => {
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(part);
            }
        }
    }
    name
}

struct Place<'c> {
    id: ColumnId,
    first: u64,
    end: u64,
    column: &'c ColumnDescriptor,
}

type Read<T> = parquet::errors::Result<T>;

fn values(reader: ColumnReader, place: &Place<'_>, rows: &mut Rows<'_>) -> Read<()> {
    match reader {
        ColumnReader::ByteArrayColumnReader(reader) => {
            typed(reader, place, rows, |value| std::str::from_utf8(value.data()).ok().map(Cow::Borrowed))
        }
        ColumnReader::Int32ColumnReader(reader) => {
            typed(reader, place, rows, |value| (*value >= 0).then(|| Cow::Owned(value.to_string())))
        }
        ColumnReader::Int64ColumnReader(reader) => {
            typed(reader, place, rows, |value| (*value >= 0).then(|| Cow::Owned(value.to_string())))
        }
        _ => Ok(()),
    }
}

/// Puts the values of one column into their rows: a record begins where the repetition level is 0, and a value is there
/// where the definition level is full.
fn typed<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    place: &Place<'_>,
    rows: &mut Rows<'_>,
    text: impl Fn(&T::T) -> Option<Cow<'_, str>>,
) -> Read<()> {
    let (full, nested) = (place.column.max_def_level(), place.column.max_rep_level() > 0);
    let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut next = place.first;
    loop {
        defined.clear();
        repeated.clear();
        values.clear();
        let (records, _, levels) =
            reader.read_records(RECORDS, Some(&mut defined), Some(&mut repeated), &mut values)?;
        if records == 0 && levels == 0 {
            return Ok(());
        }
        let mut values = values.iter();
        for n in 0..levels {
            next += u64::from(!nested || repeated.get(n).is_none_or(|level| *level == 0));
            if full > 0 && defined.get(n) != Some(&full) {
                continue;
            }
            let (Some(value), row) = (values.next(), next.saturating_sub(1)) else { break };
            if row < place.end
                && rows.go(row)
                && let Some(text) = text(value)
            {
                rows.cell(place.id, &text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::basic::{Compression, ZstdLevel};
    use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use crate::discover::dataset::tests::{columns, one, report};

    fn file(compression: Compression) -> Vec<u8> {
        let schema = "message m { optional binary mail (STRING); required int64 ssn; optional group tags (LIST) {
            repeated group list { optional binary element (STRING); } } }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
        for _ in 0..2 {
            let mut group = writer.next_row_group().unwrap();
            let text = |text: &str| ByteArray::from(text);
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<ByteArrayType>().write_batch(&[text("ann@mail.example.org")], Some(&[0, 1]), None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&[536_228_741, 536_228_742], None, None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let tags = [text("bob@mail.example.org"), text("carl@mail.example.org")];
            column.typed::<ByteArrayType>().write_batch(&tags, Some(&[3, 3, 0]), Some(&[0, 1, 0])).unwrap();
            column.close().unwrap();
            group.close().unwrap();
        }
        writer.close().unwrap();
        bytes
    }

    #[test]
    fn columns_lists_and_numbers_of_each_codec() {
        let codecs = [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(Default::default()),
            Compression::LZ4_RAW,
            Compression::ZSTD(ZstdLevel::default()),
        ];
        for codec in codecs {
            // by its content, whatever its name
            let set = one("a.data", &file(codec));
            assert_eq!((set.format.as_str(), set.rows), ("parquet", 4));
            let expected = ["mail 2: EMAIL_ADDRESS 2", "ssn 4: US_SSN 4", "tags[] 2: EMAIL_ADDRESS 2"];
            assert_eq!(columns(&set), expected, "{codec:?}");
        }
    }

    #[test]
    fn a_broken_file_is_told_and_does_no_harm() {
        let whole = file(Compression::SNAPPY);
        for end in [4, 12, whole.len() / 2, whole.len() - 1] {
            let report = report(&[("a.parquet", &whole[..end])]);
            assert_eq!((report.datasets.len(), report.incomplete.len()), (0, 1), "{end}");
        }
        for at in (0..whole.len()).step_by(3) {
            let mut broken = whole.clone();
            broken[at] ^= 0x55;
            report(&[("a.parquet", &broken)]);
        }
    }
}
