//! What a test says when it does not pass. A failure carries its sentence, so that the table at
//! the end can be read without a log.

/// Why a test did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The registry did something else than the rule says.
    Failed(String),
    /// The rule does not apply to this registry or this target; the text says why.
    Skipped(String),
}

/// What every test returns.
pub type Outcome = Result<(), Failure>;

pub(crate) fn failed(text: impl Into<String>) -> Failure {
    Failure::Failed(text.into())
}

pub(crate) fn skipped(text: impl Into<String>) -> Failure {
    Failure::Skipped(text.into())
}

/// Returns a failure with the given text unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::failure::failed(format!($($text)+)));
        }
    };
}
pub(crate) use ensure;
