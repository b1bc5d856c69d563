//! From arguments to files: folders walked in name order, links followed, loops and dangling links reported.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::Unread;

/// Folders that hold other people's code or machine state.
const PRUNED: &[&str] =
    &[".git", ".hg", ".svn", "node_modules", ".venv", "venv", "__pycache__", "target", ".terraform"];

/// Files that mark their folder as the root of a project.
const MANIFESTS: &[&str] = &[
    "package.json",
    "pyproject.toml",
    "requirements.txt",
    "setup.py",
    "setup.cfg",
    "Pipfile",
    "go.mod",
    "Cargo.toml",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "Gemfile",
];

/// What walking the arguments gave.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Files in argument and name order, each path once.
    pub(super) files: Vec<PathBuf>,
    /// Folders left out on purpose.
    pub(super) skipped: Vec<Unread>,
    /// What could not be walked.
    pub(super) unread: Vec<Unread>,
    /// How the files lie to each other.
    pub(super) tree: Tree,
}

/// The paths that were found, and which folders are projects.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: HashSet<String>,
    by_name: HashMap<String, Vec<String>>,
    projects: HashSet<String>,
}

impl Tree {
    /// The tree of these paths.
    pub(super) fn of<'p>(paths: impl IntoIterator<Item = &'p str>) -> Self {
        let mut tree = Self::default();
        paths.into_iter().for_each(|path| _ = tree.add(path));
        tree
    }

    /// Adds a file; whether it is new.
    fn add(&mut self, path: &str) -> bool {
        let new = self.files.insert(path.to_owned());
        if new {
            self.by_name.entry(file_name(path).to_owned()).or_default().push(path.to_owned());
            if MANIFESTS.contains(&file_name(path)) {
                self.projects.insert(parent(path).to_owned());
            }
        }
        new
    }

    /// Whether this path was among the files.
    pub(crate) fn holds(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    /// The file that a path relative to some folder below the arguments means, if exactly one fits.
    pub(crate) fn ending_in(&self, path: &str) -> Option<&str> {
        let mut fitting =
            self.by_name.get(file_name(path))?.iter().filter(|file| {
                file.strip_suffix(path).is_some_and(|before| before.is_empty() || before.ends_with('/'))
            });
        let file = fitting.next()?;
        fitting.next().is_none().then_some(file)
    }

    /// The folder of the project a file belongs to: the nearest one with a manifest, or the argument it lies below.
    pub(crate) fn project<'a>(&self, path: &'a str) -> &'a str {
        let mut folder = parent(path);
        loop {
            if self.projects.contains(folder) {
                return folder;
            }
            match folder.rsplit_once('/') {
                Some((above, _)) if !above.is_empty() => folder = above,
                _ => return parent(path),
            }
        }
    }
}

/// The folder part of a path, `.` where there is none.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The name of a folder, also of one given as `.` or `..`.
pub(super) fn folder_name(path: &str) -> String {
    let name = file_name(path);
    if !matches!(name, "" | "." | "..") {
        return name.to_owned();
    }
    let real = Path::new(path).canonicalize().ok();
    let name = real.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| path.to_owned())
}

/// Walks the arguments.
pub(super) fn walk<P: AsRef<Path>>(arguments: impl IntoIterator<Item = P>) -> Walk {
    let mut walk = Walk::default();
    for argument in arguments {
        let root = std::fs::canonicalize(&argument).ok();
        let mut entries = WalkDir::new(&argument).follow_links(true).sort_by_file_name().max_depth(64).into_iter();
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) if pruned(&entry) => {
                    entries.skip_current_dir();
                    let reason = "not walked: other people's code or machine state".to_owned();
                    walk.skipped.push(Unread { path: entry.path().display().to_string(), reason, critical: false });
                }
                Ok(entry) if leaves(&entry, root.as_deref()) => {
                    entries.skip_current_dir();
                    let reason = "link to a folder elsewhere; name that folder too if it belongs here".to_owned();
                    walk.unread.push(Unread { path: entry.path().display().to_string(), reason, critical: false });
                }
                Ok(entry) => walk.take(&entry),
                Err(error) => walk.unread.push(unwalked(&error)),
            }
        }
    }
    walk
}

impl Walk {
    fn take(&mut self, entry: &DirEntry) {
        let path = entry.path().display().to_string();
        if entry.file_type().is_dir() {
            if entry.depth() == 0 {
                self.tree.projects.insert(path.trim_end_matches('/').to_owned());
            }
        } else if !entry.file_type().is_file() {
            self.unread.push(Unread { path, reason: "not a regular file".to_owned(), critical: false });
        } else if self.tree.add(&path) {
            self.files.push(entry.path().to_path_buf());
        }
    }
}

fn pruned(entry: &DirEntry) -> bool {
    entry.depth() > 0
        && entry.file_type().is_dir()
        && entry.file_name().to_str().is_some_and(|name| PRUNED.contains(&name))
}

/// Whether this is a link to a folder outside the argument: one link to `/` must not mean the whole machine.
fn leaves(entry: &DirEntry, root: Option<&Path>) -> bool {
    let inside = || Some(std::fs::canonicalize(entry.path()).ok()?.starts_with(root?));
    entry.depth() > 0 && entry.path_is_symlink() && entry.file_type().is_dir() && inside() != Some(true)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_given_as_dots_has_a_name() {
        assert_eq!(folder_name("a/b"), "b");
        assert!(!matches!(folder_name(".").as_str(), "." | ""));
        assert_eq!(folder_name("no/such/.."), "no/such/..");
    }
}
