//! What is said on patterns, found without a search through all of it.
//!
//! A pattern stands under its stem, the path before its first `*`. Only what
//! stands under a name itself, or not exactly under a namespace above it, can
//! match the name: nothing else is looked at, however much there is. So whoever
//! fills a namespace makes decisions slower in that namespace alone, and no
//! stopwatch tells what is said on names that one may not see: a search from the
//! nearest on would end sooner for those that something is said on.

use std::collections::BTreeMap;
use std::ops::Bound;

use oci::RepositoryName;

use super::Pattern;
use super::pattern::Nearness;

/// What is said on patterns.
#[derive(Debug, Default)]
pub(super) struct Index<T> {
    /// The nearest first, then in the order in which they came.
    all: Vec<Entry<T>>,
    stems: BTreeMap<Box<str>, Stem>,
}

/// What is said on one pattern.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) pattern: Pattern,
    pub(super) nearness: Nearness,
    pub(super) what: T,
}

/// Places in `all` of the patterns of one stem, ascending.
#[derive(Debug, Default)]
struct Stem {
    exact: Vec<usize>,
    below: Vec<usize>,
}

impl<T> Index<T> {
    pub(super) fn new(said: impl IntoIterator<Item = (Pattern, T)>) -> Self {
        let said = said.into_iter();
        let entry =
            |(pattern, what): (Pattern, T)| Entry { nearness: pattern.nearness(), pattern, what };
        let mut all: Vec<_> = said.map(entry).collect();
        all.sort_by_key(|entry| std::cmp::Reverse(entry.nearness));
        let mut stems: BTreeMap<Box<str>, Stem> = BTreeMap::new();
        for (at, Entry { pattern, .. }) in all.iter().enumerate() {
            let stem = stems.entry(pattern.stem().into()).or_default();
            let places = if pattern.is_exact() { &mut stem.exact } else { &mut stem.below };
            places.push(at);
        }
        Self { all, stems }
    }

    /// Everything, the nearest first.
    pub(super) fn all(&self) -> &[Entry<T>] {
        &self.all
    }

    /// The nearest of those that match, in their order.
    pub(super) fn nearest(&self, name: &RepositoryName) -> impl Iterator<Item = &Entry<T>> {
        let mut found: Vec<usize> = Vec::new();
        let mut nearness = None;
        for (at, entry) in self.candidates(name) {
            if nearness <= Some(entry.nearness) && entry.pattern.matches(name) {
                if nearness < Some(entry.nearness) {
                    found.clear();
                }
                nearness = Some(entry.nearness);
                found.push(at);
            }
        }
        found.sort_unstable();
        found.into_iter().filter_map(|at| self.all.get(at))
    }

    /// All that can match, and some that do not.
    fn candidates(&self, name: &RepositoryName) -> impl Iterator<Item = (usize, &Entry<T>)> {
        let name = name.as_str();
        self.entries(self.exactly(name)).chain(self.entries(self.around(parent(name))))
    }

    /// All whose patterns can contain this one, and some that do not.
    pub(super) fn around_pattern(&self, pattern: &Pattern) -> impl Iterator<Item = &Entry<T>> {
        let stem = pattern.stem();
        let (exact, above) = match pattern.is_exact() {
            true => (self.exactly(stem), parent(stem)),
            false => (&[][..], Some(stem)),
        };
        self.entries(exact).chain(self.entries(self.around(above))).map(|(_, entry)| entry)
    }

    /// All whose patterns can overlap with this one, and some that do not.
    pub(super) fn near_pattern(&self, pattern: &Pattern) -> impl Iterator<Item = &Entry<T>> {
        let below = (!pattern.is_exact()).then(|| self.below(pattern.stem()));
        let below = below.into_iter().flatten();
        self.around_pattern(pattern).chain(self.entries(below).map(|(_, entry)| entry))
    }

    fn entries<'a>(
        &'a self,
        places: impl IntoIterator<Item = &'a usize>,
    ) -> impl Iterator<Item = (usize, &'a Entry<T>)> {
        places.into_iter().filter_map(|at| Some((*at, self.all.get(*at)?)))
    }

    fn exactly(&self, path: &str) -> &[usize] {
        self.stems.get(path).map_or(&[], |stem| &stem.exact)
    }

    /// Those below the path or a namespace above it.
    fn around(&self, path: Option<&str>) -> impl Iterator<Item = &usize> {
        let paths = std::iter::successors(path, |path| parent(path));
        paths.filter_map(|path| self.stems.get(path)).flat_map(|stem| &stem.below)
    }

    /// Those whose stem is below the path.
    fn below(&self, path: &str) -> impl Iterator<Item = &usize> {
        let start = if path.is_empty() { String::new() } else { format!("{path}/") };
        let from = Bound::Excluded(start.as_str());
        let stems = self.stems.range::<str, _>((from, Bound::Unbounded));
        stems
            .take_while(move |(stem, _)| stem.starts_with(&start))
            .flat_map(|(_, stem)| stem.exact.iter().chain(&stem.below))
    }
}

