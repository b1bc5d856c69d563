//! TODO room path
