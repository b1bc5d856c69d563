//! TODO room guard
