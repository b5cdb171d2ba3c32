//! Runs that are looked at while they go on.

mod page;
mod support;
mod terminal;
