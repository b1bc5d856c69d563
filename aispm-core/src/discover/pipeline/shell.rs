//! Shell scripts of steps as simple commands. Not a shell: quotes keep words together, nothing is expanded.

/// Words that stand before a command and change nothing of what it is.
const BEFORE: &[&str] = &[
    "sudo", "time", "exec", "nohup", "env", "then", "do", "else", "if", "!", "poetry", "uv", "uvx", "pipx", "pipenv",
    "npx", "pnpx", "bunx", "hatch", "pdm", "rye", "conda", "mamba", "xvfb-run", "eval", "command", "{", "(",
];

/// The simple commands of a script, each as words, with the line of the script (from 0) that each starts on. Linear.
pub(super) fn commands(script: &str) -> Vec<(u64, Vec<String>)> {
    let mut found = Vec::new();
    let (mut words, mut word, mut started) = (Vec::new(), String::new(), false);
    let (mut line, mut first) = (0_u64, 0_u64);
    let mut chars = script.chars().peekable();
    let mut quote = None;
    let mut end = |words: &mut Vec<String>, first: u64| {
        let command = strip(std::mem::take(words));
        if !command.is_empty() {
            found.push((first, command));
        }
    };
    while let Some(c) = chars.next() {
        if c == '\n' {
            line += 1;
        }
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('"'), '\\') => word.extend(chars.next()),
            (Some(_), _) => word.push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                started = true;
            }
            (None, '\\') => match chars.next() {
                Some('\n') => line += 1,
                Some(other) => word.push(other),
                None => {}
            },
            (None, '#') if word.is_empty() && !started => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
            }
            (None, c) if c.is_whitespace() || matches!(c, ';' | '|' | '&') => {
                if !word.is_empty() || started {
                    if words.is_empty() {
                        first = if c == '\n' { line.saturating_sub(1) } else { line };
                    }
                    words.push(std::mem::take(&mut word));
                    started = false;
                }
                if matches!(c, '\n' | ';' | '|' | '&') {
                    end(&mut words, first);
                }
            }
            (None, c) => word.push(c),
        }
    }
    if !word.is_empty() || started {
        if words.is_empty() {
            first = line;
        }
        words.push(word);
    }
    end(&mut words, first);
    found
}

/// The command without what stands before it: assignments, `sudo`, `poetry run`, `python -m`.
fn strip(words: Vec<String>) -> Vec<String> {
    let mut skip = 0;
    while let Some(word) = words.get(skip) {
        let assigned = word
            .split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        let runner = skip > 0 && matches!(word.as_str(), "run" | "-y" | "--yes" | "--" | "tool" | "--with" | "-n");
        let module =
            matches!(word.as_str(), "python" | "python3") && words.get(skip + 1).is_some_and(|next| next == "-m");
        // `uv pip install` is pip's, `conda env create` conda's own
        let own = matches!(word.as_str(), "poetry" | "uv" | "conda" | "mamba" | "hatch" | "pdm")
            && !words.get(skip + 1).is_some_and(|next| matches!(next.as_str(), "run" | "pip" | "tool"));
        if module {
            skip += 2;
        } else if assigned || runner || BEFORE.contains(&word.as_str()) && !own {
            skip += 1;
        } else {
            break;
        }
    }
    words.into_iter().skip(skip).collect()
}

/// The value of the first of these flags that is set: `--name x` or `--name=x`.
pub(super) fn flag<'a>(words: &'a [String], flags: &[impl AsRef<str>]) -> Option<&'a str> {
    flags.iter().map(AsRef::as_ref).find_map(|flag| {
        words.iter().enumerate().find_map(|(i, word)| {
            let joined = word.strip_prefix(flag).and_then(|rest| rest.strip_prefix('='));
            joined.or_else(|| (word == flag).then(|| words.get(i + 1).map(String::as_str)).flatten())
        })
    })
}

/// The word at a place (from 1) among those that are neither a flag nor, as far as can be told, its value.
pub(super) fn positional(words: &[String], place: usize) -> Option<&str> {
    /// Flags without a value.
    const BARE: &[&str] =
        &["--install", "-i", "--wait", "--atomic", "--force", "--record", "--debug", "--create-namespace"];
    let mut count = 0;
    let mut value = false;
    for word in words {
        if word.starts_with('-') && word.len() > 1 {
            value = !word.contains('=') && !BARE.contains(&word.as_str());
        } else if value {
            value = false;
        } else {
            count += 1;
            if count == place {
                return Some(word);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_simple_commands() {
        let script = "set -e # x\nFOO=1 sudo pip install \\\n  'a b' && poetry run pytest -q | tee log\npython -m vllm.x \"q;r\"\n";
        let have: Vec<(u64, String)> =
            commands(script).into_iter().map(|(line, words)| (line, words.join(","))).collect();
        let want = [(0, "set,-e"), (1, "pip,install,a b"), (2, "pytest,-q"), (2, "tee,log"), (3, "vllm.x,q;r")];
        assert_eq!(have, want.map(|(line, words)| (line, words.to_owned())));
    }

    #[test]
    fn flags_and_places() {
        let words: Vec<String> = "--install web ./chart -n prod --set a=b".split(' ').map(str::to_owned).collect();
        assert_eq!(positional(&words, 2), Some("./chart"));
        assert_eq!(flag(&words, &["--namespace", "-n"]), Some("prod"));
        assert_eq!(flag(&["--a=b".to_owned()], &["--a"]), Some("b"));
    }
}
