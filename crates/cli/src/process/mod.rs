//! What a process is to the machine: its locks, its user, its signals.

pub(crate) mod audit_places;
pub(crate) mod checks;
pub(crate) mod control;
pub(crate) mod copies;
pub(crate) mod freeze;
pub(crate) mod listen;
pub(crate) mod lock;
pub(crate) mod measure;
pub(crate) mod owner;
pub(crate) mod privileges;
pub(crate) mod signals;
pub(crate) mod skew;
