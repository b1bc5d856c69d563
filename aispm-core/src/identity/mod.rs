//! TODO room identity
