//! Texts to the names in them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::model::{Model, Task};
use super::windows::Window;
use super::{Labels, Options, Runtime};
use crate::asset::{Error, ErrorKind, Result};

/// A classifier of tokens.
#[derive(Debug)]
pub struct TokenClassifier {
    model: Model,
    labels: Vec<Label>,
}

/// A name in a text.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entity {
    /// Presidio's name of what it is.
    pub kind: String,
    /// Bytes of the text.
    pub span: Range<usize>,
    /// The mean of its words'.
    pub probability: f64,
}

/// What a label says of a word.
#[derive(Debug, Clone, PartialEq)]
struct Label {
    place: Place,
    /// None for what is no name, or none of interest.
    kind: Option<String>,
}

/// Where in a name a word stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    First,
    Further,
    Last,
    Alone,
}

/// A word, labelled as its first token is.
#[derive(Debug)]
struct Word<'m> {
    span: Range<usize>,
    label: &'m Label,
    probability: f64,
}

impl TokenClassifier {
    /// Loads `model.onnx` (or `onnx/model.onnx`), `tokenizer.json` and `config.json` of this folder.
    ///
    /// Labels are read with or without the prefixes of BIO and BILOU, and named as Presidio names them.
    ///
    /// # Errors
    /// `unreadable` if a file is missing, `malformed` or `invalid` if the files are not those of a classifier of tokens;
    /// the message says what to do.
    pub fn load(runtime: &Runtime, folder: impl AsRef<Path>, options: &Options) -> Result<Self> {
        let model = Model::load(runtime, folder.as_ref(), options, Task::Token)?;
        if model.labels.iter().all(|label| label.starts_with("LABEL_")) {
            let message = "`id2label` of config.json gives the labels no names: write there what they mean";
            return Err(Error::new(ErrorKind::Invalid, message).at(folder.as_ref().join("config.json")));
        }
        let labels = model.labels.iter().map(|label| Label::parse(label)).collect();
        Ok(Self { model, labels })
    }

    /// Names labels this way first; a label without a name is not reported.
    ///
    /// # Errors
    /// `usage` if the classifier has one of the labels not.
    pub fn rename(mut self, names: &BTreeMap<String, Option<String>>) -> Result<Self> {
        for (label, name) in names {
            let mut is_there = false;
            for (own, parsed) in self.model.labels.iter().zip(&mut self.labels) {
                if split(own).1.eq_ignore_ascii_case(label) || own.eq_ignore_ascii_case(label) {
                    parsed.kind.clone_from(name);
                    is_there = true;
                }
            }
            if !is_there {
                let message = format!("no label {label}; there are {}", self.model.labels.join(", "));
                return Err(Error::new(ErrorKind::Usage, message));
            }
        }
        Ok(self)
    }

    /// The folder's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.model.name
    }

    /// The labels.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.model.labels
    }

    /// The names in the text, in order.
    ///
    /// # Errors
    /// `invalid` if ONNX Runtime fails.
    pub fn entities(&self, text: &str) -> Result<Vec<Entity>> {
        let tokens = self.model.read(text)?;
        let windows = self.model.windows(&tokens);
        let probabilities = self.model.probabilities(&windows)?;
        // of two windows that share tokens, each knows more of its half
        let cuts = windows.iter().zip(windows.iter().skip(1)).map(|(window, next)| window.end_before(next));
        let mut from = 0;
        let mut words = Vec::new();
        for ((window, probabilities), to) in windows.iter().zip(&probabilities).zip(cuts.chain([usize::MAX])) {
            words.extend(self.words(text, window, probabilities).filter(|word| (from..to).contains(&word.span.start)));
            from = to;
        }
        Ok(join(text, &words))
    }

    /// The words of a window.
    fn words<'w>(
        &'w self,
        text: &'w str,
        window: &'w Window<'_>,
        probabilities: &'w [f64],
    ) -> impl Iterator<Item = Word<'w>> {
        let mut last: Option<(u32, usize)> = None;
        let starts = window.words().map(move |(i, word, bytes)| {
            let space = || text.get(bytes.clone()).is_some_and(|token| token.starts_with(char::is_whitespace));
            let goes_on = last.is_some_and(|(before, stop)| before == word && stop >= bytes.start) && !space();
            last = Some((word, bytes.end));
            (goes_on, i, bytes)
        });
        let mut tokens = starts.peekable();
        std::iter::from_fn(move || {
            let (_, i, mut span) = tokens.next()?;
            while let Some((_, _, more)) = tokens.next_if(|(goes_on, ..)| *goes_on) {
                span.end = more.end;
            }
            let row = probabilities.chunks(self.labels.len()).nth(i)?.iter().zip(&self.labels);
            let (probability, label) = row.max_by(|a, b| a.0.total_cmp(b.0))?;
            Some(Word { span, label, probability: *probability })
        })
    }
}

