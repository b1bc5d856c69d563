//! Exports that come compressed: gzip, as CloudTrail, AWS Config and flow logs are delivered, and zip.

use std::io::Read;

use flate2::read::MultiGzDecoder;

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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use crate::discover::{Discoverer, Limits, discover};

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
