//! Arrow IPC: streams, files and Feather, which is a file. A file is read as the stream it wraps, so that one cut short
//! gives what stands before the cut; every length is checked before memory is taken.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::Buffer;
use arrow_ipc::{Message, MessageHeader, RecordBatch, convert, reader, root_as_message};
use arrow_schema::{ArrowError, DataType, SchemaRef};

use super::rows::Rows;
use super::{ROW_LIMIT, Source};
use crate::asset::{Error, ErrorKind, Result};

/// Largest metadata and largest batch, packed or not, bytes.
const METADATA: u64 = 16 << 20;
const BODY: u64 = 512 << 20;
const MAGIC: &[u8] = b"ARROW1\0\0";
/// Most words of zeros behind it.
const PADDING: u8 = 16;
const CONTINUATION: u32 = u32::MAX;

/// Texts, and whole numbers outside lists. Memory is that of a batch.
pub(super) fn read(source: &Source<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let file = File::open(source.path).map_err(|error| Error::unreadable(source.path, error))?;
    let mut stream =
        Stream { reader: BufReader::with_capacity(1 << 18, file), schema: None, dictionaries: HashMap::new() };
    stream.read(rows).map_err(|error| match error {
        ArrowError::IoError(_, error) => Error::unreadable(source.path, error),
        error => Error::new(ErrorKind::Malformed, error.to_string()).at(source.path),
    })
}

struct Stream {
    reader: BufReader<File>,
    schema: Option<SchemaRef>,
    dictionaries: HashMap<i64, ArrayRef>,
}

fn broken(message: impl Into<String>) -> ArrowError {
    ArrowError::ParseError(message.into())
}

impl Stream {
    fn read(&mut self, rows: &mut Rows<'_>) -> Result<(), ArrowError> {
        let mut word = self.word()?;
        if word.is_some_and(|word| MAGIC.starts_with(&word.to_le_bytes())) {
            self.word()?;
            // writers pad the magic number to 8 or 64 bytes
            let mut padding = PADDING;
            word = self.word()?;
            while word == Some(0) && padding > 0 {
                (word, padding) = (self.word()?, padding - 1);
            }
        }
        while let Some(first) = word {
            let len = if first == CONTINUATION { self.word()?.unwrap_or(0) } else { first };
            if len == 0 {
                break;
            }
            let metadata = self.take(u64::from(len), METADATA)?;
            let message = root_as_message(&metadata).map_err(|error| broken(error.to_string()))?;
            let len = u64::try_from(message.bodyLength()).map_err(|_| broken("a batch of negative length"))?;
            let body = Buffer::from(self.take(len, BODY)?);
            rows.meter.read(0, body.len() as u64);
            self.message(message, &body, rows)?;
            word = self.word()?;
        }
        Ok(())
    }

