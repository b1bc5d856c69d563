//! Sets of traffic: from which addresses, to which ports, over TCP or UDP. Firewalls of every cloud come down to these.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most boxes that a set is kept in; rules beyond that are not judged, and the set says so.
const BOXES: usize = 1024;

/// The part of the addresses of a family from which on a set counts as anyone: half of them. A rule that leaves a few
/// ranges out is open all the same, and one for a provider's ranges is not.
const ANYONE: u32 = 2;

/// IPv4 addresses that no packet from the internet bears.
const RESERVED: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
];

/// IPv6 addresses of the internet.
const GLOBAL_V6: &str = "2000::/3";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Family {
    V4,
    V6,
}

/// Addresses of one family, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Addresses {
    pub(super) family: Family,
    low: u128,
    high: u128,
}

impl Addresses {
    /// `10.0.0.0/8`, `2001:db8::/32`, one address, or two with a hyphen.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some((low, high)) = text.split_once('-') {
            let (low, high) = (Self::parse(low)?, Self::parse(high)?);
            let right = low.family == high.family && low.low <= high.high;
            return right.then_some(Self { family: low.family, low: low.low, high: high.high });
        }
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let (family, value, width) = match (address.parse::<Ipv4Addr>(), address.parse::<Ipv6Addr>()) {
            (Ok(v4), _) => (Family::V4, u128::from(u32::from(v4)), 32),
            (_, Ok(v6)) => (Family::V6, u128::from(v6), 128),
            _ => return None,
        };
        let bits = bits.map_or(Some(width), |bits| bits.parse::<u32>().ok()).filter(|bits| *bits <= width)?;
        let rest = u128::MAX.checked_shr(128 - (width - bits)).unwrap_or(0);
        Some(Self { family, low: value & !rest, high: value | rest })
    }

    /// Every address of a family.
    pub(super) const fn all(family: Family) -> Self {
        let high = match family {
            Family::V4 => u32::MAX as u128,
            Family::V6 => u128::MAX,
        };
        Self { family, low: 0, high }
    }

    fn and(self, other: Self) -> Option<Self> {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        (self.family == other.family && low <= high).then_some(Self { family: self.family, low, high })
    }

    fn size(self) -> u128 {
        (self.high - self.low).saturating_add(1)
    }

    /// As people write it: a block where it is one, else both ends.
    fn text(self) -> String {
        let show = |value: u128| match self.family {
            Family::V4 => Ipv4Addr::from(u32::try_from(value).unwrap_or(u32::MAX)).to_string(),
            Family::V6 => Ipv6Addr::from(value).to_string(),
        };
        let width = if self.family == Family::V4 { 32 } else { 128 };
        let size = self.high - self.low;
        if size & size.wrapping_add(1) == 0 && self.low & size == 0 {
            return format!("{}/{}", show(self.low), width - size.count_ones());
        }
        format!("{}–{}", show(self.low), show(self.high))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    pub(super) const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    /// The protocols that a name or number means: both for any, none for those that carry no service.
    pub(super) fn named(name: &str) -> &'static [Self] {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "-1" | "all" | "*" | "any" => &Self::ALL,
            "tcp" | "6" => &[Self::Tcp],
            "udp" | "17" => &[Self::Udp],
            _ => &[],
        }
    }
}

/// Ports, both ends included.
pub(super) type Ports = (u16, u16);

pub(super) const ALL_PORTS: Ports = (0, u16::MAX);

/// `443`, `8000-9000`, `*`.
pub(super) fn ports(text: &str) -> Option<Ports> {
    let text = text.trim();
    if matches!(text, "*" | "" | "-1") {
        return Some(ALL_PORTS);
    }
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (low <= high).then_some((low, high))
}

/// One box of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Traffic {
    pub(super) from: Addresses,
    pub(super) protocol: Protocol,
    pub(super) ports: Ports,
}

impl Traffic {
    fn and(self, other: Self) -> Option<Self> {
        let ports = (self.ports.0.max(other.ports.0), self.ports.1.min(other.ports.1));
        let from = self.from.and(other.from)?;
        (self.protocol == other.protocol && ports.0 <= ports.1).then_some(Self { from, ports, ..self })
    }

    /// What of it the other does not hold: at most four boxes.
    fn minus(self, other: Self) -> Vec<Self> {
        let Some(both) = self.and(other) else { return vec![self] };
        let mut left = Vec::new();
        let mut from = |low: u128, high: u128| {
            left.push(Self { from: Addresses { family: self.from.family, low, high }, ..self });
        };
        if self.from.low < both.from.low {
            from(self.from.low, both.from.low - 1);
        }
        if both.from.high < self.from.high {
            from(both.from.high + 1, self.from.high);
        }
        let mut ports = |low: u16, high: u16| left.push(Self { from: both.from, ports: (low, high), ..self });
        if self.ports.0 < both.ports.0 {
            ports(self.ports.0, both.ports.0 - 1);
        }
        if both.ports.1 < self.ports.1 {
            ports(both.ports.1 + 1, self.ports.1);
        }
        left
    }
}

