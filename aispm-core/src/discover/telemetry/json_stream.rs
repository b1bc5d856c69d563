//! JSON documents one after the other without a list around them, as console exporters print spans and events.

use serde_json::{Deserializer, Value};

use super::claims;
use crate::asset::{Document, Error};
use crate::discover::format::{Found, Source, Textual, dispatch};

pub(super) const STREAM: Textual = Textual {
    name: "json-stream",
    critical: false,
    matches: |source| {
        source.text.trim_start().starts_with('{')
            && (source.text.contains("\n}\n{") || source.text.contains("\n}\r\n{"))
            && Deserializer::from_str(source.text)
                .into_iter::<Value>()
                .next()
                .is_some_and(|first| first.is_ok_and(|row| claims(&row)))
    },
    read,
};

/// Documents before the first that does not parse are kept. Linear.
fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let mut stream = Deserializer::from_str(source.text).into_iter::<Value>();
    let path: std::sync::Arc<str> = source.path.into();
    let (mut line, mut at) = (1, 0);
    loop {
        let start = stream.byte_offset();
        let passed = source.text.get(at..start).unwrap_or_default();
        line += passed.matches('\n').count() as u64;
        at = start;
        // what lies before a document belongs to it
        let blank = source.text.get(at..).unwrap_or_default();
        let blank = blank.get(..blank.len() - blank.trim_start().len()).unwrap_or_default();
        let first = line + blank.matches('\n').count() as u64;
        match stream.next() {
            None => return Ok(()),
            Some(Ok(value)) => {
                dispatch(&Document::row(path.clone(), first, value), found);
            }
            Some(Err(error)) => return Err(Error::from(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::text;

    #[test]
    fn documents_keep_their_lines() {
        let row = |host: &str| {
            format!(
                "{{\n  \"event_type\": \"tls\",\n  \"src_ip\": \"10.0.0.5\",\n  \"tls\": {{\"sni\": \"{host}\"}}\n}}\n"
            )
        };
        let found = text("x.json", &(row("example.com") + &row("api.openai.com")));
        let relation = found.inventory.relations().next().unwrap();
        assert_eq!((relation.to.as_str(), relation.evidence[0].line), ("ai-provider:openai", Some(6)));
    }
}
