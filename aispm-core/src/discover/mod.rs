//! TODO room discover
