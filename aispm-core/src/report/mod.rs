//! TODO room report
