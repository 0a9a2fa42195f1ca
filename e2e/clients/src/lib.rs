//! Real clients against a running Berth.
