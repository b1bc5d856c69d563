//! TODO room assess