/// A set of traffic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Space {
    boxes: Vec<Traffic>,
    /// Whether something was left out because it would not fit.
    pub(super) cut: bool,
}

/// From how much of the internet a set comes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    Nobody,
    /// Only from these addresses.
    Some(String),
    Anyone,
}

impl Space {
    /// All that may come from the internet.
    pub(super) fn internet() -> Self {
        let mut space = Self::of(&[Addresses::all(Family::V4)], &Protocol::ALL, ALL_PORTS);
        for reserved in RESERVED.iter().copied().filter_map(Addresses::parse) {
            space = space.without(&Self::of(&[reserved], &Protocol::ALL, ALL_PORTS));
        }
        let global = Addresses::parse(GLOBAL_V6);
        space.extend(&Self::of(global.as_slice(), &Protocol::ALL, ALL_PORTS));
        space
    }

    /// Traffic from these addresses, over these protocols, to these ports.
    pub(super) fn of(from: &[Addresses], protocols: &[Protocol], ports: Ports) -> Self {
        let pairs = from.iter().flat_map(|from| protocols.iter().map(|protocol| (*from, *protocol)));
        let boxes = pairs.map(|(from, protocol)| Traffic { from, protocol, ports }).collect();
        Self { boxes, cut: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.boxes.is_empty()
    }

    pub(super) fn extend(&mut self, other: &Self) {
        for traffic in &other.boxes {
            if self.boxes.len() >= BOXES {
                self.cut = true;
            } else if !self.boxes.contains(traffic) {
                self.boxes.push(*traffic);
            }
        }
        self.cut |= other.cut;
    }

    /// What both hold. O(n · m), at most 1024 boxes.
    pub(super) fn and(&self, other: &Self) -> Self {
        let mut both = Self { boxes: Vec::new(), cut: self.cut || other.cut };
        for one in &self.boxes {
            for two in &other.boxes {
                let Some(traffic) = one.and(*two) else { continue };
                if both.boxes.len() >= BOXES {
                    both.cut = true;
                    return both;
                }
                both.boxes.push(traffic);
            }
        }
        both
    }

    /// What it holds and the other does not. O(n · m), at most 1024 boxes.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut left = self.clone();
        for gone in &other.boxes {
            let boxes: Vec<Traffic> = left.boxes.iter().flat_map(|traffic| traffic.minus(*gone)).collect();
            if boxes.len() > BOXES {
                left.cut = true;
                break;
            }
            left.boxes = boxes;
        }
        left
    }

    /// With this only of its ports, whatever these are.
    pub(super) fn to_any_port(&self) -> Self {
        let mut all = Self { boxes: Vec::new(), cut: self.cut };
        for traffic in &self.boxes {
            let traffic = Traffic { ports: ALL_PORTS, ..*traffic };
            if !all.boxes.contains(&traffic) {
                all.boxes.push(traffic);
            }
        }
        all
    }

    /// The part to these ports.
    pub(super) fn to_ports(&self, ports: Ports) -> Self {
        let families = [Addresses::all(Family::V4), Addresses::all(Family::V6)];
        self.and(&Self::of(&families, &Protocol::ALL, ports))
    }

