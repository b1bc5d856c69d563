//! Calls into the core: on libuv's pool for promises, on the caller's thread for `…Sync`; errors on both.

use aispm_core::{Error, Result};
use napi::bindgen_prelude::{AsyncTask, JsObjectValue, JsValue, ToNapiValue, TypeName};
use napi::{Env, Status, Task};

/// A call whose result becomes a promise's value.
pub struct Call<T>(Option<Box<dyn FnOnce() -> Result<T> + Send>>);

impl<T> std::fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("done", &self.0.is_none()).finish()
    }
}

/// A promise of what `f` gives.
pub(crate) fn promise<T>(f: impl FnOnce() -> Result<T> + Send + 'static) -> AsyncTask<Call<T>>
where
    T: Send + ToNapiValue + TypeName + 'static,
{
    AsyncTask::new(Call(Some(Box::new(f))))
}

/// The result or, as an exception, the error.
pub(crate) fn sync<T>(env: &Env, result: Result<T>) -> napi::Result<T> {
    result.map_err(|error| raise(env, &error))
}

impl<T: Send + ToNapiValue + TypeName + 'static> Task for Call<T> {
    type Output = Result<T>;
    type JsValue = T;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        match self.0.take() {
            Some(f) => Ok(f()),
            None => Err(napi::Error::from_status(Status::GenericFailure)),
        }
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<T> {
        sync(&env, output)
    }
}

/// The core's error as a JavaScript `Error` with `name`, `code` and, where known, `path` and `line`.
fn raise(env: &Env, error: &Error) -> napi::Error {
    let build = || {
        let mut object = env.create_error(napi::Error::new(Status::GenericFailure, error.to_string()))?;
        object.set_named_property("name", "AispmError")?;
        object.set_named_property("code", error.kind.code())?;
        if let Some(path) = &error.path {
            object.set_named_property("path", path.display().to_string())?;
        }
        if let Some(line) = error.line.and_then(|line| u32::try_from(line).ok()) {
            object.set_named_property("line", line)?;
        }
        Ok(napi::Error::from(object.to_unknown()))
    };
    build().unwrap_or_else(|failed: napi::Error| failed)
}
