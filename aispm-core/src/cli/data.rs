//! `aispm data`, and the options by which other commands take a data pack.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Exit, input, line, written};
use crate::assess::data::DataPack;
use crate::asset::{Error, ErrorKind, Result, SigningKey, VerifyingKey, count};

/// Make a data pack of a folder, or check one
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write pack.yaml, and pack.sig if there is a key, for the files in rules/, providers/, advisories/ and catalogues/
    Build {
        /// The folder
        folder: PathBuf,
        /// What the pack is called
        #[arg(long)]
        name: String,
        /// Which edition it is
        #[arg(long)]
        version: String,
        /// The day on which it was made, YYYY-MM-DD, instead of today
        #[arg(long, value_name = "DAY", value_parser = super::day)]
        created: Option<String>,
        /// The last day on which it is fresh, YYYY-MM-DD; 180 days after it was made if not given
        #[arg(long, value_name = "DAY", value_parser = super::day)]
        expires: Option<String>,
        /// Sign with this Ed25519 key: PKCS#8 in PEM, or 64 hex digits
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Check that a pack is as its manifest says and can be used; exit with 1 if it is out of date
    Verify {
        /// The folder
        folder: PathBuf,
        /// It must be signed by this key, or by another that is given
        #[arg(long = "public-key", value_name = "FILE")]
        public_keys: Vec<PathBuf>,
        /// As on this day, YYYY-MM-DD, instead of today
        #[arg(long, value_name = "DAY", value_parser = super::day)]
        today: Option<String>,
    },
}

/// The data pack to use.
#[derive(Debug, clap::Args)]
pub(super) struct Data {
    /// Use the rules, providers, advisories and catalogues of this data pack, a folder with a pack.yaml; see `aispm data`
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The data pack must be signed by this Ed25519 key, or by another that is given
    #[arg(long = "data-key", value_name = "FILE", requires = "data")]
    data_keys: Vec<PathBuf>,
}

impl Data {
    pub(super) fn load(&self) -> Result<Option<DataPack>> {
        self.data.as_ref().map(|folder| DataPack::load(folder, &keys(&self.data_keys)?)).transpose()
    }
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        match self.command {
            Command::Build { folder, name, version, created, expires, key } => {
                let key =
                    key.map(|file| SigningKey::parse(&input(&file)?).map_err(|error| error.at(file))).transpose()?;
                let created = created.unwrap_or_else(super::today);
                let manifest = DataPack::describe(&folder, &name, &version, &created)?.expires(expires);
                write(&folder.join("pack.yaml"), Some(&manifest.to_yaml()?))?;
                // an old signature would not fit
                write(&folder.join("pack.sig"), key.as_ref().map(|key| manifest.sign(key)).as_deref())?;
                DataPack::load(&folder, &key.iter().map(SigningKey::verifying_key).collect::<Vec<_>>())?.check()?;
                let files = count(manifest.files.len(), "file");
                told(format_args!("{name} {version}: {files}{}", if key.is_some() { ", signed" } else { "" }))?;
                Ok(Exit::Clean)
            }
            Command::Verify { folder, public_keys, today } => {
                let pack = DataPack::load(&folder, &keys(&public_keys)?)?;
                pack.check()?;
                let today = today.unwrap_or_else(super::today);
                let info = pack.info(Some(&today));
                let signed = if info.signed_by.is_some() { "signed by the key given" } else { "signature not checked" };
                let age = info.age_days.unwrap_or_default();
                told(format_args!(
                    "{} {}: intact, {signed}, made {} ({age} days ago)",
                    info.name, info.version, info.created
                ))?;
                let stale = pack.stale(Some(&today));
                stale.iter().try_for_each(|finding| told(format_args!("out of date: {}", finding.message)))?;
                Ok(if stale.is_some() { Exit::Findings } else { Exit::Clean })
            }
        }
    }
}

fn keys(files: &[PathBuf]) -> Result<Vec<VerifyingKey>> {
    files.iter().map(|file| VerifyingKey::parse(&input(file)?).map_err(|error| error.at(file))).collect()
}

/// Writes a file, or sees to it that there is none.
fn write(file: &Path, text: Option<&str>) -> Result<()> {
    let done = match text {
        Some(text) => std::fs::write(file, text),
        None if file.exists() => std::fs::remove_file(file),
        None => Ok(()),
    };
    done.map_err(|error| {
        let mut wrapped = Error::new(ErrorKind::Unreadable, format!("cannot write: {error}")).at(file);
        wrapped.source = Some(error);
        wrapped
    })
}

fn told(text: std::fmt::Arguments<'_>) -> Result<()> {
    let mut out = super::output(None)?;
    line(&mut *out, text).and_then(|()| out.flush()).map_err(written)
}