    /// The next four bytes; `None` at the end.
    fn word(&mut self) -> Result<Option<u32>, ArrowError> {
        let mut word = [0; 4];
        match self.reader.read_exact(&mut word) {
            Ok(()) => Ok(Some(u32::from_le_bytes(word))),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, len: u64, limit: u64) -> Result<Vec<u8>, ArrowError> {
        if len > limit {
            return Err(broken(format!("a part of {len} bytes, more than the limit of {limit}")));
        }
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(len).read_to_end(&mut bytes)?;
        if (read as u64) < len { Err(broken("the file ends inside a batch")) } else { Ok(bytes) }
    }

    fn message(&mut self, message: Message<'_>, body: &Buffer, rows: &mut Rows<'_>) -> Result<(), ArrowError> {
        let version = message.version();
        match (message.header_type(), &self.schema) {
            (MessageHeader::Schema, _) => {
                let schema = message.header_as_schema().ok_or_else(|| broken("a schema without content"))?;
                self.schema = Some(Arc::new(convert::try_fb_to_schema(schema)?));
            }
            (MessageHeader::DictionaryBatch, Some(schema)) => {
                let batch = message.header_as_dictionary_batch().ok_or_else(|| broken("an empty dictionary"))?;
                fits(batch.data(), body)?;
                reader::read_dictionary(body, batch, schema, &mut self.dictionaries, &version)?;
            }
            (MessageHeader::RecordBatch, Some(schema)) => {
                let batch = message.header_as_record_batch().ok_or_else(|| broken("an empty batch"))?;
                fits(Some(batch), body)?;
                let schema = Arc::clone(schema);
                let batch = reader::read_record_batch(body, batch, schema, &self.dictionaries, None, &version)?;
                let first = rows.begin(batch.num_rows() as u64);
                let parents: Vec<u64> = (first..first + batch.num_rows() as u64).collect();
                for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
                    cells(column, field.name(), &parents, false, rows);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// That a batch declares neither more rows nor, where its buffers are packed, more bytes than are taken.
fn fits(batch: Option<RecordBatch<'_>>, body: &[u8]) -> Result<(), ArrowError> {
    let Some(batch) = batch else { return Err(broken("a dictionary without content")) };
    if u64::try_from(batch.length()).is_ok_and(|rows| rows > ROW_LIMIT) {
        return Err(broken(format!("a batch of {} rows", batch.length())));
    }
    if batch.compression().is_none() {
        return Ok(());
    }
    let len = |at: i64| {
        let head = body.get(usize::try_from(at).ok()?..)?.first_chunk::<8>()?;
        u64::try_from(i64::from_le_bytes(*head)).ok()
    };
    let unpacked = batch.buffers().into_iter().flatten().filter(|buffer| buffer.length() > 0);
    let sum = unpacked.filter_map(|buffer| len(buffer.offset())).fold(0_u64, u64::saturating_add);
    if sum > BODY {
        Err(broken(format!("a batch unpacks to {sum} bytes, more than the limit of {BODY}")))
    } else {
        Ok(())
    }
}

/// The values of an array; `parents` are the rows of its elements.
fn cells(array: &ArrayRef, name: &str, parents: &[u64], listed: bool, rows: &mut Rows<'_>) {
    macro_rules! each {
        ($values:expr) => {{
            let column = rows.column(name);
            for (row, value) in parents.iter().zip($values) {
                if let Some(value) = value.filter(|_| rows.go(*row)) {
                    rows.cell(column, value.to_string().as_str());
                }
            }
        }};
    }
    match array.data_type() {
        DataType::Utf8 => each!(array.as_string::<i32>()),
        DataType::LargeUtf8 => each!(array.as_string::<i64>()),
        DataType::Utf8View => each!(array.as_string_view()),
        DataType::Int32 if !listed => each!(array.as_primitive::<Int32Type>()),
        DataType::Int64 if !listed => each!(array.as_primitive::<Int64Type>()),
        DataType::UInt32 if !listed => each!(array.as_primitive::<UInt32Type>()),
        DataType::UInt64 if !listed => each!(array.as_primitive::<UInt64Type>()),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            if let Some(values) = dictionary.values().as_string_opt::<i32>().filter(|values| !values.is_empty()) {
                let keys = dictionary.normalized_keys();
                each!(keys.iter().enumerate().map(|(i, key)| {
                    (array.is_valid(i) && *key < values.len() && values.is_valid(*key)).then(|| values.value(*key))
                }));
            }
        }
        DataType::Struct(_) => {
            let parts = array.as_struct();
            for (field, part) in parts.fields().iter().zip(parts.columns()) {
                cells(part, &format!("{name}.{}", field.name()), parents, listed, rows);
            }
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            elements(list.values(), list.value_offsets().iter().map(|at| i64::from(*at)), name, parents, rows);
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            elements(list.values(), list.value_offsets().iter().copied(), name, parents, rows);
        }
        _ => {}
    }
}

/// The elements of lists that begin and end at these offsets.
fn elements(values: &ArrayRef, offsets: impl Iterator<Item = i64>, name: &str, parents: &[u64], rows: &mut Rows<'_>) {
    let mut offsets = offsets.filter_map(|at| usize::try_from(at).ok());
    let start = offsets.next().unwrap_or(0);
    let (mut at, mut owners) = (start, Vec::new());
    for (row, end) in parents.iter().zip(offsets) {
        owners.resize(owners.len() + end.saturating_sub(at), *row);
        at = end.max(at);
    }
    if let Some(len) = values.len().checked_sub(start).filter(|len| *len >= owners.len()) {
        cells(&values.slice(start, len), &format!("{name}[]"), &owners, true, rows);
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::builder::{Int64Builder, ListBuilder, StringBuilder, StringDictionaryBuilder};
    use arrow_array::types::Int8Type;
    use arrow_ipc::CompressionType;
    use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
    use arrow_schema::{Field, Schema};

    use super::*;
    use crate::discover::dataset::DatasetReport;
    use crate::discover::dataset::tests::{columns, one, report};

    fn batch() -> arrow_array::RecordBatch {
        let mail = |n: usize| (n.is_multiple_of(2)).then_some("ann@mail.example.org");
        let mut words = StringDictionaryBuilder::<Int8Type>::new();
        let (mut texts, mut numbers, mut lists) =
            (StringBuilder::new(), Int64Builder::new(), ListBuilder::new(StringBuilder::new()));
        for n in 0..4 {
            texts.append_option(mail(n));
            words.append_option(mail(n + 1));
            numbers.append_value(536_228_741);
            lists.values().append_value("x y");
            lists.values().append_option(mail(n));
            // what lies under a null is in the file all the same
            lists.append(n != 2);
        }
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(texts.finish()),
            Arc::new(words.finish()),
            Arc::new(numbers.finish()),
            Arc::new(lists.finish()),
        ];
        let fields = ["mail", "word", "ssn", "list"].iter().zip(&arrays);
        let fields: Vec<Field> = fields.map(|(name, a)| Field::new(*name, a.data_type().clone(), true)).collect();
        arrow_array::RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
    }

    fn file(options: IpcWriteOptions) -> Vec<u8> {
        let (batch, mut bytes) = (batch(), Vec::new());
        let mut writer = FileWriter::try_new_with_options(&mut bytes, &batch.schema(), options).unwrap();
        writer.write(&batch).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        bytes
    }

    fn packed() -> Vec<u8> {
        file(IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).unwrap())
    }

    #[test]
    fn files_packed_files_and_streams() {
        let (batch, mut stream) = (batch(), Vec::new());
        let mut writer = StreamWriter::try_new(&mut stream, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        for bytes in [file(IpcWriteOptions::default()), packed(), stream] {
            let set = one("a.bin", &bytes);
            assert_eq!((set.format.as_str(), set.rows), ("arrow", 8));
            let expected =
                ["mail 4: EMAIL_ADDRESS 4", "word 4: EMAIL_ADDRESS 4", "ssn 8: US_SSN 8", "list[] 8: EMAIL_ADDRESS 4"];
            assert_eq!(columns(&set), expected);
        }
    }

    #[test]
    fn a_cut_file_gives_what_stands_before_and_a_broken_one_does_no_harm() {
        let whole = packed();
        let report_of = |bytes: &[u8]| report(&[("a.feather", bytes)]);
        let half = |cut: &DatasetReport| cut.datasets.iter().any(|set| set.rows == 4) && cut.incomplete.len() == 1;
        assert!((1..20).any(|n| half(&report_of(&whole[..whole.len() * n / 20]))));
        for at in (0..whole.len()).step_by(7) {
            let mut broken = whole.clone();
            broken[at] ^= 0xFF;
            report_of(&broken);
        }
    }
}
