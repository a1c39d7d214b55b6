//! Facts about JSONata expressions.
