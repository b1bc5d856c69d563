//! A text in tokens, cut into windows that overlap.
//!
//! `tokenizers` 0.23 cuts too, but stops reading a text where its first window is full.

use std::ops::Range;

use tokenizers::{Encoding, Tokenizer};

/// A tokenizer, and how many tokens its model reads at once.
#[derive(Debug)]
pub(super) struct Reader {
    tokenizer: Tokenizer,
    window: usize,
    overlap: usize,
}

/// Some of a text's tokens, between the special tokens that begin and end it.
#[derive(Debug, Clone)]
pub(super) struct Window<'t> {
    tokens: &'t Encoding,
    head: Range<usize>,
    body: Range<usize>,
    tail: Range<usize>,
}

impl Reader {
    /// An error, in words, if special tokens leave no room for text.
    pub(super) fn new(mut tokenizer: Tokenizer, window: usize, overlap: usize) -> Result<Self, String> {
        tokenizer.with_padding(None).with_truncation(None).map_err(|error| error.to_string())?;
        let specials = tokenizer.encode("", true).map_err(|error| error.to_string())?.len();
        if window < specials + 2 {
            return Err(format!("windows of {window} tokens hold no text beside {specials} special tokens"));
        }
        Ok(Self { tokenizer, window, overlap })
    }

    /// All tokens of the text.
    pub(super) fn read(&self, text: &str) -> tokenizers::Result<Encoding> {
        self.tokenizer.encode(text, true)
    }

    /// The windows of what was [read](Self::read): one of all tokens if they fit, else several, each full; none of none.
    pub(super) fn cut<'t>(&self, tokens: &'t Encoding) -> Vec<Window<'t>> {
        if tokens.is_empty() {
            return Vec::new();
        }
        // a special token that stands in the text itself is marked as none
        let is_special = |mark: &&u32| **mark == 1;
        let marks = tokens.get_special_tokens_mask();
        let head = marks.iter().take_while(is_special).count();
        let tail = marks.iter().skip(head).rev().take_while(is_special).count();
        let end = tokens.len() - tail;

        let room = self.window.saturating_sub(head + tail).max(1);
        let step = room - self.overlap.min(room / 2);
        let last = end.saturating_sub(room).max(head);
        let starts = (head..last).step_by(step).chain([last]);
        let body = |start| start..end.min(start + room);
        starts.map(|start| Window { tokens, head: 0..head, body: body(start), tail: end..tokens.len() }).collect()
    }
}