/// Words to names.
fn join(text: &str, words: &[Word<'_>]) -> Vec<Entity> {
    let follows = |a: &Word<'_>, b: &Word<'_>| {
        let open = matches!(a.label.place, Place::First | Place::Further);
        open && a.label.kind == b.label.kind && matches!(b.label.place, Place::Further | Place::Last)
    };
    let names = words.chunk_by(follows).filter_map(|name| {
        let (first, last) = (name.first()?, name.last()?);
        let kind = first.label.kind.clone()?;
        let probability = name.iter().map(|word| word.probability).sum::<f64>() / name.len() as f64;
        let given = text.get(first.span.start..last.span.end)?;
        // some tokens begin with the space before them
        let start = first.span.start + given.len() - given.trim_start().len();
        let end = start + given.trim().len();
        (start < end).then_some(Entity { kind, span: start..end, probability })
    });
    names.collect()
}

impl Label {
    fn parse(label: &str) -> Self {
        let (prefix, name) = split(label);
        let place = match prefix {
            Some('B') => Place::First,
            Some('L' | 'E') => Place::Last,
            Some('U' | 'S') => Place::Alone,
            _ => Place::Further,
        };
        let name = name.to_uppercase();
        let kind = match Labels::builtin().entities.get(&name) {
            Some(known) => known.clone(),
            None => (name != "O").then_some(name),
        };
        Self { place, kind }
    }
}

/// The prefix of a label and the rest.
fn split(label: &str) -> (Option<char>, &str) {
    let mut chars = label.chars();
    match (chars.next(), chars.next()) {
        (Some(prefix @ ('B' | 'I' | 'L' | 'E' | 'U' | 'S')), Some('-' | '_')) => (Some(prefix), chars.as_str()),
        _ => (None, label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in words of one letter, each with its label.
    fn names(labels: &[&str]) -> Vec<(String, Range<usize>)> {
        let labels: Vec<Label> = labels.iter().map(|label| Label::parse(label)).collect();
        let text = "a ".repeat(labels.len());
        let word = |(i, label)| Word { span: 2 * i..2 * i + 1, label, probability: 0.5 };
        let words: Vec<Word<'_>> = labels.iter().enumerate().map(word).collect();
        join(&text, &words).into_iter().map(|entity| (entity.kind, entity.span)).collect()
    }

    #[test]
    fn words_are_joined_as_every_scheme_has_it() {
        let person = |span| ("PERSON".to_owned(), span);
        assert_eq!(names(&["B-PER", "I-PER", "O", "B-PER"]), [person(0..3), person(6..7)]);
        assert_eq!(names(&["B-PER", "B-PER"]), [person(0..1), person(2..3)]);
        assert_eq!(names(&["I-PER", "I-PER"]), [person(0..3)]);
        assert_eq!(names(&["B-PER", "I-PER", "L-PER", "U-PER"]), [person(0..5), person(6..7)]);
        assert_eq!(names(&["B-PER", "E-PER", "S-PER", "I-PER"]), [person(0..3), person(4..5), person(6..7)]);
        assert_eq!(names(&["PER", "PER", "O"]), [person(0..3)]);
        assert_eq!(names(&["B-PER", "I-GPE"]), [person(0..1), ("LOCATION".to_owned(), 2..3)]);
    }

    #[test]
    fn labels_are_named_as_presidio_names_them() {
        let kinds = ["B-ORG", "I-gpe", "NAME", "B-MISC", "O", "B-ZIP_CODE"].map(|label| Label::parse(label).kind);
        let expected = [Some("ORGANIZATION"), Some("LOCATION"), Some("PERSON"), None, None, Some("ZIP_CODE")];
        assert_eq!(kinds, expected.map(|kind| kind.map(str::to_owned)));
    }
}
