//! RBAC, small.
