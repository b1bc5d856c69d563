//! Access logs of servers and load balancers: any line with a quoted request in it (common and combined format, Envoy,
//! ALB, uvicorn, vLLM), and Gin's as Ollama writes them.

use std::net::IpAddr;

use super::traffic::{Address, Call, Caller, Target, count};
use crate::asset::Error;
use crate::discover::format::{Found, Source, Textual};

pub(super) const ACCESS: Textual = Textual {
    name: "access-log",
    critical: false,
    matches: |source| {
        let name = source.name();
        let log =
            source.has_extension(&["log", "txt", "out", "access"]) || name.contains(".log") || !name.contains('.');
        let json = source.text.starts_with(['{', '<']) || source.text.starts_with("[{");
        log && !json && source.text.lines().take(HEAD).any(|line| Request::of(line).is_some())
    },
    read,
};

/// Lines in which a request is looked for; a server says much as it starts.
const HEAD: usize = 512;
const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];

/// A request as its line tells it.
struct Request<'a> {
    ip: &'a str,
    url: &'a str,
    time: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// The first quoted `METHOD URL HTTP/x`, or Gin's `| IP | METHOD "PATH"`, with the address that made it.
    fn of(line: &'a str) -> Option<Self> {
        let mut quoted = line.split('"').skip(1).step_by(2);
        let url = match line.contains("[GIN]") {
            true => quoted.next(),
            false => quoted.find_map(|text| {
                let mut words = text.split(' ');
                let (method, url, version) = (words.next()?, words.next()?, words.next()?);
                (METHODS.contains(&method) && version.starts_with("HTTP/")).then_some(url)
            }),
        }?;
        let words = || line.split(|c: char| c.is_whitespace() || "\"|,".contains(c)).filter(|word| !word.is_empty());
        let ip = words().find(|word| {
            let bare = word
                .rsplit_once(':')
                .filter(|(ip, _)| !ip.contains(':') || ip.ends_with(']'))
                .map_or(*word, |(ip, _)| ip);
            bare.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        })?;
        let bracket = || line.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(time, _)| time);
        let time = words().find(|word| word.len() >= 20 && word.contains('T') && word.ends_with('Z'));
        Some(Self { ip, url, time: time.or_else(|| bracket().filter(|time| time.contains(':'))) })
    }

    /// The host that the request was for, where it names one, else the server whose log this is.
    fn address(&self, server: &'a str) -> Address<'a> {
        match self.url.starts_with('/') {
            true => Address { path: self.url, server, ..Address::default() },
            false => Address::url(self.url),
        }
    }
}

fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let server = format!("file:{}", source.path);
    let tables = found.tables.clone();
    for (i, line) in source.text.lines().enumerate() {
        let Some(request) = Request::of(line) else { continue };
        let Some(target) = Target::of(&tables, request.address(&server)) else { continue };
        let Some(caller) = (Caller { ip: request.ip, ..Caller::default() }).asset() else { continue };
        let path = request.url.split('?').next().unwrap_or_default();
        let evidence = source.line(i as u64 + 1).excerpt(path);
        let to = target.id();
        Call { source: caller, target, model: None, time: request.time, blocked: false }.tell(&evidence, found);
        count(&to.unwrap_or_default(), "requests", Some(1), found);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{relations, text};
    use super::*;

    #[test]
    fn requests_of_many_makes() {
        for (log, relation) in [
            (
                "10.0.0.5 - ann [01/Jan/2025:00:00:00 +0000] \"POST /v1/chat/completions HTTP/1.1\" 200 12 \"-\" \"curl\"\n",
                "ip:10.0.0.5 invokes file:a.log",
            ),
            (
                "[2025-01-01T00:00:00Z] \"POST /v1/embeddings HTTP/2\" 200 - 1 2 3 4 \"10.0.0.5\" \"x\" \"id\" \"h\" \"10.0.0.9:80\"\n",
                "ip:10.0.0.5 invokes file:a.log",
            ),
            (
                "https 2025-01-01T00:00:00.0Z app/lb/1 203.0.113.7:4000 10.0.0.9:80 0 0 0 200 200 1 1 \"POST https://llm.acme.test:443/v1/completions HTTP/1.1\" \"x\" - -\n",
                "ip:203.0.113.7 invokes https://llm.acme.test",
            ),
            (
                "INFO 01-01 api_server.py] started\nINFO:     10.0.0.5:4000 - \"POST /v1/chat/completions HTTP/1.1\" 200 OK\n",
                "ip:10.0.0.5 invokes file:a.log",
            ),
            (
                "[GIN] 2025/01/01 - 00:00:00 | 200 |  1.2s |  10.0.0.5 | POST     \"/api/generate\"\n",
                "ip:10.0.0.5 invokes file:a.log",
            ),
        ] {
            assert_eq!(relations(&text("a.log", log)), [relation], "{log}");
        }
        let found = text("a.log", "10.0.0.5 - - [01/Jan/2025:00:00:00 +0000] \"GET /index.html HTTP/1.1\" 200 12\n");
        assert!(found.inventory.is_empty());
        assert!(!(ACCESS.matches)(&Source { path: "README.md", text: "10.0.0.5 \"GET / HTTP/1.1\"" }));
    }
}
