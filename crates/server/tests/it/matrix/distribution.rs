//! The matrix of the distribution protocol and the token endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use testkit::{Answer, Request};
use tokio::task::JoinSet;

use super::callers::{House, Logins, repository};
use super::line::{Line, seen};
use super::rights::{CALLERS, Place, Proof, Who};
use super::rows::{METHODS, Need, ROWS, need};
use super::stage::{At, Stage};
use super::tries::{Try, WITHIN, WITHOUT};

/// Connections that ask at the same time.
const AT_ONCE: usize = 4;

/// How an answer asks the client to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    No,
    /// Without a word about what was sent.
    First,
    Invalid,
    Insufficient,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Expected {
    status: u16,
    asks: Asks,
    changes: bool,
}

impl Expected {
    fn plain(status: u16) -> Self {
        Self { status, asks: Asks::No, changes: false }
    }

    fn asking(asks: Asks) -> Self {
        Self { status: 401, asks, changes: false }
    }
}

/// What the manual says about this case.
fn expected(who: &Who, what: Try, method: &str, place: Option<Place>) -> Expected {
    let route = what.route();
    let row = ROWS.iter().find(|row| row.path == route).unwrap();
    let is_free = row.needs.iter().any(|(_, need)| matches!(need, Need::Free | Need::Own));
    let known = match who.proof {
        Proof::None => Some(Expected::asking(Asks::First)),
        Proof::Void => Some(Expected::asking(Asks::Invalid)),
        Proof::Password | Proof::Token => None,
    };
    let Some(need) = need(route, method) else {
        let status = if method == "OPTIONS" { 200 } else { 405 };
        return known.filter(|_| !is_free).unwrap_or(Expected::plain(status));
    };
    let rights = place.map_or("", |place| who.rights[place as usize]);
    let letter = match need {
        Need::Free => return Expected::plain(200),
        Need::Own => return by_itself(who, what, method),
        _ if who.proof == Proof::Void => return Expected::asking(Asks::Invalid),
        Need::Any => return Expected::plain(301),
        Need::Known => return known.unwrap_or(Expected::plain(200)),
        Need::Catalog => {
            return match who.proof {
                Proof::Token => Expected::asking(Asks::Insufficient),
                _ => known.unwrap_or(Expected::plain(200)),
            };
        }
        Need::Pull => 'p',
        Need::Push => 'w',
        Need::Delete => 'd',
    };
    if rights.contains(letter) {
        return allowed(who, what, method, place.unwrap());
    }
    match who.proof {
        Proof::None => Expected::asking(Asks::First),
        Proof::Password => Expected::plain(403),
        _ => Expected::asking(Asks::Insufficient),
    }
}

/// The endpoints that decide by themselves.
fn by_itself(who: &Who, what: Try, method: &str) -> Expected {
    match (what, method) {
        // Whoever proves nothing wrong gets a token; a token gets nobody another.
        (Try::Token, "GET") => match who.proof {
            Proof::None | Proof::Password => Expected::plain(200),
            Proof::Token | Proof::Void => Expected::asking(Asks::Invalid),
        },
        (Try::Token | Try::Exchange, _) => Expected::asking(Asks::Invalid),
        // No such provider.
        _ => Expected::plain(404),
    }
}

/// What becomes of it once it is allowed.
fn allowed(who: &Who, what: Try, method: &str, place: Place) -> Expected {
    let may_move = who.rights[place as usize].contains('o');
    let reads = |place: Place| who.rights[place as usize].contains('p');
    let there = place.exists();
    let changing = |status| Expected { changes: true, ..Expected::plain(status) };
    match (what, method) {
        (Try::Referrers | Try::DiscoverBelow, _) => Expected::plain(200),
        (Try::Tags | Try::Tag | Try::Manifest | Try::Blob, "GET" | "HEAD") => {
            Expected::plain(if there { 200 } else { 404 })
        }
        (Try::NewTag | Try::Manifest, "PUT") => changing(201),
        (Try::SameTag, _) if there => Expected::plain(201),
        (Try::SameTag, _) => changing(201),
        // Moving a tag is more than pushing. Another login would not help.
        (Try::MovedTag | Try::TagByDigest, "PUT") if there && !may_move => Expected::plain(403),
        (Try::MovedTag | Try::TagByDigest, "PUT") => changing(201),
        (Try::MovedTag | Try::Manifest | Try::Blob, "DELETE") if there => changing(202),
        (Try::MovedTag | Try::Manifest | Try::Blob, "DELETE") => Expected::plain(404),
        (Try::Open, _) => Expected::plain(202),
        (Try::Whole, _) => changing(201),
        // What may not be read is as unknown as what is not there.
        (Try::MountOwn, _) if reads(Place::Own) => changing(201),
        (Try::MountOthers | Try::MountAnywhere, _)
            if reads(Place::Others) && who.proof == Proof::Password =>
        {
            changing(201)
        }
        (Try::MountOwn | Try::MountOthers | Try::MountAnywhere, _) => Expected::plain(202),
        (Try::Upload, "GET" | "HEAD") => Expected::plain(204),
        (Try::Upload, "PATCH") => changing(202),
        (Try::Upload, "PUT") => changing(201),
        (Try::Upload, "DELETE") => changing(204),
        _ => panic!("nothing is written down about {what:?} {method}"),
    }
}

fn asks(answer: &Answer) -> Asks {
    let Some(challenge) = answer.header("www-authenticate") else { return Asks::No };
    let start = "Bearer realm=\"http://registry.test/auth/token\",service=\"berth\"";
    assert!(challenge.starts_with(start), "{challenge}");
    match challenge.split_once(",error=").map(|(_, error)| error) {
        None => Asks::First,
        Some("\"invalid_token\"") => Asks::Invalid,
        Some("\"insufficient_scope\"") => Asks::Insufficient,
        Some(other) => panic!("{other}"),
    }
}

