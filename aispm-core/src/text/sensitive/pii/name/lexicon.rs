//! What is known of single words: how common they are in English, and whether they are names. About 270,000 words in
//! a static function (Bloomier filter on three blocks, Chazelle et al. 2004; Graf and Lemire's xor filter): a 16-bit
//! cell is the exclusive or of three, its high byte checks the word, its low byte is the class. One word in 256 that is
//! not in it is taken for one that is.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How common a word is in English: 0 unknown, 1 rare, 2 usual, 3 among the most frequent.
pub(super) const COMMON: u8 = 3;
pub(super) const GIVEN: u8 = 1 << 2;
pub(super) const SURNAME: u8 = 1 << 3;
/// Towns, and countries, regions and peoples.
pub(super) const TOWN: u8 = 1 << 4;
pub(super) const COUNTRY: u8 = 1 << 5;
/// Words of companies and institutions: legal forms and kinds.
pub(super) const FIRM: u8 = 1 << 6;
/// Words of street addresses.
pub(super) const STREET: u8 = 1 << 7;

/// The table: `data/text/sensitive/lexicon.bin`, written by `training/names/train.py`: a seed, then the blocks.
#[derive(Debug)]
pub(super) struct Lexicon {
    seed: u64,
    /// Cells, in three blocks of this length.
    cells: &'static [[u8; 2]],
    block: usize,
}

impl Lexicon {
    pub(super) fn new(data: &'static [u8]) -> Self {
        let (seed, cells) = data.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let (cells, _) = cells.as_chunks();
        Self { seed: u64::from_le_bytes(*seed), cells, block: cells.len() / 3 }
    }

    /// The class of the word whose folded form hashes to `key`; 0 for an unknown word.
    pub(super) fn class(&self, key: u64) -> u8 {
        let mixed = mix(key ^ self.seed);
        let cell = |block: usize, hash: u64| {
            let slot = ((hash & 0xffff_ffff).wrapping_mul(self.block as u64) >> 32) as usize;
            self.cells
                .get(block.wrapping_mul(self.block).wrapping_add(slot))
                .map_or(0, |cell| u16::from_le_bytes(*cell))
        };
        let sum = cell(0, mixed) ^ cell(1, mixed.rotate_left(21)) ^ cell(2, mixed.rotate_left(42));
        let [class, check] = u16::to_le_bytes(sum);
        if check == (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8 { class } else { 0 }
    }
}

/// The finaliser of MurmurHash3.
pub(super) fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// FNV-1a, 64 bits, of the word in lower case without accents.
pub(super) fn fold(word: &str) -> u64 {
    if word.is_ascii() {
        return word.bytes().fold(BASIS, |hash, b| step(hash, b.to_ascii_lowercase()));
    }
    let plain = word.chars().flat_map(char::to_lowercase).nfd().filter(|c| !is_combining_mark(*c));
    let mut utf8 = [0; 4];
    plain.fold(BASIS, |hash, c| c.encode_utf8(&mut utf8).bytes().fold(hash, step))
}

/// Where the hash begins, and one byte of it.
pub(super) const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

pub(super) fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_case_do_not_matter() {
        assert_eq!(fold("Dávila"), fold("davila"));
        assert_eq!(fold("O\u{308}SEL"), fold("ösel"));
        assert_ne!(fold("ø"), fold("o"));
    }
}
