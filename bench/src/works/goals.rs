//! What each row is to show, on each kind of store.

use super::{Step, Traffic};
use crate::backing::StoreKind;
use crate::report::Goal;
use crate::seed::Kind;

pub(super) fn goals(step: Step, store: StoreKind) -> Vec<Goal> {
    match store {
        StoreKind::Files => on_files(step),
        StoreKind::Minio => on_a_bucket(step),
    }
}

fn on_files(step: Step) -> Vec<Goal> {
    match step {
        Step::Idle => vec![Goal::Absolute(20.0)],
        Step::Peak => vec![Goal::Absolute(64.0)],
        Step::Push { chunked: false } => vec![Goal::Peers(1.4)],
        Step::Pull => vec![Goal::Peers(1.0), Goal::Nginx(1.3)],
        Step::Manifest(16) => vec![Goal::Peers(3.0), Goal::Nginx(1.0)],
        Step::Head(_) | Step::WholeTagList | Step::Page(Kind::Tags, _) => vec![Goal::Peers(3.0)],
        Step::Blobs(16) => vec![Goal::Peers(1.0)],
        Step::Images(_) => vec![Goal::Peers(1.6)],
        _ => Vec::new(),
    }
}

fn on_a_bucket(step: Step) -> Vec<Goal> {
    match step {
        Step::Push { .. } | Step::Pull => vec![Goal::Peers(1.5)],
        Step::Blobs(_) | Step::Images(_) => vec![Goal::Peers(4.0)],
        Step::Calls(Traffic::Push { kibibytes: 8 } | Traffic::List(_)) => vec![Goal::Absolute(0.0)],
        Step::Calls(Traffic::Push { .. }) => vec![Goal::Absolute(3.0)],
        _ => Vec::new(),
    }
}
