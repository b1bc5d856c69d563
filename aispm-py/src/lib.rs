//! Python binding of `aispm`: convert, call, convert.
