//! Facts about paths.
