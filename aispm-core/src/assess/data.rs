//! A data pack: rules, providers and the like as one versioned folder, so that what is known grows without a new release.
//!
//! ```text
//! pack.yaml          name, version, created, expires, and every file with its kind and SHA-256
//! pack.sig           optional: Ed25519 over the canonical JSON of the manifest, in hex
//! rules/*.yaml       posture rules, instead of the built-in ones; `extends: [builtin]` keeps these
//! providers/*.yaml   AI services, packages and model servers, before the built-in ones
//! advisories/*       flaws of packages (OSV as JSON or JSON Lines, or YAML), instead of the built-in ones
//! catalogues/*.yaml  control catalogues by framework, and crosswalk.yaml, each instead of the built-in one of that name
//! ```
//!
//! A pack says what is judged, so that a pack with a hole is worse than none: a file that is missing, changed or not
//! listed, a link, a manifest that is not as it was signed: each is an error, and nothing of the pack is used.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{
    AssetId, Document, Error, ErrorKind, Evidence, Finding, Purpose, Result, Severity, SigningKey, VerifyingKey,
    canonical_json, count, day, names, sha256,
};
use crate::discover::Discoverer;
use crate::policy::controls::Catalogues;
use crate::policy::{PolicySet, PolicySetBuilder};
use crate::supply::Advisories;

/// The manifest, and its signature.
const MANIFEST: &str = "pack.yaml";
const SIGNATURE: &str = "pack.sig";
/// The rule of a finding about a pack that is no longer fresh.
pub const STALE_DATA: &str = "GOV-DATA";
/// How old a pack may be that does not say when it expires, in days.
const MAX_AGE: i64 = 180;
/// Largest file, most files, deepest folder.
const FILE_LIMIT: u64 = 64 << 20;
const FILES_LIMIT: usize = 10_000;
const DEPTH_LIMIT: usize = 8;

names! {
    /// What a file of a pack is for.
    DataKind, "snake_case" {
        /// Posture rules.
        Rules = "rules",
        /// AI services, packages and model servers.
        Providers = "providers",
        /// Flaws of packages: OSV records, or the built-in table's own shape.
        Advisories = "advisories",
        /// Control catalogues, each named after its framework's key, and `crosswalk.yaml`.
        Catalogues = "catalogues",
    }
}

/// `pack.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Manifest {
    /// What the pack is called.
    pub name: String,
    /// Which edition it is.
    pub version: String,
    /// The day on which it was made, `YYYY-MM-DD`.
    pub created: String,
    /// The last day on which it is fresh, `YYYY-MM-DD`; without it, 180 days after it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Every other file, by its path below the folder with `/` between names.
    pub files: BTreeMap<String, DataFile>,
}

/// A file as the manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DataFile {
    /// What it is for.
    pub kind: DataKind,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// A pack whose files are what its manifest says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DataPack {
    manifest: Manifest,
    signed_by: Option<VerifyingKey>,
    /// Where the manifest stands.
    place: String,
    /// Kind, path as errors name it, and text.
    files: Vec<(DataKind, String, String)>,
}

/// Which data an assessment was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct DataInfo {
    /// What the pack is called.
    pub name: String,
    /// Which edition it is.
    pub version: String,
    /// The day on which it was made.
    pub created: String,
    /// The last day on which it is fresh, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Days since it was made, if the day of the assessment is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_days: Option<i64>,
    /// The public key whose signature was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
}

impl DataPack {
    /// Reads a pack from its folder. If keys are given, one of them must have signed the manifest.
    pub fn load(folder: impl AsRef<Path>, keys: &[VerifyingKey]) -> Result<Self> {
        let folder = folder.as_ref();
        let place = folder.join(MANIFEST);
        let text = text(&place, read(&place)?)?;
        let manifest: Manifest = Document::config(place.to_string_lossy(), &text)?;
        manifest.check().map_err(|error| error.at(&place))?;
        let signed_by = match keys {
            [] => None,
            keys => Some(manifest.signer(keys, &folder.join(SIGNATURE))?),
        };
        let found = listing(folder)?;
        if let Some(path) = found.iter().find(|path| !manifest.files.contains_key(*path)) {
            let message = format!("not listed in {MANIFEST}; remove it, or build the pack anew");
            return Err(invalid(message).at(folder.join(path)));
        }
        let files = manifest.files.iter().map(|(path, listed)| {
            let file = folder.join(path);
            let bytes = read(&file)?;
            if sha256(&bytes) != listed.sha256 {
                return Err(invalid(format!("not as {MANIFEST} lists it: its SHA-256 is another")).at(&file));
            }
            Ok((listed.kind, file.display().to_string(), self::text(&file, bytes)?))
        });
        let files = files.collect::<Result<Vec<_>>>()?;
        Ok(Self { manifest, signed_by, place: place.display().to_string(), files })
    }

