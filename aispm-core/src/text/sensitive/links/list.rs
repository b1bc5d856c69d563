//! Lists of host names: a user's own, and the one of throw-away mail domains that is compiled in.

use super::host;

/// Hashes of throw-away mail domains: see `disposable.md` beside it.
const DISPOSABLE: &[u8] = include_bytes!("../../../../data/text/sensitive/disposable.bin");

/// A set of host names, kept as hashes of 8 bytes. Looking up is logarithmic for each label of the host asked for.
#[derive(Debug, Clone, Default)]
pub struct HostList {
    exact: Vec<u64>,
    below: Vec<u64>,
}

/// Hosts that a user knows better than the built-in detectors.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct HostLists {
    /// Never suspect, whatever they look like and carry.
    pub allowed: HostList,
    /// Always reported.
    pub blocked: HostList,
}

impl HostLists {
    /// Both lists.
    #[must_use]
    pub fn new(allowed: HostList, blocked: HostList) -> Self {
        Self { allowed, blocked }
    }

    /// These and others.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { allowed: self.allowed.and(other.allowed), blocked: self.blocked.and(other.blocked) }
    }
}

impl HostList {
    /// Reads a list, one entry a line: `host`, `.host`, `*.host` and `||host^` mean the host and all below it,
    /// `0.0.0.0 host…` (a hosts file) each host alone. What begins with `#` or `!` is a comment; lines of other forms
    /// are left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut list = Self::default();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or("").trim();
            let mut words = line.split_ascii_whitespace();
            let Some(first) = words.next().filter(|w| !w.starts_with(['!', '@', '['])) else { continue };
            if first.parse::<std::net::IpAddr>().is_ok() {
                list.exact.extend(words.filter_map(key));
            } else if words.next().is_none() {
                let host = first.strip_prefix("||").map_or(first, |h| h.strip_suffix('^').unwrap_or(h));
                list.below.extend(key(host.strip_prefix("*.").unwrap_or(host).trim_start_matches('.')));
            }
        }
        list.and(Self::default())
    }

    /// These and others.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (hashes, others) in [(&mut self.exact, other.exact), (&mut self.below, other.below)] {
            hashes.extend(others);
            hashes.sort_unstable();
            hashes.dedup();
        }
        self
    }

    /// How many entries it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.exact.len() + self.below.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `host` is on the list or below an entry; case and a closing dot do not matter.
    #[must_use]
    pub fn contains(&self, host: &str) -> bool {
        if self.is_empty() {
            return false;
        }
        let host = host::unicode(host.trim_end_matches('.'));
        let host = host.as_ref();
        self.exact.binary_search(&digest(host)).is_ok()
            || parents(host).any(|h| self.below.binary_search(&digest(h)).is_ok())
    }
}

/// Whether `host`, or what it lies below up to its registrable `domain`, is known for throw-away mail.
pub(super) fn is_disposable(host: &str, domain: &str) -> bool {
    let (entries, _) = DISPOSABLE.as_chunks::<5>();
    let known = |name: &str| {
        let [a, b, c, d, e, ..] = digest(name).to_be_bytes();
        entries.binary_search(&[a, b, c, d, e]).is_ok()
    };
    parents(host).take_while(|h| h.len() >= domain.len()).any(known)
}

/// `a.b.c`, `b.c`, `c`.
fn parents(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |h| h.split_once('.').map(|(_, rest)| rest))
}

/// The hash of a host as written in a list, the punycode of the DNS read as Unicode.
fn key(host: &str) -> Option<u64> {
    let host = host.trim_end_matches('.');
    let formed = host.contains('.') && !host.contains(['/', '*', '^', '$', ':', ',', '=']);
    formed.then(|| digest(&host::unicode(host))).filter(|_| host.len() <= 253)
}

/// FNV-1a over the bytes in lower case, then the finaliser of MurmurHash3; the same as `training/disposable.py`.
fn digest(name: &str) -> u64 {
    let fnv = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b.to_ascii_lowercase())).wrapping_mul(0x100_0000_01b3));
    let h = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_forms_of_list_are_read() {
        let list = HostList::parse(
            "# mine\nplain.example\n0.0.0.0 exact.example other.example # two\n||ads.example^\n*.wild.example\n\
             ! a comment\n@@||fine.example^\n/regex.example/\nБанк.example\n",
        );
        for (host, yes) in [
            ("plain.example", true),
            ("A.Plain.Example.", true),
            ("exact.example", true),
            ("sub.exact.example", false),
            ("other.example", true),
            ("x.ads.example", true),
            ("wild.example", true),
            ("fine.example", false),
            (idna::domain_to_ascii("банк.example").unwrap().as_str(), true),
            ("example", false),
            ("notplain.example", false),
        ] {
            assert_eq!(list.contains(host), yes, "{host}");
        }
        assert_eq!(list.len(), 6);
    }

    #[test]
    fn the_list_of_throw_away_mail_is_sorted_and_knows_what_it_should() {
        let (entries, rest) = DISPOSABLE.as_chunks::<5>();
        assert!(rest.is_empty() && entries.len() > 50_000 && entries.is_sorted());
        let known = |host| is_disposable(host, host::registrable(host).map_or(host, |(domain, _)| domain));
        assert!(known("mailinator.com") && known("x.guerrillamail.com"));
        assert!(!known("gmail.com") && !known("example.com") && !known("com"));
    }

    proptest! {
        #[test]
        fn any_list_is_read_without_harm(text in "[a-z.|^*# 0-9\n\\PC]{0,120}", host in "\\PC{0,40}") {
            let _ = HostList::parse(&text).contains(&host);
        }
    }
}
