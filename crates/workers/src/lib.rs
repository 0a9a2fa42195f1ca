//! Background duties: import, export, garbage collection, expiry of uploads, scrub.