    /// Lists the files of a folder for a new manifest. The top folders say what they are for.
    pub fn describe(folder: impl AsRef<Path>, name: &str, version: &str, created: &str) -> Result<Manifest> {
        let folder = folder.as_ref();
        let mut manifest = Manifest {
            name: name.to_owned(),
            version: version.to_owned(),
            created: created.to_owned(),
            expires: None,
            files: BTreeMap::new(),
        };
        for path in listing(folder)? {
            let file = folder.join(&path);
            let kind = path.split_once('/').and_then(|(top, _)| top.parse().ok());
            let kind = kind.ok_or_else(|| {
                let known = DataKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join("/, ");
                invalid(format!("a file of a data pack stands in one of {known}/")).at(&file)
            })?;
            let sha256 = sha256(read(&file)?);
            manifest.files.insert(path, DataFile { kind, sha256 });
        }
        manifest.check()?;
        Ok(manifest)
    }

    /// What the pack says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The texts of one kind, each with its path.
    pub fn files(&self, kind: DataKind) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter(move |(of, ..)| *of == kind).map(|(_, path, text)| (path.as_str(), text.as_str()))
    }

    /// With the rules and catalogues of the pack, if it has any, instead of the built-in ones.
    pub fn policies(&self, builder: PolicySetBuilder) -> Result<PolicySetBuilder> {
        let mut rules = self.files(DataKind::Rules).peekable();
        let builder = if rules.peek().is_some() { builder.builtin(false) } else { builder };
        let builder = rules.fold(builder, |builder, (path, text)| builder.pack(path, text));
        let key =
            |path: &'_ str| Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let catalogues = self.files(DataKind::Catalogues).map(|(path, text)| (key(path), text)).collect::<Vec<_>>();
        if catalogues.is_empty() {
            return Ok(builder);
        }
        Ok(builder.catalogues(Catalogues::with(catalogues.iter().map(|(key, text)| (key.as_str(), *text)))?))
    }

    /// The advisories of the pack, if it has any.
    pub fn advisories(&self) -> Result<Option<Advisories>> {
        let mut all = None::<Advisories>;
        for (path, text) in self.files(DataKind::Advisories) {
            all.get_or_insert_default().extend(Advisories::read(path, text)?);
        }
        Ok(all)
    }

    /// With the providers of the pack, which come before the built-in ones and behind those that the discoverer was given.
    pub fn discoverer(&self, discoverer: Discoverer) -> Result<Discoverer> {
        let files = self.files(DataKind::Providers).map(|(path, text)| (path.to_owned(), text.to_owned()));
        discoverer.below(files.collect())
    }

    /// Whether all files are what their kind asks for: rules compile, tables have no unknown field.
    pub fn check(&self) -> Result<()> {
        self.policies(PolicySet::builder())?.build()?;
        self.discoverer(Discoverer::new())?;
        self.advisories()?;
        Ok(())
    }

    /// Which data this is, as on a day.
    #[must_use]
    pub fn info(&self, today: Option<&str>) -> DataInfo {
        let Manifest { name, version, created, expires, .. } = self.manifest.clone();
        let age_days = today.and_then(day).zip(day(&created)).map(|(today, created)| today - created);
        let signed_by = self.signed_by.as_ref().map(ToString::to_string);
        DataInfo { name, version, created, expires, age_days, signed_by }
    }

    /// A finding if the pack is no longer fresh on a day.
    #[must_use]
    pub fn stale(&self, today: Option<&str>) -> Option<Finding> {
        let today = today.map(|today| today.get(..10).unwrap_or(today))?;
        let info = self.info(Some(today));
        let age = info.age_days?;
        let message = match &info.expires {
            Some(expires) if expires.as_str() < today => format!("{} {} expired on {expires}", info.name, info.version),
            None if age > MAX_AGE => {
                let age = count(usize::try_from(age).unwrap_or_default(), "day");
                format!("{} {} is {age} old, and says no day on which it expires", info.name, info.version)
            }
            _ => return None,
        };
        let asset = AssetId::from(format!("data-pack:{}", info.name));
        let mut finding =
            Finding::new(STALE_DATA, Severity::Medium, asset, "", "The data pack is out of date", message);
        "Get a newer data pack; rules and known services change.".clone_into(&mut finding.fix);
        finding.evidence = vec![Evidence::file(self.place.as_str())];
        Some(finding)
    }
}

