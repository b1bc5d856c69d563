//! A set of 64-bit hashes in about 5.5 bytes each, as bytes of a file.
//!
//! Hashes stand in buckets by their first bits; of each the next 40 bits are kept. A hash that is not in the set is taken
//! for one that is with probability (hashes in its bucket) · 2⁻⁴⁰, on average 2⁻³⁷ to 2⁻³⁸. The buckets' beginnings come
//! first, 4 bytes each and one more for the end, then the kept bits, 5 bytes each; all little-endian.

use std::ops::Range;

/// Hashes to a bucket, on average, at most.
const BUCKET: usize = 8;
/// Most hashes of a bucket in a sound table; of random ones, none has half as many.
const FULLEST: usize = 128;
/// Most bits that number a bucket, and so 8 · 2²⁴ hashes at most.
const WIDEST: u32 = 24;
/// Bytes kept of a hash.
const REST: usize = 5;

/// Most hashes that a table holds.
pub(super) const MOST: usize = BUCKET << WIDEST;

/// Where in the bytes a table lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Bits that number a bucket.
    bits: u32,
    bounds: Range<usize>,
    rests: Range<usize>,
}

/// Appends a table of these hashes, of which there are at most [`MOST`]. O(n log n).
pub(super) fn write(mut hashes: Vec<u64>, bytes: &mut Vec<u8>) {
    hashes.sort_unstable();
    hashes.dedup();
    let bits = bits(hashes.len());
    let mut behind = 0u32;
    let mut rest = hashes.as_slice();
    bytes.extend(behind.to_le_bytes());
    for bucket in 0..1u64 << bits {
        let here = rest.partition_point(|hash| hash >> (64 - bits) <= bucket);
        rest = rest.get(here..).unwrap_or_default();
        behind = behind.saturating_add(u32::try_from(here).unwrap_or(u32::MAX));
        bytes.extend(behind.to_le_bytes());
    }
    for hash in hashes {
        bytes.extend(kept(hash, bits));
    }
}

impl Table {
    /// The table of `count` hashes at `from..` in `bytes`, if one fits there exactly and is sound. O(buckets).
    pub(super) fn read(bytes: &[u8], from: usize, count: usize) -> Option<Self> {
        if count > MOST {
            return None;
        }
        let bits = bits(count);
        let bounds = from..from.checked_add(4 * ((1 << bits) + 1))?;
        let rests = bounds.end..bounds.end.checked_add(REST * count)?;
        if rests.end != bytes.len() {
            return None;
        }
        let mut before = 0;
        for bound in bytes.get(bounds.clone())?.chunks_exact(4) {
            let bound = number(bound)?;
            (before..=before + FULLEST).contains(&bound).then_some(())?;
            before = bound;
        }
        (before == count && number(bytes.get(from..from + 4)?)? == 0).then_some(Self { bits, bounds, rests })
    }

    /// Whether the set has this hash. Touches two places in memory.
    pub(super) fn has(&self, bytes: &[u8], hash: u64) -> bool {
        self.bucket(bytes, hash).is_some_and(|rests| {
            let kept = kept(hash, self.bits);
            rests.chunks_exact(REST).any(|rest| rest == kept)
        })
    }

    fn bucket<'b>(&self, bytes: &'b [u8], hash: u64) -> Option<&'b [u8]> {
        let at = self.bounds.start + 4 * usize::try_from(hash >> (64 - self.bits)).ok()?;
        let (start, end) = bytes.get(at..at + 8)?.split_at_checked(4)?;
        bytes.get(self.rests.start + REST * number(start)?..self.rests.start + REST * number(end)?)
    }
}

/// Bits that number the buckets of so many hashes.
fn bits(count: usize) -> u32 {
    count.div_ceil(BUCKET).next_power_of_two().trailing_zeros().clamp(1, WIDEST)
}

/// The bits behind those that number the bucket.
fn kept(hash: u64, bits: u32) -> [u8; REST] {
    ((hash << bits) >> 24).to_le_bytes().first_chunk().copied().unwrap_or_default()
}

fn number(bytes: &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(count: u64, seed: u64) -> Vec<u64> {
        let sip = siphasher::sip::SipHasher24::new_with_keys(seed, 1);
        (0..count).map(|i| sip.hash(&i.to_le_bytes())).collect()
    }

    #[test]
    fn a_table_has_what_was_put_in_and_nothing_else() {
        for count in [0, 1, 7, 8, 9, 1000, 40_000] {
            let mut bytes = b"head".to_vec();
            let inside = hashes(count, 1);
            write(inside.clone(), &mut bytes);
            let table = Table::read(&bytes, 4, inside.len()).unwrap();
            assert!(inside.iter().all(|hash| table.has(&bytes, *hash)));
            assert!(!hashes(100_000, 2).iter().any(|hash| table.has(&bytes, *hash)));
            assert!(bytes.len() <= 6 * inside.len() + 64, "{count}: {}", bytes.len());
        }
    }

    #[test]
    fn a_bent_table_is_refused() {
        let mut bytes = Vec::new();
        write(hashes(100, 1), &mut bytes);
        assert!(Table::read(&bytes, 0, 100).is_some());
        assert!(Table::read(&bytes, 0, 99).is_none());
        assert!(Table::read(&bytes, 0, usize::MAX).is_none());
        assert!(Table::read(&bytes, usize::MAX, 100).is_none());
        for (at, value) in [(0, 1), (7, 0x7f), (4 * 16, 1)] {
            let mut bent = bytes.clone();
            bent[at] = value;
            assert!(Table::read(&bent, 0, 100).is_none(), "{at}");
        }
    }
}
