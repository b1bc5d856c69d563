//! `aispm fingerprint`, and the options by which other commands take its indexes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;

use super::{Exit, input, line, output, warn, written};
use crate::asset::{Error, ErrorKind, Result, count};
use crate::discover::dataset::{Cells, each_cell};
use crate::guard::KeySource;
use crate::text::known::{Indexer, Key, KnownData};

/// Ends of names of files that are read line by line, as one running text.
const TEXTS: &[&str] = &["txt", "text", "md", "markdown", "rst", "log"];
/// Most bytes of running text read as one line.
const LINE: u64 = 1 << 20;

/// Make a keyed index of a data set, by which texts that repeat it are known
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The data set: tables, documents and stores as `aispm detect` reads them, and folders of them; - for text on
    /// standard input. Without any, --canaries prints the strings to plant
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The id of the asset that the data set is, e.g. s3://crm/customers
    #[arg(long, value_name = "ID")]
    asset: String,
    #[command(flatten)]
    key: KeyOption,
    /// So many strings, made of key and asset, are planted in the data set
    #[arg(long, value_name = "N", default_value_t = 0)]
    canaries: usize,
    /// Strings of your own that are planted in the data set, one a line
    #[arg(long, value_name = "FILE")]
    canary_list: Option<PathBuf>,
    /// Each line of a text is a record of its own, such as a list of names
    #[arg(long)]
    lines: bool,
    /// Public or ordinary text, a file or folder: what it has in common with the data set is left out
    #[arg(long, value_name = "PATH")]
    ordinary: Vec<PathBuf>,
    /// Most values and runs of words, at 40 bytes of memory each
    #[arg(long, value_name = "N", default_value_t = 50_000_000)]
    most: usize,
    /// Where the index goes, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Where the key is.
#[derive(Debug, clap::Args)]
pub(super) struct KeyOption {
    /// File with the key, 16 random bytes or more (`openssl rand -hex 32`)
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Variable of the environment with the key; of indexes AISPM_KNOWN_KEY without either
    #[arg(long, value_name = "VARIABLE", conflicts_with = "key_file")]
    key_env: Option<String>,
}

/// The data sets to know.
#[derive(Debug, clap::Args)]
pub(super) struct Known {
    /// Look for what this index of a data set knows, too, and for confidentiality markings; see `aispm fingerprint`
    #[arg(long, value_name = "FILE")]
    known: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) key: KeyOption,
}

impl Known {
    pub(super) fn is_given(&self) -> bool {
        !self.known.is_empty()
    }

    pub(super) fn load(&self) -> Result<Vec<Arc<KnownData>>> {
        if self.known.is_empty() {
            return Ok(Vec::new());
        }
        let key = self.key.load()?;
        self.known.iter().map(|file| KnownData::from_file(file, &key).map(Arc::new)).collect()
    }
}

impl KeyOption {
    /// Where the options say that the key is, if they do.
    pub(super) fn given(&self) -> Option<KeySource> {
        let file = self.key_file.clone().map(KeySource::File);
        file.or_else(|| self.key_env.clone().map(KeySource::Env))
    }

    /// The key of indexes.
    fn load(&self) -> Result<Key> {
        let source = self.given().unwrap_or_default();
        Key::new(source.read()?).map_err(|error| match &source {
            KeySource::File(file) => error.at(file),
            _ => error,
        })
    }
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let key = self.key.load()?;
        let planted = key.canaries(&self.asset, self.canaries);
        if self.paths.is_empty() && self.canary_list.is_none() && !planted.is_empty() {
            let mut out = output(self.output.as_ref())?;
            planted.iter().try_for_each(|canary| writeln!(out, "{canary}")).map_err(written)?;
            return out.flush().map_err(written).map(|()| Exit::Clean);
        }
        if self.paths.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "no data set: name files or folders"));
        }
        if self.output.is_none() && io::stdout().is_terminal() {
            return Err(Error::new(ErrorKind::Usage, "an index is not for a terminal: give --output"));
        }
        let mut indexer = Indexer::new(&key, self.asset.as_str())?.most(self.most);
        let listed = self.canary_list.as_ref().map(|file| input(file)).transpose()?.unwrap_or_default();
        for canary in planted.iter().map(String::as_str).chain(listed.lines().filter(|line| !line.trim().is_empty())) {
            indexer.canary(canary)?;
        }
        let mut bad_rows = 0;
        for (path, format) in files(&self.paths)? {
            bad_rows += format.read(&path, self.lines, &mut indexer).map_err(|error| error.at(&path))?;
        }
        for (path, _) in files(&self.ordinary)? {
            let mut passage = String::new();
            let read = each_line(open(&path)?, |line| {
                passage.push_str(line);
                if passage.len() as u64 > LINE {
                    indexer.ordinary(&passage);
                    passage.clear();
                }
            });
            read.map_err(|error| Error::unreadable(&path, error))?;
            indexer.ordinary(&passage);
        }
        let (bytes, summary) = indexer.finish()?;
        let size = bytes.len();
        let mut out = output(self.output.as_ref())?;
        out.write_all(&bytes).and_then(|()| out.flush()).map_err(written)?;
        if self.output.is_some() {
            let mut out = output(None)?;
            let number = |n: u64, what| count(usize::try_from(n).unwrap_or(usize::MAX), what);
            let (records, values) = (number(summary.records, "record"), number(summary.values, "value"));
            let (quotes, canaries) = (number(summary.quotes, "quote"), number(summary.canaries, "planted string"));
            let told = [
                format!("{}: {records}; {values}, {quotes}, {canaries}; {size} bytes", self.asset),
                format!("left out: {} that tell too little, {} too common", summary.untelling, summary.common),
            ];
            told.iter().try_for_each(|told| line(&mut *out, format_args!("{told}"))).map_err(written)?;
            out.flush().map_err(written)?;
        }
        if bad_rows > 0 {
            warn(&format!("{} could not be read and are not in the index", count(bad_rows, "row")));
            return Ok(Exit::Unreliable);
        }
        Ok(Exit::Clean)
    }
}