impl Manifest {
    /// The same, fresh until the end of this day.
    #[must_use]
    pub fn expires(mut self, day: Option<String>) -> Self {
        self.expires = day;
        self
    }

    /// The text of `pack.yaml`.
    pub fn to_yaml(&self) -> Result<String> {
        self.check()?;
        // JSON is YAML
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The text of `pack.sig`.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        key.sign(Purpose::DataPack, self.canonical().as_bytes()) + "\n"
    }

    /// The key, of those trusted, that made the signature.
    fn signer(&self, keys: &[VerifyingKey], file: &Path) -> Result<VerifyingKey> {
        let signature = text(file, read(file)?)?;
        let (message, signature) = (self.canonical(), signature.trim());
        let signer = keys.iter().find(|key| key.verifies(Purpose::DataPack, message.as_bytes(), signature));
        signer.cloned().ok_or_else(|| {
            invalid(format!("the signature of {MANIFEST} is not by the key given, or one of the two was changed"))
                .at(file)
        })
    }

    fn canonical(&self) -> String {
        canonical_json(&serde_json::to_value(self).unwrap_or_default())
    }

    /// Words, days and paths that can be meant.
    fn check(&self) -> Result<()> {
        if self.name.trim().is_empty() || self.version.trim().is_empty() {
            return Err(invalid("a data pack needs `name` and `version`"));
        }
        for (field, text) in [("created", Some(&self.created)), ("expires", self.expires.as_ref())] {
            if let Some(text) = text.filter(|text| text.len() != 10 || day(text).is_none()) {
                return Err(invalid(format!("`{field}` is {text:?}; write YYYY-MM-DD")));
            }
        }
        if let Some(path) = self.files.keys().find(|path| !is_plain(path)) {
            return Err(invalid(format!("{path:?} is no path below the folder of the pack")));
        }
        Ok(())
    }
}

/// Whether a path stays below where it starts, and has one spelling.
fn is_plain(path: &str) -> bool {
    let normal = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let spelt = path.split('/').all(|name| !matches!(name, "" | "." | "..")) && !path.contains(['\\', ':', '\0']);
    normal && spelt && !matches!(path, MANIFEST | SIGNATURE)
}

