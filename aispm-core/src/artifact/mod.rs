//! TODO room artifact
