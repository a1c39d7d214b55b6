//! A person's token at the moment of use: fetched from the vault, refreshed when it is about to run out.
