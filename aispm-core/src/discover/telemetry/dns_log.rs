//! Query logs of name servers: dnsmasq and Pi-hole, CoreDNS, BIND, Unbound.

use super::traffic::{Address, Call, Caller, Target};
use crate::asset::Error;
use crate::discover::format::{Found, Source, Textual};

pub(super) const QUERIES: Textual = Textual {
    name: "dns-log",
    critical: false,
    matches: |source| {
        (source.has_extension(&["log", "txt", "out"]) || source.name().contains("log") || !source.name().contains('.'))
            && source.text.lines().take(HEAD).any(|line| query(line).is_some())
    },
    read,
};

/// Lines in which a query is looked for.
const HEAD: usize = 64;

/// Who asked for which name.
fn query(line: &str) -> Option<(&str, &str)> {
    if let Some((_, rest)) = line.split_once(": query[") {
        // dnsmasq[1]: query[A] NAME from IP
        let (name, from) = rest.split_once("] ")?.1.split_once(" from ")?;
        return Some((from.trim(), name));
    }
    if let Some((before, rest)) = line.split_once(" - ").filter(|(_, rest)| rest.contains(" IN ") && rest.contains('"'))
    {
        // [INFO] IP:PORT - ID "A IN NAME udp …"
        let name = rest.split('"').nth(1)?.split(' ').nth(2)?;
        let client = before.rsplit(' ').next()?;
        return Some((client.rsplit_once(':')?.0, name));
    }
    if let Some((before, rest)) = line.split_once("): query: ") {
        // client @0x1 IP#PORT (NAME): query: NAME IN A
        let client = before.split(' ').find_map(|word| word.split_once('#'))?.0;
        return Some((client, rest.split(' ').next()?));
    }
    // [1:0] info: IP NAME A IN
    let rest = line.split_once("] info: ")?.1;
    let mut words = rest.split(' ');
    let (client, name) = (words.next()?, words.next()?);
    (rest.ends_with(" IN") && client.parse::<std::net::IpAddr>().is_ok()).then_some((client, name))
}

fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let tables = found.tables.clone();
    for (i, line) in source.text.lines().enumerate() {
        let Some((ip, host)) = query(line) else { continue };
        let Some(target) = Target::of(&tables, Address { host, ..Address::default() }) else { continue };
        let Some(caller) = (Caller { ip: ip.trim_matches(['[', ']']), ..Caller::default() }).asset() else { continue };
        let evidence = source.line(i as u64 + 1).excerpt(host);
        let time = line.split(' ').next().filter(|word| word.contains('T') && word.starts_with("20"));
        Call { source: caller, target, model: None, time, blocked: false }.tell(&evidence, found);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{relations, text};
    use super::*;

    #[test]
    fn queries_of_many_makes() {
        for log in [
            "Jan  1 00:00:00 dnsmasq[12]: query[A] api.openai.com from 10.0.0.5\n",
            "[INFO] 10.0.0.5:4000 - 123 \"A IN api.openai.com. udp 32 false 512\" NOERROR qr,rd,ra 100 0.02s\n",
            "01-Jan-2025 00:00:00.000 client @0x1 10.0.0.5#4000 (api.openai.com): query: api.openai.com IN A +E(0)K (10.0.0.1)\n",
            "[1700000000] unbound[1:0] info: 10.0.0.5 api.openai.com. A IN\n",
        ] {
            assert_eq!(relations(&text("q.log", log)), ["ip:10.0.0.5 invokes ai-provider:openai"], "{log}");
        }
        assert!(!(QUERIES.matches)(&Source { path: "q.log", text: "a - b \"x\"\n" }));
    }
}