/// The namespace that the path is in; everything is in the empty one.
fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/') {
        Some((parent, _)) => Some(parent),
        None => (!path.is_empty()).then_some(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    /// All paths of one to three of the parts.
    fn paths(parts: &[&str]) -> Vec<String> {
        let mut paths = vec![String::new()];
        let mut all = Vec::new();
        for _ in 0..3 {
            let deeper = paths.iter().flat_map(|path| {
                parts.iter().map(move |it| format!("{path}/{it}").trim_start_matches('/').into())
            });
            paths = deeper.collect();
            all.extend(paths.clone());
        }
        all
    }

    /// Every pattern of up to three of a few components, with its number.
    fn patterns() -> Vec<(Pattern, usize)> {
        let plain = paths(&["a", "ab", "*", "a*"]);
        let open = plain.iter().map(|path| format!("{path}/**"));
        let texts = open.chain(plain.clone()).chain(["**".to_owned(), "a".into()]);
        texts.map(|text| text.parse().unwrap()).zip(0..).collect()
    }

    /// What a search through all of them finds.
    fn searched(index: &Index<usize>, name: &RepositoryName) -> Vec<usize> {
        let all = index.all().iter().filter(|entry| entry.pattern.matches(name));
        let first = all.clone().next().map(|entry| entry.nearness);
        all.filter(|entry| Some(entry.nearness) == first).map(|entry| entry.what).collect()
    }

    #[test]
    fn what_is_found_is_what_a_search_finds_in_the_same_order() {
        let names = paths(&["a", "ab", "b", "a-b"]);
        let all = patterns();
        // All at once, and parts of them, so that the nearest ones are missing.
        for parts in 1..40 {
            for part in 0..parts {
                let of_part = all.iter().filter(|(_, number)| number % parts == part);
                let index = Index::new(of_part.cloned());
                for name in names.iter().map(|text| name(text)) {
                    let found: Vec<_> = index.nearest(&name).map(|entry| entry.what).collect();
                    assert_eq!(found, searched(&index, &name), "{name} in part {part} of {parts}");
                }
            }
        }
    }

    #[test]
    fn nothing_that_contains_or_overlaps_is_passed_over() {
        let all = patterns();
        let index = Index::new(all.clone());
        for (pattern, _) in &all {
            let around: Vec<_> = index.around_pattern(pattern).map(|entry| entry.what).collect();
            let near: Vec<_> = index.near_pattern(pattern).map(|entry| entry.what).collect();
            for (other, number) in &all {
                let contains = other.contains(pattern);
                assert!(!contains || around.contains(number), "{other} contains {pattern}");
                let overlaps = other.overlaps(pattern);
                assert!(!overlaps || near.contains(number), "{other} overlaps {pattern}");
            }
            let mut once = near.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), near.len(), "{pattern}: nothing is looked at twice");
        }
    }

    #[test]
    fn of_a_hundred_thousand_few_are_looked_at() {
        let all = (0..25_000).flat_map(|number| {
            let below = format!("team-{}/n{number}", number % 7);
            [below.clone(), format!("{below}/**"), format!("{below}/app-*"), format!("{below}/*/x")]
        });
        let said = all.chain(["**".into(), "team-1/**".into(), "*/web".into()]);
        let index = Index::new(said.map(|text| (text.parse::<Pattern>().unwrap(), ())));
        assert_eq!(index.all().len(), 100_003);
        for (text, most) in [
            ("team-1/n8", 4),
            ("team-1/n8/app-1", 6),
            ("team-1/n8/y/x", 6),
            ("team-1/absent", 3),
            ("elsewhere", 2),
            ("elsewhere/web", 2),
        ] {
            let looked_at = index.candidates(&name(text)).count();
            assert!(looked_at <= most, "{text}: {looked_at}");
            let pattern = Pattern::exactly(&name(text));
            assert!(index.near_pattern(&pattern).count() <= most, "{text}");
        }
        let nearest: Vec<_> = index.nearest(&name("team-1/n8/app-1")).collect();
        assert_eq!((nearest.len(), nearest[0].pattern.as_str()), (1, "team-1/n8/app-*"));
        assert!(index.around_pattern(&"team-1/n8/**".parse().unwrap()).count() <= 6);
        assert!(index.near_pattern(&"team-1/n8/**".parse().unwrap()).count() <= 6);
    }
}
