//! From arguments to files: folders walked in name order, links followed, loops and dangling links reported.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::Unread;

/// Folders that hold other people's code or machine state.
const PRUNED: &[&str] =
    &[".git", ".hg", ".svn", "node_modules", ".venv", "venv", "__pycache__", "target", ".terraform"];

/// The files below the arguments, in argument and name order, and what could not be walked.
pub(super) fn files<P: AsRef<Path>>(arguments: impl IntoIterator<Item = P>) -> (Vec<PathBuf>, Vec<Unread>) {
    let (mut files, mut unread) = (Vec::new(), Vec::new());
    for argument in arguments {
        let walk = WalkDir::new(&argument).follow_links(true).sort_by_file_name().max_depth(64);
        let kept = walk.into_iter().filter_entry(|entry| {
            let pruned = entry.file_type().is_dir() && entry.file_name().to_str().is_some_and(|n| PRUNED.contains(&n));
            entry.depth() == 0 || !pruned
        });
        for entry in kept {
            match entry {
                Ok(entry) if entry.file_type().is_file() => files.push(entry.into_path()),
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) => unread.push(Unread {
                    path: entry.path().display().to_string(),
                    reason: "not a regular file".to_owned(),
                    critical: false,
                }),
                Err(error) => unread.push(unwalked(&error)),
            }
        }
    }
    (files, unread)
}

fn unwalked(error: &walkdir::Error) -> Unread {
    let path = error.path().map(|path| path.display().to_string()).unwrap_or_default();
    let dangling = error.io_error().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound) && error.depth() > 0;
    let reason = match (error.loop_ancestor(), error.io_error()) {
        (Some(above), _) => format!("link back to {}", above.display()),
        (None, _) if dangling => "link to a file that does not exist".to_owned(),
        (None, Some(io)) => io.to_string(),
        (None, None) => error.to_string(),
    };
    // a folder or argument that cannot be opened may hold anything; a dead link or a loop holds nothing new
    Unread { path, reason, critical: error.loop_ancestor().is_none() && !dangling }
}
