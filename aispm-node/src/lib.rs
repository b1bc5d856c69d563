//! Node binding of `aispm`: convert, call, convert.
