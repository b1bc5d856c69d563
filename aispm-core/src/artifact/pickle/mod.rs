//! Pickles: a machine that follows what Python would do, with symbols for values, and judges each call.

mod callable;
mod judge;
mod machine;
mod opcode;
mod stream;
mod texts;
mod value;

pub(super) use callable::{Callables, Grade, Standing};
pub(super) use stream::{hidden, scan, starts};
pub(crate) use texts::texts;
