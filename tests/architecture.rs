//! The house keeps its floors: a room imports only from lower ones, and only the command line may use the network.

#![allow(clippy::unwrap_used, clippy::string_slice, reason = "a test that cannot go on must stop")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each room and its floor, lowest first; see ARCHITECTURE.md.
const FLOORS: &[(&str, u8)] = &[
    ("asset", 1),
    ("text", 2),
    ("identity", 2),
    ("artifact", 3),
    ("supply", 3),
    ("discover", 4),
    ("path", 5),
    ("monitor", 5),
    ("policy", 6),
    ("assess", 7),
    ("report", 8),
    ("guard", 8),
    ("cli", 9),
];

/// What opens connections: of the standard library, whose address types are plain data, and well-known crates.
const SOCKETS: &[&str] = &[
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "ToSocketAddrs",
    "std::net::*",
    "socket2::",
    "tokio::net",
    "mio::",
    "hyper::",
    "reqwest::",
    "ureq::",
    "curl::",
    "attohttpc::",
    "isahc::",
];

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

#[test]
fn rooms_import_only_from_lower_floors() {
    let mut wrong = Vec::new();
    let mut imports = 0;
    for (room, file, code) in sources() {
        let Some(here) = floor(&room) else {
            wrong.push(format!("{}: the room {room} has no floor", file.display()));
            continue;
        };
        for other in rooms_named_in(&code) {
            imports += 1;
            match floor(&other) {
                _ if other == room => {}
                // items of the crate's root: `crate::SCHEMA`, `crate::Error`
                None if other.starts_with(char::is_uppercase) => {}
                None => wrong.push(format!("{}: crate::{other} is no room", file.display())),
                Some(there) if there >= here => {
                    wrong.push(format!("{}: {room} (floor {here}) imports {other} (floor {there})", file.display()));
                }
                Some(_) => {}
            }
        }
    }
    assert!(imports > 10, "the sources were not found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_command_line_may_use_the_network() {
    let wrong: Vec<String> = sources()
        .filter(|(room, _, code)| room != "cli" && SOCKETS.iter().any(|socket| code.contains(socket)))
        .map(|(_, file, _)| file.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "uses the network: {wrong:?}");
}

#[test]
fn imports_are_seen_in_every_form() {
    let code = "use crate::{\n    asset::{self, Error},\n    path::Step,\n};\nlet x = crate::guard::Guard::new();\n\
                pub(in crate::discover) fn f() {}\nuse crate::SCHEMA;\nuse not_crate::cli;";
    assert_eq!(rooms_named_in(code), ["asset", "path", "guard", "discover", "SCHEMA"]);
    assert_eq!(
        code_of("// crate::cli\na /* kept */\n  /// crate::cli\n#[cfg(test)]\nmod tests {\n crate::cli }"),
        "a /* kept */"
    );
}

/// Every source file of every room: the room, the file, its code.
fn sources() -> impl Iterator<Item = (String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files.into_iter().filter_map(move |file| {
        let below = file.strip_prefix(&root).unwrap();
        let room = below.components().next()?.as_os_str().to_str()?.trim_end_matches(".rs").to_owned();
        let is_test = file.file_stem().is_some_and(|stem| stem == "tests");
        if is_test || matches!(room.as_str(), "lib" | "bin") {
            return None;
        }
        let code = code_of(&fs::read_to_string(&file).unwrap());
        Some((room, below.to_path_buf(), code))
    })
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code without comment lines and without the test module, which stands last in a file.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// What follows each `crate::`, one name or the heads of a group.
fn rooms_named_in(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let after = &code[at + "crate::".len()..];
        match after.strip_prefix('{') {
            Some(group) => names.extend(heads(group)),
            None => names.extend(name(after)),
        }
    }
    names
}

/// The first name of each member of a group, up to its closing brace.
fn heads(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut at_head) = (0, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            c if at_head && !c.is_whitespace() => {
                names.extend(name(&group[at..]));
                at_head = false;
            }
            _ => {}
        }
    }
    names
}

fn name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}
