//! Addresses and networks of `IpAddress` conditions.

use std::net::IpAddr;

/// An address with the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// `203.0.113.0/24`, `2001:db8::/32`, or one address.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(longest), |prefix| prefix.parse().ok().filter(|p| *p <= longest))?;
        Some(Self { address, prefix })
    }

    /// Whether all of the other network lies in this one.
    pub(super) fn contains(&self, other: &Self) -> bool {
        let (own, theirs, width) = match (self.address, other.address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
            _ => return false,
        };
        let host_bits = width - self.prefix;
        other.prefix >= self.prefix && (own ^ theirs).checked_shr(host_bits).unwrap_or(0) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let within =
            |network: &str, address: &str| Network::parse(network).unwrap().contains(&Network::parse(address).unwrap());
        assert!(within("203.0.113.0/24", "203.0.113.9") && !within("203.0.113.0/24", "203.0.114.9"));
        assert!(within("203.0.113.9", "203.0.113.9") && within("0.0.0.0/0", "1.2.3.4") && within("::/0", "::1"));
        assert!(within("2001:db8::/32", "2001:db8:1::5") && !within("2001:db8::/32", "2001:db9::5"));
        assert!(!within("0.0.0.0/0", "::1") && !within("10.0.0.0/16", "10.0.0.0/8"));
        for bad in ["10.0.0.0/33", "10.0.0", "::/129", "", "*", "10.0.0.0/-1"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }
}
