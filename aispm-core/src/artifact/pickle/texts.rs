//! The texts that a pickle holds, with the keys they stand under.

use std::borrow::Cow;
use std::collections::HashMap;

use super::opcode::{Op, Reader};

/// Values on the stack, and values kept for reuse.
const VALUE_LIMIT: usize = 1 << 23;

/// Follows the pickles in `bytes` by their stack alone, calling nothing, and hands out each text that goes into a
/// dictionary with its key, and others without. Gives the byte where it breaks off, if it does. Linear in the bytes.
pub(crate) fn texts(bytes: &[u8], mut each: impl FnMut(&str, &str)) -> Option<u64> {
    let mut reader = Reader { bytes, at: 0 };
    let (mut stack, mut marks, mut memo) = (Stack::new(), Vec::<usize>::new(), HashMap::<u64, Cow<'_, str>>::new());
    while reader.at < bytes.len() {
        let at = reader.at as u64;
        let Ok(op) = reader.next() else { return Some(at) };
        if stack.len() > VALUE_LIMIT || memo.len() > VALUE_LIMIT || marks.len() > VALUE_LIMIT {
            return Some(at);
        }
        match op {
            Op::Proto(_) | Op::Frame(_) | Op::ReadonlyBuffer => {}
            Op::Stop => {
                loose(stack.drain(..), &mut each);
                marks.clear();
                memo.clear();
            }
            Op::Mark => marks.push(stack.len()),
            Op::Pop => _ = stack.pop(),
            Op::Dup => stack.push(stack.last().cloned().flatten()),
            Op::Text(text) => stack.push(Some(text)),
            Op::Get(key) => stack.push(memo.get(&key).cloned()),
            Op::Put(key) => _ = stack.last().cloned().flatten().map(|text| memo.insert(key, text)),
            // an entry for every value, so that the next one's number is right
            Op::Memoize => _ = memo.insert(memo.len() as u64, stack.last().cloned().flatten().unwrap_or_default()),
            Op::SetItem => pairs(stack.split_off(stack.len().saturating_sub(2)), &mut each),
            Op::SetItems => pairs(above(&mut stack, &mut marks), &mut each),
            Op::Dict => {
                pairs(above(&mut stack, &mut marks), &mut each);
                stack.push(None);
            }
            Op::List | Op::Tuple | Op::FrozenSet => {
                loose(above(&mut stack, &mut marks), &mut each);
                stack.push(None);
            }
            Op::Appends | Op::AddItems | Op::PopMark => loose(above(&mut stack, &mut marks), &mut each),
            Op::Append => loose(stack.pop(), &mut each),
            Op::TupleOf(n) => {
                loose(stack.split_off(stack.len().saturating_sub(n)), &mut each);
                stack.push(None);
            }
            Op::Build => loose(stack.pop(), &mut each),
            Op::StackGlobal | Op::Reduce | Op::NewObject => replace(&mut stack, 2),
            Op::NewObjectEx => replace(&mut stack, 3),
            Op::Persistent => replace(&mut stack, 1),
            Op::Object | Op::Inst(..) => {
                loose(above(&mut stack, &mut marks), &mut each);
                stack.push(None);
            }
            _ => stack.push(None),
        }
    }
    None
}

/// Values; `None` for what is no text.
type Stack<'a> = Vec<Option<Cow<'a, str>>>;

fn above<'a>(stack: &mut Stack<'a>, marks: &mut Vec<usize>) -> Stack<'a> {
    let mark = marks.pop().unwrap_or(0);
    stack.split_off(mark.min(stack.len()))
}

fn replace(stack: &mut Stack<'_>, n: usize) {
    stack.truncate(stack.len().saturating_sub(n));
    stack.push(None);
}

fn loose<'a>(values: impl IntoIterator<Item = Option<Cow<'a, str>>>, each: &mut impl FnMut(&str, &str)) {
    values.into_iter().flatten().for_each(|text| each("", &text));
}

fn pairs(values: Stack<'_>, each: &mut impl FnMut(&str, &str)) {
    let (pairs, _) = values.as_chunks::<2>();
    for [key, value] in pairs {
        if let Some(value) = value {
            each(key.as_deref().unwrap_or_default(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> (Vec<(String, String)>, Option<u64>) {
        let mut found = Vec::new();
        let end = texts(bytes, |key, text| found.push((key.to_owned(), text.to_owned())));
        (found, end)
    }

    #[test]
    fn keys_are_known_again_when_they_come_from_the_memo() {
        // [{"k": "a"}, {"k": "b"}]
        let bytes = b"\x80\x04]\x94(}\x94\x8c\x01k\x94\x8c\x01as}\x94h\x02\x8c\x01bse.";
        let pair = |key: &str, text: &str| (key.to_owned(), text.to_owned());
        assert_eq!(of(bytes), (vec![pair("k", "a"), pair("k", "b")], None));
        assert_eq!(of(b"(lp0\nVx\nap1\nV\xff"), (vec![pair("", "x")], Some(12)));
    }

    proptest::proptest! {
        #[test]
        fn any_operations_are_followed_without_harm(bytes in proptest::collection::vec(
            proptest::sample::select(&b"(0}]t)seuadlh\x94\x85\x8c\x01x.RbV\n"[..]), 0..200)) {
            of(&bytes);
        }
    }
}
