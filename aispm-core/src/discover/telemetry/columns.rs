//! Logs of columns: CSV and TSV with a header, W3C extended, Zeek, VPC flow logs, Squid, Umbrella.

use std::borrow::Cow;

use super::shape::{Role, tables};
use super::traffic::{Address, Call, Caller, Target, is_blocked, note_of};
use crate::asset::Error;
use crate::discover::catalog::{Catalog, catalog};
use crate::discover::format::{Found, Source, Textual};

pub(super) const COLUMNS: Textual = Textual {
    name: "column-log",
    critical: false,
    matches: |source| {
        let layout = Layout::of(source.text).filter(|_| !source.text.starts_with(['{', '<']));
        // a table that anybody may write counts only where it tells of AI
        layout.is_some_and(|layout| {
            layout.name != TABLE
                || source.text.lines().any(|line| layout.target(catalog(), &layout.split.fields(line)).is_some())
        })
    },
    read,
};

/// A table with a header, of no known make.
const TABLE: &str = "traffic-table";
/// Lines in which the header is looked for.
const HEAD: usize = 16;

/// How lines are split, and which column tells what.
#[derive(Debug)]
struct Layout {
    name: &'static str,
    split: Split,
    roles: Vec<Option<Role>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Split {
    Blank,
    Tab,
    Comma,
    Semicolon,
}

impl Layout {
    fn of(text: &str) -> Option<Self> {
        let mut lines = text.lines().take(HEAD).filter(|line| !line.trim().is_empty());
        let first = lines.clone().next()?;
        let commented = |start: &str| text.lines().take(HEAD).find_map(|line| line.strip_prefix(start));
        if first.starts_with('#') {
            let (header, zeek) = match commented("#fields\t") {
                Some(header) => (header, true),
                None => (commented("#Fields:")?, false),
            };
            let split = if zeek || text.contains('\t') { Split::Tab } else { Split::Blank };
            let names = header.split(if zeek { '\t' } else { ' ' }).filter(|name| !name.is_empty());
            return Self::named(if zeek { "zeek" } else { "w3c-log" }, split, names);
        }
        if first.starts_with("version ") && first.contains("srcaddr") {
            return Self::named("vpc-flow-log", Split::Blank, first.split(' '));
        }
        let line = lines.find(|line| !line.starts_with('#'))?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            ["2", account, interface, ..]
                if words.len() == 14 && interface.starts_with("eni-") && account.len() == 12 =>
            {
                const VERSION_2: &str = "version account interface srcaddr dstaddr srcport dstport protocol packets bytes start end action status";
                return Self::named("vpc-flow-log", Split::Blank, VERSION_2.split(' '));
            }
            [time, _, _, code, _, method, ..]
                if code.contains('/')
                    && time.parse::<f64>().is_ok()
                    && method.bytes().all(|b| b.is_ascii_uppercase()) =>
            {
                return Self::named(
                    "squid",
                    Split::Blank,
                    "time elapsed clientip action bytes method url user".split(' '),
                );
            }
            _ => {}
        }
        if line.starts_with("\"20") && line.contains("\",\"NOERROR\",\"") {
            return Self::named(
                "umbrella",
                Split::Comma,
                "time user identities internalip externalip action type code domain".split(' '),
            );
        }
        let split =
            [Split::Tab, Split::Comma, Split::Semicolon].into_iter().find(|split| split.fields(line).len() > 2)?;
        let names = split.fields(line);
        Self::named(TABLE, split, names.iter().map(|name| &**name))
    }

    /// The layout if these columns tell who called what, and when.
    fn named<'a>(name: &'static str, split: Split, names: impl Iterator<Item = &'a str>) -> Option<Self> {
        let role = |name: &str| {
            let plain: String = name.chars().filter(|c| !" _-.()/\"".contains(*c)).collect::<String>().to_lowercase();
            tables().columns.iter().find(|(_, names)| names.contains(&plain)).map(|(role, _)| *role)
        };
        let roles: Vec<Option<Role>> = names.map(role).collect();
        let any = |wanted: &[Role]| roles.iter().flatten().any(|role| wanted.contains(role));
        let who = any(&[Role::Ip, Role::User, Role::Device]);
        let what = any(&[Role::Host, Role::Url, Role::Address]);
        let sure = name != TABLE || any(&[Role::Time]) && (any(&[Role::Ip]) || any(&[Role::Url, Role::Action]));
        (who && what && sure).then_some(Self { name, split, roles })
    }

    /// The column of this role, empty where it says nothing.
    fn field<'a>(&self, fields: &'a [Cow<'_, str>], role: Role) -> &'a str {
        let said = |text: &str| !matches!(text, "" | "-" | "(empty)");
        let at = self.roles.iter().zip(fields).find(|(of, text)| **of == Some(role) && said(text));
        at.map_or("", |(_, text)| text.trim())
    }

    /// What AI a line tells of.
    fn target<'a>(&self, tables: &'a Catalog, fields: &'a [Cow<'_, str>]) -> Option<Target<'a>> {
        let field = |role: Role| self.field(fields, role);
        let (port, path) = (field(Role::Port).parse().ok(), field(Role::Path));
        // Squid's CONNECT has `host:port` where other requests have a URL
        let by_url = || Target::of(tables, Address { port, ..Address::url(field(Role::Url)) });
        let by_host = || Target::of(tables, Address { host: field(Role::Host), port, path, ..Address::default() });
        let by_address =
            || Target::of(tables, Address { host: field(Role::Address), port, path, ..Address::default() });
        by_url().or_else(by_host).or_else(by_address)
    }
}

