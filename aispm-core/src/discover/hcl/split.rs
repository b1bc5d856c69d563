//! A configuration cut into its top-level blocks and attributes, so that a broken one costs no other.

use std::collections::HashMap;

/// Most entries between one pair of brackets; more is data, and the parser's time grows with their square.
pub(super) const ENTRY_LIMIT: usize = 10_000;

/// Words that start a block of a configuration.
const BLOCKS: &[&str] = &[
    "resource",
    "data",
    "module",
    "variable",
    "output",
    "locals",
    "provider",
    "terraform",
    "moved",
    "import",
    "removed",
    "check",
    "ephemeral",
];

/// A piece of a configuration: one block or attribute with the comments before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// Byte of the file at which it starts.
    pub(super) start: usize,
    /// Whether it holds more between two brackets than is read.
    pub(super) crowded: bool,
}

/// What encloses the byte that is looked at.
enum Open {
    /// A bracket, and how many entries were seen in it.
    Bracket(usize),
    /// A quoted string.
    Quote,
    /// `${` or `%{` inside a string.
    Template,
}

/// Cuts a text into pieces: at the ends of lines outside brackets, and before a line that starts a block although the
/// one before was not closed. Linear.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let bytes = text.as_bytes();
    let terminators = terminators(text);
    let (mut pieces, mut open) = (Vec::new(), Vec::new());
    let (mut start, mut at, mut crowded) = (0, 0, false);
    let mut cut = |start: &mut usize, end: usize, crowded: &mut bool| {
        if let Some(piece) = text.get(*start..end).filter(|piece| !piece.trim().is_empty()) {
            pieces.push(Piece { text: piece, start: *start, crowded: *crowded });
        }
        (*start, *crowded) = (end, false);
    };
    while let Some(byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let quoted = matches!(open.last(), Some(Open::Quote));
        match byte {
            b'\n' => {
                // no string goes over a line, but what stands in `${}` may
                if quoted {
                    open.pop();
                }
                at += 1;
                if open.is_empty() || starts_block(text.get(at..).unwrap_or_default()) {
                    open.clear();
                    cut(&mut start, at, &mut crowded);
                }
                continue;
            }
            b'\\' if quoted => at += 1,
            b'"' if quoted => drop(open.pop()),
            b'$' | b'%' if quoted && rest.get(1) == Some(byte) && rest.get(2) == Some(&b'{') => at += 2,
            b'$' | b'%' if quoted && rest.get(1) == Some(&b'{') => {
                at += 1;
                open.push(Open::Template);
            }
            _ if quoted => {}
            b'"' => open.push(Open::Quote),
            b'{' | b'[' | b'(' => open.push(Open::Bracket(0)),
            b'}' | b']' | b')' => drop(open.pop()),
            b'=' | b':' | b',' => {
                if let Some(Open::Bracket(entries)) = open.last_mut() {
                    *entries += 1;
                    crowded |= *entries > ENTRY_LIMIT;
                }
            }
            b'#' => at = line_end(bytes, at).saturating_sub(1),
            b'/' if rest.starts_with(b"//") => at = line_end(bytes, at).saturating_sub(1),
            b'/' if rest.starts_with(b"/*") => {
                let end = text.get(at..).and_then(|rest| rest.find("*/"));
                at = end.map_or(bytes.len(), |end| at + end + 1);
            }
            b'<' if rest.starts_with(b"<<") => {
                if let Some(end) = heredoc(text, at, &terminators) {
                    at = end.saturating_sub(1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    cut(&mut start, text.len(), &mut crowded);
    pieces
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', bytes.get(at..).unwrap_or_default()).map_or(bytes.len(), |end| at + end)
}

/// Whether a line starts a block at its first column.
fn starts_block(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default();
    let word = line.split([' ', '\t', '{', '"']).next().unwrap_or_default();
    let after = line.get(word.len()..).unwrap_or_default().trim_start();
    BLOCKS.contains(&word) && after.starts_with(['"', '{'])
}

/// Lines that hold one word only, by that word: where a heredoc may end.
fn terminators(text: &str) -> HashMap<&str, Vec<usize>> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    if !text.contains("<<") {
        return places;
    }
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let word = line.trim();
        if !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            places.entry(word).or_default().push(at);
        }
        at += line.len();
    }
    places
}

/// The end of the heredoc that starts here: the end of its terminator.
fn heredoc(text: &str, at: usize, terminators: &HashMap<&str, Vec<usize>>) -> Option<usize> {
    let line = text.get(at + 2..)?.lines().next()?;
    let word = line.strip_prefix('-').unwrap_or(line).trim_end();
    let places = terminators.get(word)?;
    let place = *places.get(places.partition_point(|place| *place <= at))?;
    Some(line_end(text.as_bytes(), place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        pieces(text).iter().map(|piece| piece.text.trim()).collect()
    }

    #[test]
    fn blocks_strings_comments_and_heredocs() {
        let blocks = [
            "a = \"}${f({ b = \"}\" })}\"",
            "locals {\n  x = <<-EOT\n    } resource \"\n  EOT\n}",
            "b = [ # ]\n  1 /* ] */\n]",
            "c = \"%%{\"",
        ];
        assert_eq!(texts(&blocks.join("\n")), blocks);
    }

    #[test]
    fn a_broken_block_ends_where_the_next_one_starts() {
        let text = "resource \"a\" \"b\" {\n  x = [\n  y = \"no end\n\nresource \"c\" \"d\" {\n}\n";
        assert_eq!(texts(text).len(), 2);
        assert_eq!(texts("a = <<EOT\nlocals {\n}\n"), ["a = <<EOT", "locals {\n}"]);
    }

    #[test]
    fn crowds_are_told() {
        let text = format!("a = {{ {} }}\nb = 1", "k = 1\n".repeat(ENTRY_LIMIT + 1));
        assert_eq!(pieces(&text).iter().map(|piece| piece.crowded).collect::<Vec<_>>(), [true, false]);
    }
}
