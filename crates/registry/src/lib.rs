//! Domain: push, pull, delete, access and the rules; knows no HTTP, SQL or disk.
