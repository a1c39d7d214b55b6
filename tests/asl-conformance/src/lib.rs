//! Compares the engine with AWS.