impl Split {
    fn fields(self, line: &str) -> Vec<Cow<'_, str>> {
        match self {
            Self::Blank => line.split_ascii_whitespace().map(Cow::Borrowed).collect(),
            Self::Tab => line.split('\t').map(Cow::Borrowed).collect(),
            Self::Comma => quoted(line, ','),
            Self::Semicolon => quoted(line, ';'),
        }
    }
}

/// The fields of a line of CSV. Linear.
fn quoted(line: &str, separator: char) -> Vec<Cow<'_, str>> {
    if !line.contains('"') {
        return line.split(separator).map(|field| Cow::Borrowed(field.trim())).collect();
    }
    let (mut fields, mut field, mut inside) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if inside && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => inside = !inside,
            c if c == separator && !inside => fields.push(Cow::Owned(std::mem::take(&mut field))),
            c => field.push(c),
        }
    }
    fields.push(Cow::Owned(field));
    fields
}

fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let Some(layout) = Layout::of(source.text) else { return Ok(()) };
    found.name(layout.name);
    let tables = found.tables.clone();
    for (i, line) in source.text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let fields = layout.split.fields(line);
        let field = |role: Role| layout.field(&fields, role);
        let Some(target) = layout.target(&tables, &fields) else { continue };
        let caller = Caller {
            ip: field(Role::Ip),
            user: field(Role::User),
            device: field(Role::Device),
            process: field(Role::Process),
            ..Caller::default()
        };
        let Some(caller_asset) = caller.asset() else { continue };
        let evidence = source.line(i as u64 + 1).excerpt(layout.name);
        let time = Some(field(Role::Time)).filter(|time| !time.is_empty());
        let blocked = is_blocked(field(Role::Action));
        let call = Call { source: caller_asset, target, model: None, time, blocked };
        let (id, _) = call.tell(&evidence, found);
        note_of(id.as_str(), "processes", caller.process, found);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{relations, text};
    use super::*;

    #[test]
    fn columns_of_many_makes() {
        for (log, relation) in [
            (
                "1700000000.123   200 10.0.0.5 TCP_TUNNEL/200 5120 CONNECT api.openai.com:443 ann HIER_DIRECT/203.0.113.1 -\n",
                "user:ann invokes ai-provider:openai",
            ),
            (
                "#Version: 1.0\n#Fields: date time c-ip cs-username cs-method cs-host cs-uri-stem\n2025-01-01 00:00:00 10.0.0.5 - POST api.anthropic.com /v1/messages\n",
                "ip:10.0.0.5 invokes ai-provider:anthropic",
            ),
            (
                "#separator \\x09\n#fields\tts\tuid\tid.orig_h\tid.resp_h\tid.resp_p\tquery\n1700000000.0\tC1\t10.0.0.5\t10.0.0.1\t53\tapi.groq.com\n",
                "ip:10.0.0.5 invokes ai-provider:groq",
            ),
            (
                "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n2 111111111111 eni-1 10.0.0.5 10.0.0.6 4000 11434 6 1 1 1700000000 1700000060 ACCEPT OK\n",
                "ip:10.0.0.5 invokes http://10.0.0.6:11434",
            ),
            (
                "2 111111111111 eni-1 10.0.0.5 10.0.0.6 4000 6333 6 1 1 1700000000 1700000060 ACCEPT OK\n",
                "ip:10.0.0.5 invokes http://10.0.0.6:6333",
            ),
            (
                "\"2025-01-01 00:00:00\",\"ann@acme.test\",\"ann\",\"10.0.0.5\",\"203.0.113.5\",\"Allowed\",\"1 (A)\",\"NOERROR\",\"chatgpt.com.\",\"AI\"\n",
                "user:ann@acme.test invokes ai-provider:chatgpt",
            ),
            (
                "Time,User,ClientIP,URL,Action,\"App, Class\"\n2025-01-01,ann@acme.test,10.0.0.5,claude.ai/chat,Allowed,\"a, b\"\n",
                "user:ann@acme.test invokes ai-provider:claude",
            ),
        ] {
            let found = text("x.log", log);
            assert_eq!(relations(&found), [relation], "{log}");
            assert!(found.inventory.relations().all(|r| r.evidence[0].line.is_some()));
        }
    }

    #[test]
    fn tables_of_other_things() {
        for text in [
            "name,email,url\na,b,https://api.openai.com\n",
            "a,b,c\n1,2,3\n",
            "time,user,client_ip,query\nt,ann,10.0.0.5,select 1\n",
            "# Title\n\ntext\n",
            "",
            "user,arn,mfa_active\nx,y,z\n",
        ] {
            assert!(!(COLUMNS.matches)(&Source { path: "x.csv", text }), "{text}");
        }
    }
}