impl Window<'_> {
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.body.len() + self.tail.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        self.pick(self.tokens.get_ids())
    }

    pub(super) fn types(&self) -> impl Iterator<Item = u32> {
        self.pick(self.tokens.get_type_ids())
    }

    fn pick(&self, values: &[u32]) -> impl Iterator<Item = u32> {
        [&self.head, &self.body, &self.tail].into_iter().flat_map(|part| values.get(part.clone())).flatten().copied()
    }

    /// The tokens that stand for text: place in the window, number of the word, bytes of the text.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, u32, Range<usize>)> {
        let words = self.tokens.get_word_ids().iter().zip(self.tokens.get_offsets());
        let body = words.skip(self.body.start).take(self.body.len()).zip(self.head.len()..);
        body.filter_map(|((word, (start, end)), place)| Some((place, (*word)?, *start..*end)))
    }

    /// The bytes that it was cut from.
    pub(super) fn span(&self) -> Range<usize> {
        self.words().map(|(_, _, bytes)| bytes).reduce(|all, next| all.start..next.end).unwrap_or_default()
    }

    /// Where, in the middle of the tokens that both hold, this window ends and the next one begins.
    pub(super) fn end_before(&self, next: &Window<'_>) -> usize {
        let middle = usize::midpoint(self.body.end, next.body.start);
        self.tokens.get_offsets().get(middle).map_or(usize::MAX, |(start, _)| *start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERT: &str = r#"{"type": "BertProcessing", "cls": ["<s>", 0], "sep": ["</s>", 1]}"#;
    const ROBERTA: &str = r#"{"type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 1],
        "trim_offsets": true, "add_prefix_space": true}"#;
    const T5: &str = r#"{"type": "TemplateProcessing", "pair": [],
        "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}}"#;
    const XLNET: &str = r#"{"type": "TemplateProcessing", "pair": [], "single": [
        {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}},
        {"SpecialToken": {"id": "<s>", "type_id": 2}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]},
                           "</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}}"#;

    /// Shapes of special tokens: the processor, and the ids that begin and end every window.
    const SHAPES: [(&str, &[u32], &[u32]); 5] =
        [(BERT, &[0], &[1]), (ROBERTA, &[0], &[1]), (T5, &[], &[1]), (XLNET, &[], &[1, 0]), ("null", &[], &[])];

    /// A tokenizer of words, `w0` to `w999`, that cuts texts itself unless told not to.
    fn reader(processor: &str, window: usize, overlap: usize) -> Result<Reader, String> {
        let words: Vec<String> = (0..1000).map(|i| format!(r#""w{i}": {}"#, i + 3)).collect();
        let added = |id, content| {
            format!(
                r#"{{"id": {id}, "content": "{content}", "special": true, "single_word": false,
                     "lstrip": false, "rstrip": false, "normalized": false}}"#
            )
        };
        let json = format!(
            r#"{{"version": "1.0", "pre_tokenizer": {{"type": "WhitespaceSplit"}}, "post_processor": {processor},
                 "truncation": {{"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}},
                 "added_tokens": [{}, {}],
                 "model": {{"type": "WordLevel", "unk_token": "?", "vocab": {{"<s>": 0, "</s>": 1, "?": 2, {}}}}}}}"#,
            added(0, "<s>"),
            added(1, "</s>"),
            words.join(", ")
        );
        Reader::new(Tokenizer::from_bytes(json).unwrap(), window, overlap)
    }

    fn words(count: usize) -> String {
        (0..count).map(|i| format!("w{i} ")).collect()
    }

    #[test]
    fn windows_hold_all_tokens_between_special_ones() {
        for (processor, head, tail) in SHAPES {
            let reader = reader(processor, 10, 3).unwrap();
            let room = 10 - head.len() - tail.len();
            for count in (0..40).chain([999]) {
                let text = words(count);
                let tokens = reader.read(&text).unwrap();
                let windows = reader.cut(&tokens);
                let expected = if tokens.is_empty() { 0 } else { 1 + count.saturating_sub(room).div_ceil(room - 3) };
                assert_eq!(windows.len(), expected, "{processor} {count}");
                let mut read = 0;
                for window in &windows {
                    let ids: Vec<u32> = window.ids().collect();
                    let body = ids.strip_prefix(head).and_then(|ids| ids.strip_suffix(tail)).unwrap();
                    assert!(ids.len() == window.len() && body.len() == room.min(count), "{ids:?}");
                    assert_eq!(window.types().count(), ids.len());
                    let numbers: Vec<usize> = body.iter().map(|id| *id as usize - 3).collect();
                    let first = numbers.first().copied().unwrap_or_default();
                    assert!(first == 0 || first + 3 <= read, "{first} {read}");
                    for (number, (place, _, bytes)) in numbers.iter().zip(window.words()) {
                        assert_eq!(text.get(bytes), Some(&*format!("w{number}")));
                        assert_eq!(ids.get(place), Some(&(*number as u32 + 3)));
                    }
                    read = numbers.last().map_or(0, |last| last + 1);
                }
                let end = windows.last().map_or(0, |window| window.span().end);
                assert_eq!((read, end), (count, text.trim_end().len()));
            }
        }
    }

    #[test]
    fn special_tokens_in_a_text_are_text() {
        for (processor, head, tail) in SHAPES {
            let reader = reader(processor, 10, 3).unwrap();
            let text = "<s> <s> w1 </s> </s>";
            let tokens = reader.read(text).unwrap();
            let [window] = reader.cut(&tokens).try_into().unwrap();
            assert_eq!(window.ids().collect::<Vec<_>>(), [head, &[0, 0, 4, 1, 1], tail].concat());
            assert_eq!(window.span(), 0..text.len());
        }
    }

    #[test]
    fn windows_share_no_more_than_half() {
        for (window, overlap) in [(3, 64), (4, 64), (10, 0), (10, 64), (512, 64)] {
            let reader = reader(BERT, window, overlap).unwrap_or_else(|_| reader("null", window, overlap).unwrap());
            let text = words(1000);
            let tokens = reader.read(&text).unwrap();
            let windows = reader.cut(&tokens);
            assert!(windows.len() <= 1000 / (window - 2).div_ceil(2) + 1, "{window} {overlap}");
            let cuts: Vec<usize> = windows.windows(2).map(|pair| pair[0].end_before(&pair[1])).collect();
            assert!(cuts.is_sorted_by(|a, b| a < b), "{cuts:?}");
        }
        assert!(reader(BERT, 3, 0).unwrap_err().contains("beside 2 special tokens"));
    }
}
