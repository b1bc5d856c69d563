//! The user's own ONNX Runtime, loaded once a process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::LoadDynamicError;
use ort::environment::Environment;

use crate::asset::{Error, ErrorKind, Result};

/// The oldest ONNX Runtime that will do, as the middle number of its version.
const OLDEST: u32 = ort::MINOR_VERSION;

/// The variable that names the library.
const VARIABLE: &str = "ORT_DYLIB_PATH";

const HOW_TO_INSTALL: &str = "`pip install onnxruntime` or `npm install onnxruntime-node`";

static LOADED: Mutex<Loaded> = Mutex::new(Loaded::Nothing);
static DEFAULT: Mutex<Option<PathBuf>> = Mutex::new(None);

/// What came of loading.
#[derive(Debug)]
enum Loaded {
    Nothing,
    Runtime(Runtime),
    /// `ort` takes a library that it refused for loaded, and would read memory that was never written.
    Refused(PathBuf),
}

/// ONNX Runtime, of which a process has one.
#[derive(Debug, Clone)]
pub struct Runtime {
    path: PathBuf,
    pub(super) environment: Environment,
}

impl Runtime {
    /// Loads this shared library: 1.24 or later, as the Python package `onnxruntime` and the npm package
    /// `onnxruntime-node` bring it. Loading a library runs its code: name one that you trust.
    ///
    /// # Errors
    /// `unreadable` if there is no such library, `invalid` if it is not ONNX Runtime or too old, `usage` if this
    /// process holds another, or has tried to load one that was not ONNX Runtime or too old.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let full = path.canonicalize().map_err(|error| missing(path, &error.to_string()))?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        match &*loaded {
            Loaded::Runtime(runtime) if runtime.path == full => Ok(runtime.clone()),
            Loaded::Runtime(runtime) => {
                let message = format!(
                    "this process has loaded the ONNX Runtime {} already, and can hold one: name the same everywhere",
                    runtime.path.display()
                );
                Err(Error::new(ErrorKind::Usage, message).at(path))
            }
            Loaded::Refused(other) => {
                let message = format!(
                    "this process could not load {} as ONNX Runtime, and cannot try again: restart it with another library",
                    other.display()
                );
                Err(Error::new(ErrorKind::Usage, message).at(path))
            }
            Loaded::Nothing => {
                let builder = ort::init_from(&full).map_err(|error| {
                    *loaded = Loaded::Refused(full.clone());
                    refused(path, &error)
                })?;
                let environment = builder.with_name("aispm").with_telemetry(false).build();
                let environment = environment.map_err(|error| Error::new(ErrorKind::Usage, error.to_string()))?;
                let runtime = Self { path: full, environment };
                *loaded = Loaded::Runtime(runtime.clone());
                Ok(runtime)
            }
        }
    }

    /// Loads what `ORT_DYLIB_PATH` names, else the default of [`set_default`](Self::set_default).
    ///
    /// # Errors
    /// As [`load`](Self::load); `usage` if neither names a library.
    pub fn find() -> Result<Self> {
        let default = || DEFAULT.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let named = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        let path = named.or_else(default).ok_or_else(|| {
            let message = format!("no ONNX Runtime library: {HOW_TO_INSTALL}, or name one, in `runtime` or {VARIABLE}");
            Error::new(ErrorKind::Usage, message)
        })?;
        Self::load(path)
    }

    /// The library for those who name none. Nothing is loaded yet.
    pub fn set_default(path: impl Into<PathBuf>) {
        *DEFAULT.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.into());
    }

    /// Where it was loaded from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn missing(path: &Path, why: &str) -> Error {
    let message = format!("no ONNX Runtime library here ({why}): {HOW_TO_INSTALL}, or name another");
    Error::new(ErrorKind::Unreadable, message).at(path)
}

pub(super) fn refused(path: &Path, error: &LoadDynamicError) -> Error {
    let message = match error {
        LoadDynamicError::Dlopen { error, .. } => return missing(path, &error.to_string()),
        LoadDynamicError::BadVersion { version_str, .. } => {
            format!("ONNX Runtime {version_str} is too old, 1.{OLDEST} or later is needed: upgrade it")
        }
        _ => format!("this library is not ONNX Runtime: {HOW_TO_INSTALL}, or name another"),
    };
    Error::new(ErrorKind::Invalid, message).at(path)
}
