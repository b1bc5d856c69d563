//! TODO room policy
