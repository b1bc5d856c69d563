//! Run-time decisions on messages and tool calls.
