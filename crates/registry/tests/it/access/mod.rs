//! Accounts over a real database: who gets in, with what, and who decides.

mod advisories;
mod audit;
mod delegation;
mod directory;
mod emptied;
mod enumeration;
mod forged;
mod gone;
mod house;
mod issue;
mod keyless;
mod keys;
mod login;
mod policy_file;
mod revocation;
mod setup;
mod sources;
mod throttle;