/// How a file of a data set is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Line by line.
    Text,
    Cells(Cells),
}

impl Format {
    fn of(path: &Path) -> Result<Option<Self>> {
        let text = path.extension().and_then(|end| end.to_str()).is_some_and(|end| TEXTS.contains(&end));
        Ok(if text { Some(Self::Text) } else { Cells::of(path)?.map(Self::Cells) })
    }

    /// Reads a file into the index; gives the number of rows that could not be read.
    fn read(self, path: &Path, lines: bool, indexer: &mut Indexer) -> Result<usize> {
        let failed = |error| Error::unreadable(path, error);
        match self {
            Self::Text if lines => each_line(open(path)?, |line| indexer.record([line])).map_err(failed)?,
            Self::Text => {
                each_line(open(path)?, |line| indexer.line(line)).map_err(failed)?;
                indexer.end_text();
                indexer.end_record();
            }
            Self::Cells(Cells::Prose) => {
                let (_, bad) = each_cell(path, &mut |text| indexer.line(text))?;
                indexer.end_text();
                indexer.end_record();
                return Ok(bad);
            }
            Self::Cells(Cells::Values) => {
                let (rows, bad) = each_cell(path, &mut |text| indexer.field(text))?;
                (0..rows).for_each(|_| indexer.end_record());
                return Ok(bad);
            }
        }
        Ok(0)
    }
}

/// The files that these paths are or hold, and their formats; a file that is named and has no known extension is text.
fn files(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Format)>> {
    let mut files = Vec::new();
    let mut skipped = 0;
    for path in paths {
        if path.as_os_str() == "-" {
            files.push((path.clone(), Format::Text));
            continue;
        }
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                let at = error.path().unwrap_or(path).to_path_buf();
                Error::unreadable(at, error.into())
            })?;
            if entry.file_type().is_dir() {
                continue;
            }
            let named = entry.depth() == 0;
            // a pipe would lose what is looked at
            let format = if entry.path().is_file() { Format::of(entry.path())? } else { None };
            match format.or(named.then_some(Format::Text)) {
                Some(format) => files.push((entry.into_path(), format)),
                None => skipped += 1,
            }
        }
    }
    if skipped > 0 {
        warn(&format!("{} of other formats not read", count(skipped, "file")));
    }
    Ok(files)
}

fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).map_err(|error| Error::unreadable(path, error))?;
    Ok(Box::new(BufReader::new(file)))
}

/// Lines of text, bytes that are not UTF-8 replaced; one longer than [`LINE`] comes in pieces.
fn each_line(mut file: impl BufRead, mut each: impl FnMut(&str)) -> io::Result<()> {
    let mut bytes = Vec::new();
    while file.by_ref().take(LINE).read_until(b'\n', &mut bytes)? > 0 {
        each(&String::from_utf8_lossy(&bytes));
        bytes.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records that a file of this name has, and which of these texts its index knows.
    fn read(name: &str, content: &str, texts: &[&str]) -> (u64, Vec<bool>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let key = Key::new([3; 32]).unwrap();
        let mut indexer = Indexer::new(&key, "d").unwrap();
        for (path, format) in files(&[folder.path().to_path_buf()]).unwrap() {
            assert_eq!(format.read(&path, false, &mut indexer).unwrap(), usize::from(content.contains("oops")));
        }
        let (bytes, summary) = indexer.finish().unwrap();
        let known = KnownData::open(bytes, &key).unwrap();
        let knows = |text: &&str| {
            let mut matches = Vec::new();
            known.find(text, &mut matches);
            !matches.is_empty()
        };
        (summary.records, texts.iter().map(knows).collect())
    }

    #[test]
    fn each_format_gives_its_records() {
        let texts = [
            "Marta Kowalczyk",
            "ticket 4817223",
            "the keeper of the lighthouse counts nine green umbrellas every single cold morning",
        ];
        let csv = "customer name;no;note\n\"Marta\nKowalczyk\";4817223;x\nBo;ticket 4817223;\"The keeper of the lighthouse; counts \
                   nine green umbrellas every single cold morning\"\n";
        assert_eq!(read("a.csv", csv, &texts), (2, vec![true; 3]));
        let json = r#"{"rows": [{"name": "Marta Kowalczyk", "n": [1.5, null, true]}, {"t": "ticket 4817223"}], "note":
            "the keeper of the lighthouse counts nine green umbrellas every single cold morning"}"#;
        assert_eq!(read("a.json", json, &texts), (3, vec![true; 3]));
        let lines = "{\"a\": \"marta kowalczyk\"}\n\n{oops\n{\"b\": {\"c\": [\"ticket 4817223\"], \"d\": 48172234}}\n";
        assert_eq!(read("a.jsonl", lines, &["48172234", texts[0], texts[2]]), (2, vec![true, true, false]));
        let text = "# Notes\nThe keeper of the\nlighthouse counts nine green\numbrellas every single cold morning.\n";
        assert_eq!(read("a.md", text, &texts), (1, vec![false, false, true]));
        assert_eq!(read("a.bin", csv, &texts), (0, vec![false; 3]));
    }

    #[test]
    fn a_long_line_comes_in_pieces() {
        let text = "é".repeat(1 << 20);
        let mut pieces = Vec::new();
        each_line(text.as_bytes(), |piece| pieces.push(piece.len())).unwrap();
        assert_eq!(pieces, [1 << 20, 1 << 20]);
    }
}
