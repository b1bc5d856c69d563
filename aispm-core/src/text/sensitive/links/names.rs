//! How a host name sounds: a linear model over its pieces, its last label and its shape.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Pieces and weights, fitted by `training/hosts.py`.
const MODEL: &str = include_str!("../../../../data/text/sensitive/hosts.tsv");

/// Most pieces.
const PIECES: usize = 2048;

#[derive(Debug, Clone, Copy)]
struct Piece {
    weight: f64,
    /// Counts only where the name begins, or ends.
    first: bool,
    last: bool,
}

/// The model.
#[derive(Debug)]
pub(super) struct Names {
    automaton: AhoCorasick,
    pieces: Vec<Piece>,
    /// Last labels, sorted.
    ends: Vec<(String, f64)>,
    shapes: Vec<(String, f64)>,
    bias: f64,
}

impl Names {
    pub(super) fn new() -> Result<Self, aho_corasick::BuildError> {
        let (mut literals, mut pieces, mut ends, mut shapes, mut bias) = (vec![], vec![], vec![], vec![], 0.0);
        for (piece, weight) in MODEL.lines().filter_map(|l| l.split_once('\t')) {
            let weight = weight.parse().unwrap_or(0.0);
            if piece == "bias" {
                bias = weight;
            } else if let Some(shape) = piece.strip_prefix('#') {
                shapes.push((shape.to_owned(), weight));
            } else if let Some(end) = piece.strip_prefix('.').and_then(|p| p.strip_suffix('.')) {
                ends.push((end.to_owned(), weight));
            } else {
                literals.push(piece.trim_matches(['^', '$']));
                pieces.push(Piece { weight, first: piece.starts_with('^'), last: piece.ends_with('$') });
            }
        }
        ends.sort_by(|a, b| a.0.cmp(&b.0));
        let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(literals)?;
        Ok(Self { automaton, pieces, ends, shapes, bias })
    }

    /// Log-odds that `name`, in lower case and registered under a suffix that ends in `end`, is made of lures.
    pub(super) fn odds(&self, name: &str, end: &str) -> f64 {
        let mut seen = [0_u64; PIECES / 64];
        let mut odds = self.bias;
        for hit in self.automaton.find_overlapping_iter(name) {
            let index = hit.pattern().as_usize();
            let Some(piece) = self.pieces.get(index) else { continue };
            if piece.first && hit.start() != 0 || piece.last && hit.end() != name.len() {
                continue;
            }
            let Some(word) = seen.get_mut(index / 64) else { continue };
            let bit = 1 << (index % 64);
            odds += if *word & bit == 0 { piece.weight } else { 0.0 };
            *word |= bit;
        }
        let end = self.ends.binary_search_by(|(e, _)| e.as_str().cmp(end)).ok();
        odds += end.and_then(|i| self.ends.get(i)).map_or(0.0, |(_, weight)| *weight);
        let hyphens = name.bytes().filter(|b| *b == b'-').count();
        let shaped = |shape: &str| match shape {
            "hyphen" => hyphens >= 1,
            "hyphens" => hyphens >= 2,
            "digits" => name.bytes().filter(u8::is_ascii_digit).count() >= 2,
            "long" => name.chars().count() >= 14,
            "longer" => name.chars().count() >= 20,
            _ => false,
        };
        odds + self.shapes.iter().filter(|(s, _)| shaped(s)).map(|(_, weight)| weight).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lures_sound_otherwise_than_names() {
        let names = Names::new().unwrap();
        assert!(names.pieces.len() > 500 && names.pieces.len() <= PIECES && names.bias < 0.0);
        for (name, end) in
            [("claim-moonbird-airdrop", "xyz"), ("walletsyncrectify", "online"), ("dapps-validation", "live")]
        {
            assert!(names.odds(name, end) > 2.0, "{name} {}", names.odds(name, end));
        }
        for (name, end) in
            [("python", "org"), ("bbc", "uk"), ("coinmarketcap", "com"), ("google", "com"), ("", ""), ("x", "y")]
        {
            assert!(names.odds(name, end) < 0.5, "{name} {}", names.odds(name, end));
        }
    }
}
