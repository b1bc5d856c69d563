//! A configuration as blocks and attributes whose expressions are not evaluated yet.

use std::sync::Arc;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Body as Parsed, Structure};

use super::split::{Piece, pieces};
use crate::asset::{Error, ErrorKind, Evidence};
use crate::discover::code::lexer::{Kind, Language, Token, tokens};

/// One file of a module, or values for one.
#[derive(Debug)]
pub(in crate::discover) struct File {
    pub(super) path: Arc<str>,
    pub(super) text: Arc<str>,
    pub(super) body: Body,
}

/// What stands between the brackets of a block, or in a file.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) attributes: Vec<Attribute>,
    pub(super) blocks: Vec<Block>,
}

/// `KIND "LABEL"… { … }`.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) kind: Box<str>,
    pub(super) labels: Vec<Box<str>>,
    pub(super) body: Body,
    pub(super) place: Place,
}

/// `NAME = EXPRESSION`.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: Box<str>,
    pub(super) value: Expression,
    pub(super) place: Place,
}

/// Where something stands in its file.
#[derive(Debug, Clone)]
pub(in crate::discover) enum Place {
    Line(u64),
    Pointer(String),
}

impl Place {
    pub(in crate::discover) fn evidence(&self, path: &str) -> Evidence {
        match self {
            Self::Line(line) => Evidence::file(path).line(*line),
            Self::Pointer(pointer) => Evidence::file(path).pointer(pointer),
        }
    }
}

impl Body {
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| &*attribute.name == name)
    }

    pub(super) fn blocks<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Block> {
        self.blocks.iter().filter(move |block| &*block.kind == kind)
    }
}

impl Block {
    pub(super) fn label(&self, n: usize) -> Option<&str> {
        self.labels.get(n).map(|label| &**label)
    }
}

/// Parses a file block by block; of one that does not parse the head and plain values are kept. The first error comes
/// with the number of blocks that it stands for.
pub(super) fn parse(path: &str, text: &str) -> (File, Option<Error>) {
    let lines = Lines::new(text);
    let mut file = File { path: path.into(), text: text.into(), body: Body::default() };
    let (mut first, mut broken) = (None, 0_usize);
    for piece in pieces(text) {
        let at = At { base: piece.start, lines: &lines };
        let parsed = if piece.crowded {
            Err(Error::new(ErrorKind::Budget, "more than 10000 entries between two brackets")
                .at_line(lines.number(piece.start), 1))
        } else {
            hcl_edit::parser::parse_body(piece.text).map_err(|error| {
                let place = error.location();
                let line = lines.number(piece.start) + place.line() - 1;
                Error::new(ErrorKind::Malformed, error.message()).at_line(line, place.column())
            })
        };
        match parsed {
            Ok(body) => at.fill(body, &mut file.body),
            Err(error) => {
                broken += 1;
                first.get_or_insert(error);
                salvage(&piece, &at, &mut file.body);
            }
        }
    }
    let error = first.map(|mut error| {
        if broken > 1 {
            error.message = format!("{broken} broken blocks, the first: {}", error.message);
        }
        error
    });
    (file, error)
}

/// The lines of a text.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    /// Line from 1 of a byte.
    fn number(&self, byte: usize) -> usize {
        self.0.partition_point(|end| *end < byte) + 1
    }

    fn place(&self, byte: usize) -> Place {
        Place::Line(self.number(byte) as u64)
    }
}

/// A parsed piece's place in its file.
struct At<'a> {
    base: usize,
    lines: &'a Lines,
}

impl At<'_> {
    /// Takes over a parsed body; at most as deep as the parser allows.
    fn fill(&self, parsed: Parsed, body: &mut Body) {
        for structure in parsed {
            match structure {
                Structure::Attribute(attribute) => {
                    let start = attribute.key.span().map_or(0, |span| span.start);
                    body.attributes.push(Attribute {
                        name: attribute.key.as_str().into(),
                        value: attribute.value,
                        place: self.lines.place(self.base + start),
                    });
                }
                Structure::Block(block) => {
                    let start = block.ident.span().map_or(0, |span| span.start);
                    let mut inner = Body::default();
                    self.fill(block.body, &mut inner);
                    body.blocks.push(Block {
                        kind: block.ident.as_str().into(),
                        labels: block.labels.iter().map(|label| label.as_str().into()).collect(),
                        body: inner,
                        place: self.lines.place(self.base + start),
                    });
                }
            }
        }
    }
}

/// Keeps the head and the plain values of a block that does not parse.
fn salvage(piece: &Piece<'_>, at: &At<'_>, body: &mut Body) {
    let tokens = tokens(piece.text, Language::Hcl);
    let first = at.lines.number(at.base) as u64;
    let mut rest = tokens.iter().skip_while(|token| token.kind == Kind::End);
    let Some(head) = rest.next().filter(|head| head.kind == Kind::Word) else { return };
    let labels = rest.take_while(|token| token.kind == Kind::Text).map(|token| token.text.into()).collect();
    let mut block =
        Block { kind: head.text.into(), labels, body: Body::default(), place: Place::Line(first + head.line - 1) };
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate() {
        match token.text {
            "{" | "[" | "(" if token.kind == Kind::Mark => depth += 1,
            "}" | "]" | ")" if token.kind == Kind::Mark => depth = depth.saturating_sub(1),
            _ => {}
        }
        let [sign, value] = tokens.get(i + 1..i + 3).unwrap_or_default() else { continue };
        let named = depth == 1 && token.kind == Kind::Word && sign.text == "=" && sign.kind == Kind::Mark;
        if let Some(value) = plain(value).filter(|_| named) {
            block.body.attributes.push(Attribute {
                name: token.text.into(),
                value,
                place: Place::Line(first + token.line - 1),
            });
        }
    }
    body.blocks.push(block);
}

fn plain(token: &Token<'_>) -> Option<Expression> {
    match (token.kind, token.text) {
        (Kind::Text, text) if !text.contains("${") => Some(Expression::from(text)),
        (Kind::Word, "true") => Some(Expression::from(true)),
        (Kind::Word, "false") => Some(Expression::from(false)),
        (Kind::Word, number) => number.parse::<i64>().ok().map(Expression::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_block_keeps_its_head_and_costs_no_other() {
        let text = "resource \"t\" \"a\" {\n  x = 1\n}\n\nresource \"t\" \"b\" {\n  name = \"b\"\n  y = = 2\n}\nresource \"t\" \"c\" {\n  z {\n    w = <<E\nq\nE\n  }\n}\n";
        let (file, error) = parse("m.tf", text);
        let heads: Vec<_> = file.body.blocks.iter().map(|b| (b.label(1).unwrap(), b.place.evidence("").line)).collect();
        assert_eq!(heads, [("a", Some(1)), ("b", Some(5)), ("c", Some(9))]);
        assert_eq!(file.body.blocks[1].body.attribute("name").unwrap().place.evidence("").line, Some(6));
        assert!(file.body.blocks[2].body.blocks[0].body.attribute("w").is_some());
        assert_eq!(error.unwrap().line, Some(7));
    }

    #[test]
    fn deep_nesting_is_refused_and_named() {
        let deep = format!("a = {}1{}\nb = 2\n", "[".repeat(100_000), "]".repeat(100_000));
        let (file, error) = parse("m.tf", &deep);
        assert!(file.body.attribute("b").is_some());
        assert!(error.unwrap().message.contains("64"));
    }
}