/// Every file below a folder but the manifest and its signature, sorted. A link, or anything else that is neither a file
/// nor a folder, is an error.
fn listing(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut open = vec![(folder.to_path_buf(), String::new(), 0)];
    while let Some((path, name, depth)) = open.pop() {
        let unreadable = |error| Error::unreadable(&path, error);
        for entry in std::fs::read_dir(&path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let kind = entry.file_type().map_err(unreadable)?;
            let own =
                entry.file_name().into_string().map_err(|_| invalid("a name that is not UTF-8").at(entry.path()))?;
            let below = if name.is_empty() { own } else { format!("{name}/{own}") };
            if kind.is_dir() && depth < DEPTH_LIMIT {
                open.push((entry.path(), below, depth + 1));
            } else if !kind.is_file() {
                return Err(invalid("a data pack holds plain files only, no links and not this deep").at(entry.path()));
            } else if !matches!(below.as_str(), MANIFEST | SIGNATURE) {
                files.push(below);
            }
            if files.len() + open.len() > FILES_LIMIT {
                let message = format!("a data pack has at most {FILES_LIMIT} files");
                return Err(Error::new(ErrorKind::Budget, message).at(folder));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let unreadable = |error| Error::unreadable(file, error);
    let mut bytes = Vec::new();
    std::fs::File::open(file).map_err(unreadable)?.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(Error::new(ErrorKind::Budget, format!("longer than {FILE_LIMIT} bytes")).at(file));
    }
    Ok(bytes)
}

fn text(file: &Path, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to() as u64;
        Error::new(ErrorKind::Malformed, "not UTF-8").at_byte(valid).at(file)
    })
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KEY: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

    /// Changes a pack on the disk.
    type Tamper<'a> = &'a dyn Fn(&Path);

    /// A signed pack of two files, changed before it is loaded.
    fn loaded(tamper: impl FnOnce(&Path)) -> Result<DataPack> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("rules")).unwrap();
        fs::create_dir(root.join("providers")).unwrap();
        fs::write(root.join("rules/own.yaml"), "rules: []\n").unwrap();
        fs::write(root.join("providers/own.yaml"), "ai_providers: []\n").unwrap();
        let manifest = DataPack::describe(root, "own", "7", "2026-01-31").unwrap();
        let key = SigningKey::parse(KEY).unwrap();
        fs::write(root.join(MANIFEST), manifest.to_yaml().unwrap()).unwrap();
        fs::write(root.join(SIGNATURE), manifest.sign(&key)).unwrap();
        tamper(root);
        DataPack::load(root, &[key.verifying_key()])
    }

    #[test]
    fn a_pack_is_read_whole_and_as_signed() {
        let pack = loaded(|_| {}).unwrap();
        assert_eq!(pack.files(DataKind::Rules).map(|(_, text)| text).collect::<Vec<_>>(), ["rules: []\n"]);
        assert_eq!(pack.info(Some("2026-02-10")).age_days, Some(10));
        assert!(pack.info(None).signed_by.is_some());
        // signing again, and spelling the manifest otherwise, change nothing
        loaded(|root| {
            let text = fs::read_to_string(root.join(MANIFEST)).unwrap();
            fs::write(root.join(MANIFEST), text.replace("  ", "    ") + "# the same\n").unwrap();
        })
        .unwrap();
    }

    #[test]
    fn whatever_is_not_as_listed_is_refused() {
        let replace = |root: &Path, file: &str, from: &str, to: &str| {
            let text = fs::read_to_string(root.join(file)).unwrap();
            assert!(text.contains(from));
            fs::write(root.join(file), text.replacen(from, to, 1)).unwrap();
        };
        let refused: [(&str, Tamper<'_>); 10] = [
            ("own.yaml: not as pack.yaml", &|root| fs::write(root.join("rules/own.yaml"), "rules: [ ]\n").unwrap()),
            ("own.yaml: ", &|root| fs::remove_file(root.join("rules/own.yaml")).unwrap()),
            ("not listed", &|root| fs::write(root.join("rules/more.yaml"), "rules: []\n").unwrap()),
            ("not listed", &|root| fs::write(root.join("note"), "").unwrap()),
            ("pack.sig: the signature", &|root| replace(root, MANIFEST, "\"7\"", "\"8\"")),
            ("pack.sig: ", &|root| fs::write(root.join(SIGNATURE), "00").unwrap()),
            ("pack.sig: ", &|root| fs::remove_file(root.join(SIGNATURE)).unwrap()),
            ("no path below", &|root| replace(root, MANIFEST, "rules/own.yaml", "../own.yaml")),
            ("YYYY-MM-DD", &|root| replace(root, MANIFEST, "2026-01-31", "January")),
            ("pack.yaml", &|root| replace(root, MANIFEST, "\"kind\": \"rules\"", "\"kind\": \"code\"")),
        ];
        for (message, tamper) in refused {
            let error = loaded(tamper).unwrap_err().to_string();
            assert!(error.contains(message), "{message}: {error}");
        }
        #[cfg(unix)]
        assert!(
            loaded(|root| std::os::unix::fs::symlink("/etc/hostname", root.join("rules/l.yaml")).unwrap()).is_err()
        );
    }

    #[test]
    fn a_pack_that_is_out_of_date_is_a_finding() {
        let mut pack = loaded(|_| {}).unwrap();
        let stale = |pack: &DataPack, today| pack.stale(Some(today)).map(|finding| finding.message);
        assert_eq!((stale(&pack, "2026-07-30"), pack.stale(None)), (None, None));
        assert!(stale(&pack, "2026-07-31").unwrap().contains("181 days old"));
        pack.manifest.expires = Some("2027-01-31".to_owned());
        assert_eq!(stale(&pack, "2027-01-31T23:00:00Z"), None);
        assert!(stale(&pack, "2027-02-01").unwrap().contains("expired on 2027-01-31"));
    }

    #[test]
    fn paths_stay_inside() {
        for bad in ["", "/a", "../a", "a/../b", "a//b", "./a", "a/", "a\\b", "c:/a", "pack.yaml"] {
            assert!(!is_plain(bad), "{bad}");
        }
        assert!(is_plain("rules/a b.yaml"));
    }
}