    /// From how much of the internet it comes. O(n log n).
    pub(super) fn reach(&self) -> Reach {
        let mut ranges: Vec<Addresses> = self.boxes.iter().map(|traffic| traffic.from).collect();
        ranges.sort_unstable();
        let mut joined: Vec<Addresses> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if last.family == range.family && range.low <= last.high.saturating_add(1) => {
                    last.high = last.high.max(range.high);
                }
                _ => joined.push(range),
            }
        }
        let size =
            |family| joined.iter().filter(|r| r.family == family).map(|r| r.size()).fold(0, u128::saturating_add);
        let half = |range: Option<Addresses>| range.map_or(u128::MAX, |range| range.size() / u128::from(ANYONE));
        if size(Family::V4) >= half(Some(Addresses::all(Family::V4)))
            || size(Family::V6) >= half(Addresses::parse(GLOBAL_V6))
        {
            return Reach::Anyone;
        }
        if joined.is_empty() {
            return Reach::Nobody;
        }
        let mut text = joined.iter().take(3).map(|range| range.text()).collect::<Vec<_>>().join(", ");
        if joined.len() > 3 {
            let _ = write!(text, " and {} more", joined.len() - 3);
        }
        Reach::Some(text)
    }

    /// `tcp 22, 443`: the ports it leads to, a few of them.
    pub(super) fn to(&self) -> String {
        let mut all: Vec<(Protocol, Ports)> =
            self.boxes.iter().map(|traffic| (traffic.protocol, traffic.ports)).collect();
        all.sort_unstable();
        all.dedup();
        if all.contains(&(Protocol::Tcp, ALL_PORTS)) && all.contains(&(Protocol::Udp, ALL_PORTS)) {
            return "all ports".to_owned();
        }
        let show = |(protocol, (low, high)): &(Protocol, Ports)| {
            let protocol = if *protocol == Protocol::Tcp { "tcp" } else { "udp" };
            match (low, high) {
                (0, &u16::MAX) => format!("all {protocol} ports"),
                (low, high) if low == high => format!("{protocol} {low}"),
                (low, high) => format!("{protocol} {low}–{high}"),
            }
        };
        let more = if all.len() > 3 { ", …" } else { "" };
        all.iter().take(3).map(show).collect::<Vec<_>>().join(", ") + more
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn space(cidrs: &[&str], ports: Ports) -> Space {
        let from: Vec<_> = cidrs.iter().map(|cidr| Addresses::parse(cidr).unwrap()).collect();
        Space::of(&from, &[Protocol::Tcp], ports)
    }

    #[test]
    fn addresses_are_read_and_written() {
        for (text, shown) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("203.0.113.7", "203.0.113.7/32"),
            ("10.0.0.1-10.0.0.2", "10.0.0.1–10.0.0.2"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(Addresses::parse(text).map(Addresses::text).as_deref(), Some(shown), "{text}");
        }
        for text in ["", "10.0.0.0/33", "10.0.0", "web", "10.0.0.9-10.0.0.1", "${var.x}", "1.2.3.4/-1"] {
            assert_eq!(Addresses::parse(text), None, "{text}");
        }
    }

    #[test]
    fn how_much_of_the_internet() {
        let reach = |cidrs: &[&str]| Space::internet().and(&space(cidrs, ALL_PORTS)).reach();
        assert_eq!(reach(&["0.0.0.0/0"]), Reach::Anyone);
        assert_eq!(reach(&["0.0.0.0/1", "128.0.0.0/1"]), Reach::Anyone);
        assert_eq!(reach(&["::/0"]), Reach::Anyone);
        assert_eq!(reach(&["10.0.0.0/8", "192.168.0.0/16"]), Reach::Nobody);
        assert_eq!(reach(&["203.0.113.0/24", "10.0.0.0/8"]), Reach::Some("203.0.113.0/24".to_owned()));
        assert_eq!(reach(&["fd00::/8"]), Reach::Nobody);
    }

    #[test]
    fn ports_in_words() {
        assert_eq!(space(&["0.0.0.0/0"], (443, 443)).to(), "tcp 443");
        assert_eq!(Space::internet().to(), "all ports");
        assert_eq!(
            (ports("80-90"), ports("*"), ports("90-80"), ports("http")),
            (Some((80, 90)), Some(ALL_PORTS), None, None)
        );
    }

    fn traffic() -> impl Strategy<Value = Space> {
        let one = (0..16_u128, 0..16_u128, 0..8_u16, 0..8_u16);
        prop::collection::vec(one, 0..6).prop_map(|all| {
            let of = |(a, b, p, q): (u128, u128, u16, u16)| Traffic {
                from: Addresses { family: Family::V4, low: a.min(b), high: a.max(b) },
                protocol: Protocol::Tcp,
                ports: (p.min(q), p.max(q)),
            };
            Space { boxes: all.into_iter().map(of).collect(), cut: false }
        })
    }

    fn holds(space: &Space, address: u128, port: u16) -> bool {
        let within =
            |t: &Traffic| (t.from.low..=t.from.high).contains(&address) && (t.ports.0..=t.ports.1).contains(&port);
        space.boxes.iter().any(within)
    }

    proptest! {
        #[test]
        fn sets_are_sets(one in traffic(), two in traffic()) {
            let (both, left) = (one.and(&two), one.without(&two));
            for (address, port) in (0..16).flat_map(|a| (0..8).map(move |p| (a, p))) {
                let (a, b) = (holds(&one, address, port), holds(&two, address, port));
                prop_assert_eq!(holds(&both, address, port), a && b);
                prop_assert_eq!(holds(&left, address, port), a && !b);
            }
        }

        #[test]
        fn any_text_is_read_or_not(text in "\\PC{0,24}") {
            let _ = (Addresses::parse(&text), ports(&text));
        }
    }
}