/// One caller at all routes.
struct Round {
    logins: Arc<Logins>,
    number: usize,
    stage: Stage,
    line: Line,
    cases: usize,
    wrong: Vec<String>,
}

impl Round {
    fn who(&self) -> &'static Who {
        &CALLERS[self.number]
    }

    async fn all(mut self) -> (usize, Vec<String>) {
        for what in WITHOUT {
            for method in what.methods() {
                self.case(what, method, None).await;
            }
        }
        for what in WITHIN {
            for method in what.methods() {
                // Those who may not do it see the same everywhere.
                let mut refused: BTreeMap<String, Vec<Place>> = BTreeMap::new();
                for place in Place::ALL {
                    let (expected, seen) = self.case(what, method, Some(place)).await;
                    if matches!(expected.status, 401 | 403 | 405) && !moves_a_tag(what, expected) {
                        refused.entry(seen).or_default().push(place);
                    }
                }
                if refused.len() > 1 {
                    let name = self.who().name;
                    self.wrong.push(format!("{name}: {what:?} {method} tells apart {refused:#?}"));
                }
            }
        }
        (self.cases, self.wrong)
    }

    async fn case(&mut self, what: Try, method: &str, place: Option<Place>) -> (Expected, String) {
        self.cases += 1;
        let who = self.who();
        let number = self.number * 10_000 + self.cases;
        let name = place.map_or_else(String::new, |it| repository(it, self.number, what, method));
        let is_there = place.is_some_and(Place::exists);
        let at = At { repository: &name, is_there, case: number };
        let prepared = self.stage.prepare(what, method, &at).await;
        let before = self.stage.state(&name, &prepared).await;
        let login = self.logins[who.name].as_deref();
        let answer = self.line.send(prepared.request.clone(), login).await;
        let after = self.stage.state(&name, &prepared).await;
        let expected = expected(who, what, method, place);
        let changes = before != after;
        let got = Expected { status: answer.status, asks: asks(&answer), changes };
        if got != expected {
            let place = place.map_or_else(String::new, |place| format!("at {place:?} "));
            self.wrong.push(format!(
                "{}: {what:?} {method} {place}is {got:?}, not {expected:?}",
                who.name
            ));
        }
        if answer.status == 405 && answer.header("allow").is_none() {
            self.wrong.push(format!("{what:?} {method}: 405 without Allow"));
        }
        (expected, if name.is_empty() { String::new() } else { seen(&answer, &name) })
    }
}

/// Whoever pushes may know which tags there are.
fn moves_a_tag(what: Try, expected: Expected) -> bool {
    matches!(what, Try::MovedTag | Try::TagByDigest) && expected.status == 403
}

#[test]
fn every_route_is_tried_with_every_method() {
    for row in ROWS {
        let tries = WITHOUT.into_iter().chain(WITHIN).filter(|what| what.route() == row.path);
        let tried: Vec<_> = tries.flat_map(Try::methods).collect();
        for method in &METHODS {
            assert!(tried.contains(&method), "{method} {} is not tried", row.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c1_every_caller_gets_at_every_route_what_the_manual_says() {
    let mut house = House::new().await;
    let logins = Arc::new(std::mem::take(&mut house.logins));
    let mut running = JoinSet::new();
    let (mut cases, mut wrong) = (0, Vec::new());
    for number in 0..CALLERS.len() {
        let line = Line::new(house.registry.address());
        let stage = house.stage();
        let logins = logins.clone();
        let round = Round { logins, number, stage, line, cases: 0, wrong: Vec::new() };
        running.spawn(round.all());
        if running.len() == AT_ONCE {
            gather(&mut running, &mut cases, &mut wrong).await;
        }
    }
    while !running.is_empty() {
        gather(&mut running, &mut cases, &mut wrong).await;
    }
    let shown: Vec<_> = wrong.iter().take(60).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {cases}:\n{}", wrong.len(), shown.join("\n"));
    assert!(cases > 5_000, "{cases}");
}

async fn gather(
    running: &mut JoinSet<(usize, Vec<String>)>,
    cases: &mut usize,
    wrong: &mut Vec<String>,
) {
    let (more, problems) = running.join_next().await.unwrap().unwrap();
    *cases += more;
    wrong.extend(problems);
}

/// The list of repositories shows what its reader may pull, however they come.
#[tokio::test]
async fn the_catalog_shows_what_its_reader_may_pull() {
    let house = House::new().await;
    let mut wrong = Vec::new();
    for who in CALLERS {
        let login = match who.proof {
            Proof::Password => house.logins[who.name].as_deref(),
            Proof::Token => match house.catalog.get(who.name) {
                Some(login) => Some(login.as_str()),
                None => continue,
            },
            Proof::None | Proof::Void => continue,
        };
        let mut line = Line::new(house.registry.address());
        let answer = line.send(Request::new("GET", "/v2/_catalog"), login).await;
        if who.name.starts_with("nobody") {
            assert_eq!(answer.status, 401, "{}", who.name);
            continue;
        }
        let list = answer.expect(200).json();
        let shown: Vec<_> =
            list["repositories"].as_array().unwrap().iter().filter_map(|it| it.as_str()).collect();
        let there = Place::ALL.into_iter().filter(|place| place.exists());
        let readable = there.filter(|place| who.rights[*place as usize].contains('p'));
        let mut readable: Vec<_> =
            readable.map(|place| format!("{}/is-here", place.namespace())).collect();
        readable.sort();
        if shown != readable {
            wrong.push(format!("{}: {shown:?}, not {readable:?}", who.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
