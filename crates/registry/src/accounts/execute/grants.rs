//! Who has which role where, and what everybody may see.

use serde_json::json;
use store::{AccessChange, GrantRecord, VisibilityRecord};

use super::actor::By;
use super::{CommandError, show, valid};
use crate::access::{Pattern, Subject, Visibility};
use crate::accounts::Accounts;
use crate::accounts::command::{Answer, PageRequest, VisibilityView};

impl Accounts {
    /// Whoever administers a pattern holds every action there, so no role is
    /// more than they have themselves.
    pub(super) async fn grant(
        &self,
        by: &By<'_>,
        subject: &Subject,
        role: &str,
        pattern: &Pattern,
    ) -> Result<Answer, CommandError> {
        by.needs_pattern(pattern, "grant roles")?;
        let is_named_role = valid::is_named_role(role)?;
        let grant = record(subject, role, pattern);
        let steps = vec![AccessChange::AddGrant { grant, is_named_role }];
        let may = |by: &By<'_>| {
            by.needs_pattern(pattern, "grant roles")?;
            by.needs_room(&[pattern])
        };
        let what = ("grant.add", pattern.as_str());
        self.do_if(by, may, steps, what, detail(subject, role)).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn revoke(
        &self,
        by: &By<'_>,
        subject: &Subject,
        role: &str,
        pattern: &Pattern,
    ) -> Result<Answer, CommandError> {
        let may = |by: &By<'_>| by.needs_pattern(pattern, "revoke roles");
        let steps = vec![AccessChange::RemoveGrant(record(subject, role, pattern))];
        let what = ("grant.remove", pattern.as_str());
        self.do_if(by, may, steps, what, detail(subject, role)).await?;
        Ok(Answer::Done)
    }

    /// All grants for administrators; for others their own, and those in what
    /// they administer.
    pub(super) async fn grants(
        &self,
        by: &By<'_>,
        subject: Option<&Subject>,
        pattern: Option<&Pattern>,
        page: &PageRequest,
    ) -> Result<Answer, CommandError> {
        if by.own().is_none() {
            by.needs_admin("list grants")?;
        }
        let limit = valid::page(page)?;
        let subject = subject.map(ToString::to_string);
        let wanted = |grant: &GrantRecord| {
            let is_after = page.after.as_ref().is_none_or(|after| place(grant) > *after);
            is_after
                && subject.as_ref().is_none_or(|subject| grant.subject == *subject)
                && pattern.is_none_or(|pattern| overlaps(&grant.pattern, pattern))
                && is_shown(by, grant)
        };
        // They come in the order of the list, so the rest of a full page costs nothing.
        let grants = self.store.policy().await?.grants;
        let page: Vec<_> = grants.into_iter().filter(wanted).take(limit).collect();
        let next = show::next(&page, limit, place);
        Ok(Answer::Grants { grants: page.into_iter().map(show::grant).collect(), next })
    }

    pub(super) async fn visibility(
        &self,
        by: &By<'_>,
        pattern: &Pattern,
        visibility: Option<Visibility>,
    ) -> Result<Answer, CommandError> {
        let may = |by: &By<'_>| {
            by.needs_pattern(pattern, "decide what all may see")?;
            by.needs_room_to_show(pattern)
        };
        let visibility = visibility.map(|visibility| visibility.as_str().to_owned());
        let detail = json!({ "visibility": visibility });
        let step = AccessChange::SetVisibility { pattern: pattern.as_str().to_owned(), visibility };
        let what = ("visibility.set", pattern.as_str());
        self.do_if(by, may, vec![step], what, Some(detail)).await?;
        Ok(Answer::Done)
    }

    /// All for administrators; for owners those in what they administer.
    pub(super) async fn visibilities(
        &self,
        by: &By<'_>,
        page: &PageRequest,
    ) -> Result<Answer, CommandError> {
        if by.own().is_none() {
            by.needs_admin("list visibilities")?;
        }
        let limit = valid::page(page)?;
        let wanted = |it: &VisibilityRecord| {
            let is_after = page.after.as_ref().is_none_or(|after| it.pattern > *after);
            is_after && it.pattern.parse().is_ok_and(|pattern| by.administers(&pattern))
        };
        let mut all = self.store.policy().await?.visibilities;
        all.sort_by(|one, other| one.pattern.cmp(&other.pattern));
        let page: Vec<_> = all.into_iter().filter(wanted).take(limit).collect();
        let next = show::next(&page, limit, |it| it.pattern.clone());
        let show = |it: VisibilityRecord| VisibilityView {
            pattern: it.pattern,
            visibility: it.visibility,
        };
        Ok(Answer::Visibilities { visibilities: page.into_iter().map(show).collect(), next })
    }
}

pub(super) fn record(subject: &Subject, role: &str, pattern: &Pattern) -> GrantRecord {
    GrantRecord {
        subject: subject.to_string(),
        role: role.to_owned(),
        pattern: pattern.as_str().to_owned(),
    }
}

fn detail(subject: &Subject, role: &str) -> Option<serde_json::Value> {
    Some(json!({ "subject": subject, "role": role }))
}

/// Where it stands in the list. No part holds a control character, so the
/// order is that of subject, pattern, role.
fn place(grant: &GrantRecord) -> String {
    format!("{}\t{}\t{}", grant.subject, grant.pattern, grant.role)
}

fn overlaps(granted: &str, pattern: &Pattern) -> bool {
    let granted = granted.parse::<Pattern>();
    granted.is_ok_and(|granted| granted.contains(pattern) || pattern.contains(&granted))
}

fn is_shown(by: &By<'_>, grant: &GrantRecord) -> bool {
    if by.is_admin() {
        return true;
    }
    let is_about_them = by.own().is_some_and(|own| {
        let is_theirs = |subject: &Subject| subject.to_string() == grant.subject;
        is_theirs(&own.subject) || own.member_of.iter().any(is_theirs)
    });
    is_about_them || grant.pattern.parse().is_ok_and(|pattern| by.administers(&pattern))
}
