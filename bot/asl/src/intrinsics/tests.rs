//! Facts about intrinsic functions.
