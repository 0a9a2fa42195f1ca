//! Who may do what where, in the words of the manual: written by hand, row by
//! row, and asked of nothing that the server uses.
//!
//! `p` pull, `w` push new tags, `o` move tags, `d` delete.

/// A kind of repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// `mine/…`: where the grants are. Private.
    Own,
    /// `open/…`: public.
    Public,
    /// `team/…`: internal.
    Internal,
    /// `them/…`: another tenant's. Private.
    Others,
    /// Nothing is there, below `mine/`.
    AbsentOwn,
    /// Nothing is there, below `them/`.
    AbsentOthers,
}

impl Place {
    pub(super) const ALL: [Self; 6] = [
        Self::Own,
        Self::Public,
        Self::Internal,
        Self::Others,
        Self::AbsentOwn,
        Self::AbsentOthers,
    ];

    pub(super) fn namespace(self) -> &'static str {
        match self {
            Self::Own | Self::AbsentOwn => "mine",
            Self::Public => "open",
            Self::Internal => "team",
            Self::Others | Self::AbsentOthers => "them",
        }
    }

    pub(super) fn exists(self) -> bool {
        !matches!(self, Self::AbsentOwn | Self::AbsentOthers)
    }
}

/// How a caller proves who they are: decides what a refusal looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// No proof.
    None,
    /// A password, a robot's secret or a personal token, with each request.
    Password,
    /// A token of the token endpoint, somebody's or nobody's.
    Token,
    /// Something that proves nothing, or nothing any more.
    Void,
}

/// A caller with their rights at each place, in the order of [`Place::ALL`].
pub(super) struct Who {
    pub name: &'static str,
    pub proof: Proof,
    pub rights: [&'static str; 6],
}

const fn who(name: &'static str, proof: Proof, rights: [&'static str; 6]) -> Who {
    Who { name, proof, rights }
}

const NOTHING: [&str; 6] = [""; 6];
const ALL: [&str; 6] = ["pwod"; 6];

use Proof::{None as Nobody, Password, Token, Void};

/// Every caller. The words before the first `/` are who it is, those behind it
/// how they come.
#[rustfmt::skip]
pub(super) const CALLERS: &[Who] = &[
    //                                          own     public internal others absent absent at others
    who("nobody", Nobody, ["", "p", "", "", "", ""]),
    who("nobody/empty login", Nobody, ["", "p", "", "", "", ""]),
    who("nobody/token", Token, ["", "p", "", "", "", ""]),
    who("stranger/password", Password, ["", "p", "p", "pwod", "", "pwod"]),
    who("stranger/token", Token, ["", "p", "p", "pwod", "", "pwod"]),
    who("puller/password", Password, ["p", "p", "p", "", "p", ""]),
    who("puller/token", Token, ["p", "p", "p", "", "p", ""]),
    who("pusher/password", Password, ["pw", "p", "p", "", "pw", ""]),
    who("pusher/token", Token, ["pw", "p", "p", "", "pw", ""]),
    who("mover/password", Password, ["pwo", "p", "p", "", "pwo", ""]),
    who("mover/token", Token, ["pwo", "p", "p", "", "pwo", ""]),
    who("deleter/password", Password, ["pd", "p", "p", "", "pd", ""]),
    who("deleter/token", Token, ["pd", "p", "p", "", "pd", ""]),
    who("owner/password", Password, ["pwod", "p", "p", "", "pwod", ""]),
    who("owner/token", Token, ["pwod", "p", "p", "", "pwod", ""]),
    who("owner/whole personal token", Password, ["pwod", "p", "p", "", "pwod", ""]),
    who("owner/personal token to pull", Password, ["p", "p", "p", "", "p", ""]),
    who("owner/token by the one to pull", Token, ["p", "p", "p", "", "p", ""]),
    who("member/password", Password, ["pwod", "p", "p", "", "pwod", ""]),
    who("member/token", Token, ["pwod", "p", "p", "", "pwod", ""]),
    who("root/password", Password, ALL),
    who("root/token", Token, ALL),
    who("root/token to pull", Token, ["p"; 6]),
    who("root/token to push", Token, ["pwo"; 6]),
    who("root/token to delete", Token, ["d"; 6]),
    who("root/token for elsewhere", Token, NOTHING),
    who("root/token for nothing", Token, NOTHING),
    // A token is a ceiling: outside of its pattern it is good for nothing.
    who("root/personal token for mine", Password, ["p", "", "", "", "p", ""]),
    // Robots are not among those who are signed in.
    who("robot/secret", Password, ["pwo", "p", "", "", "pwo", ""]),
    who("robot/token", Token, ["pwo", "p", "", "", "pwo", ""]),
    who("fallen/password", Password, ["", "p", "p", "", "", ""]),
    who("fallen/token from before", Token, ["", "p", "p", "", "", ""]),
    who("reborn/password", Password, ["", "p", "p", "", "", ""]),
    who("reborn/token from before", Void, NOTHING),
    who("disabled/personal token", Void, NOTHING),
    who("disabled/token from before", Void, NOTHING),
    who("removed/personal token", Void, NOTHING),
    who("removed/token from before", Void, NOTHING),
    who("late robot/secret", Void, NOTHING),
    who("late robot/token from before", Void, NOTHING),
    who("root/token for a foreign audience", Void, NOTHING),
    who("root/token for a foreign use", Void, NOTHING),
    who("owner/personal token as a token", Void, NOTHING),
    who("owner/refresh token as a token", Void, NOTHING),
    who("anybody/other scheme", Void, NOTHING),
    who("anybody/nonsense as a token", Void, NOTHING),
];
