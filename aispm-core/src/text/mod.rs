//! TODO room text
