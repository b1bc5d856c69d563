//! Exports that come compressed: gzip, as CloudTrail, AWS Config and flow logs are delivered, and zip.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder};

use crate::artifact::members;
use crate::asset::{Error, ErrorKind};

const GZIP: &[u8] = &[0x1F, 0x8B];
/// Bytes that tell what a stream holds.
const HEAD: u64 = 4096;

/// Whether a file is a gzip stream of JSON; other streams may be models and are the scanner's.
pub(super) fn holds_json(bytes: &[u8]) -> bool {
    let mut head = Vec::new();
    // what breaks off later is told when it is read
    let _ = bytes.starts_with(GZIP).then(|| MultiGzDecoder::new(bytes).take(HEAD).read_to_end(&mut head));
    matches!(head.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['))
}

/// Whether a file is a gzip stream.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(GZIP)
}

/// Unpacks a gzip stream up to a limit. What stands before a broken place is kept, with an error.
pub(super) fn gunzip(bytes: &[u8], limit: u64) -> (Vec<u8>, Option<Error>) {
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(limit.saturating_add(1)).read_to_end(&mut unpacked);
    let error = match read {
        Err(error) => Some(Error::new(ErrorKind::Malformed, format!("the gzip stream breaks off: {error}"))),
        Ok(_) if unpacked.len() as u64 > limit => {
            unpacked.clear();
            Some(Error::new(ErrorKind::Budget, format!("unpacks to more than the limit of {limit} bytes")))
        }
        Ok(_) => None,
    };
    (unpacked, error)
}

/// Whether a file is a zip of nothing but JSON, as advisory databases and audit logs are published.
pub(super) fn is_zip_of_json(bytes: &[u8]) -> bool {
    let json = |name: &str| [".json", ".jsonl", ".ndjson"].iter().any(|end| name.ends_with(end));
    let mut members = members(bytes).peekable();
    bytes.starts_with(b"PK") && members.peek().is_some() && members.all(|(name, ..)| json(&name))
}

/// Unpacks the files of a zip one after the other, up to a limit for all of them.
pub(super) fn unzip(bytes: &[u8], limit: u64, mut each: impl FnMut(&str, &[u8])) -> Option<Error> {
    let (mut left, mut error) = (limit, None);
    let mut unpacked = Vec::new();
    for (name, method, packed) in members(bytes) {
        unpacked.clear();
        let read = match method {
            0 => packed.take(left.saturating_add(1)).read_to_end(&mut unpacked),
            8 => DeflateDecoder::new(packed).take(left.saturating_add(1)).read_to_end(&mut unpacked),
            _ => Err(std::io::Error::other(format!("compression method {method} is not read"))),
        };
        match read {
            Err(broken) => {
                let message = format!("{name} in the zip cannot be unpacked: {broken}");
                error.get_or_insert_with(|| Error::new(ErrorKind::Malformed, message));
            }
            Ok(_) if unpacked.len() as u64 > left => {
                return Some(Error::new(ErrorKind::Budget, format!("unpacks to more than the limit of {limit} bytes")));
            }
            Ok(_) => {
                left -= unpacked.len() as u64;
                each(&name, &unpacked);
            }
        }
    }
    error
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use crate::discover::{Discoverer, Limits, discover};

    /// A zip with deflated members and no checksums.
    pub(in crate::discover) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        for (name, content) in members {
            let offset = u32::try_from(bytes.len()).unwrap();
            let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            deflate.write_all(content).unwrap();
            let packed = deflate.finish().unwrap();
            let sizes = [packed.len(), content.len()].map(|n| u32::try_from(n).unwrap().to_le_bytes()).concat();
            let length = u16::try_from(name.len()).unwrap().to_le_bytes();
            let common = [&[20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, &length, &[0, 0]].concat();
            bytes.extend([b"PK\x03\x04", &common[..], name.as_bytes(), &packed].concat());
            let place = [&[0; 10][..], &offset.to_le_bytes()].concat();
            directory.extend([b"PK\x01\x02\x14\0", &common[..], &place, name.as_bytes()].concat());
        }
        [bytes, directory, [b"PK\x05\x06", &[0; 18][..]].concat()].concat()
    }

    #[test]
    fn a_zip_of_json_is_read_file_by_file() {
        let folder = tempfile::tempdir().unwrap();
        let account = br#"{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "s"}}"#;
        let record = br#"{"id": "X-1", "modified": "2026-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "npm", "name": "x"}, "versions": ["1.0.0"]}]}"#;
        let packed = zip(&[("a/s.json", account), ("b.json", record), ("broken.json", b"{\"a\": ")]);
        std::fs::write(folder.path().join("all.zip"), &packed).unwrap();
        std::fs::write(folder.path().join("mixed.zip"), zip(&[("a.json", account), ("b.js", b"x")])).unwrap();
        let discovery = discover([folder.path()]);
        let account = discovery.inventory.get("k8s://cluster/default/ServiceAccount/s").unwrap();
        assert!(account.evidence[0].path.ends_with("all.zip/a/s.json"));
        assert_eq!(discovery.advisories.of("npm", "x", "1.0.0").len(), 1);
        assert!(
            discovery.incomplete[0].path.ends_with("all.zip") && discovery.incomplete[0].reason.contains("broken.json")
        );
        assert!(discovery.skipped[0].path.ends_with("mixed.zip"));
        let limits = Limits { file_bytes: packed.len() as u64 / 2, ..Limits::default() };
        let discovery = Discoverer::new().limits(limits).run([folder.path()]);
        assert!(!discovery.incomplete.is_empty());
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_packed_export_is_read_and_a_bomb_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let account = br#"{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "s"}}"#;
        let packed = gzip(account);
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("a.json.gz", &packed);
        let discovery = discover([folder.path()]);
        assert_eq!(discovery.files[0].format, "kubernetes");
        let account = discovery.inventory.get("k8s://cluster/default/ServiceAccount/s").unwrap();
        assert!(account.evidence[0].path.ends_with("a.json.gz"));
        write("bomb.json.gz", &gzip(&[b"[", vec![b' '; 1 << 20].as_slice()].concat()));
        write("cut.json.gz", &packed[..packed.len() - 12]);
        let limits = Limits { file_bytes: 1 << 19, ..Limits::default() };
        let discovery = Discoverer::new().limits(limits).run([folder.path()]);
        let reasons: Vec<&str> = discovery.incomplete.iter().map(|unread| unread.reason.as_str()).collect();
        assert!(reasons[0].contains("limit of 524288 bytes") && reasons[1].contains("breaks off"), "{reasons:?}");
    }
}
