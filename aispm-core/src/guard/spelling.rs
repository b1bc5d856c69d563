//! When two spellings are one value.

use std::borrow::Cow;

/// The value in one spelling: e-mail addresses in small letters, numbers that people group as they like without what
/// groups them. Everything else stands as it is, secrets above all. O(value).
pub(super) fn canonical<'v>(kind: &str, value: &'v str) -> Cow<'v, str> {
    if kind == "EMAIL_ADDRESS" {
        return if value.chars().any(char::is_uppercase) { value.to_lowercase().into() } else { value.into() };
    }
    let groups = |c: char| c.is_whitespace() || matches!(c, '-' | '.' | '/' | '(' | ')');
    if !is_grouped(kind) || !value.contains(|c: char| groups(c) || c.is_ascii_lowercase()) {
        return value.into();
    }
    value.chars().filter(|c| !groups(*c)).map(|c| c.to_ascii_uppercase()).collect::<String>().into()
}

/// Whether values of this type are groups of digits and letters whose borders mean nothing: cards, accounts, phone
/// numbers, and the identifiers of a country (`US_SSN`), whose length is fixed. Not dates or IP addresses.
fn is_grouped(kind: &str) -> bool {
    match kind {
        "CREDIT_CARD" | "IBAN_CODE" | "PHONE_NUMBER" => true,
        _ => kind.split_once('_').is_some_and(|(country, _)| {
            country.len() == 2 && country != "IP" && country.bytes().all(|c| c.is_ascii_uppercase())
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value_are_one() {
        for (kind, a, b, same) in [
            ("EMAIL_ADDRESS", "Ann@Example.ORG", "ann@example.org", true),
            ("CREDIT_CARD", "4111 1111 1111 1111", "4111-1111-1111-1111", true),
            ("IBAN_CODE", "de02 1203 0000 0000 2020 51", "DE02120300000000202051", true),
            ("PHONE_NUMBER", "+49 (30) 555.0100", "+49305550100", true),
            ("US_SSN", "078-05-1120", "078 05 1120", true),
            ("IP_ADDRESS", "1.11.1.1", "11.1.1.1", false),
            ("DATE_TIME", "1/11/2020", "11/1/2020", false),
            ("PERSON", "Ann Lee", "ann lee", false),
            ("api-key", "aB-c", "ab-c", false),
        ] {
            assert_eq!(canonical(kind, a) == canonical(kind, b), same, "{kind} {a} {b}");
        }
    }
}
