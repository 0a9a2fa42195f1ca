//! `ContentFreeze`: tables that refuse to be changed.
//!
//! Triggers ask for a lease whenever content or an account is written, so the database itself
//! keeps every process from it, also one that has slept through everything.
//! They are made when the content is frozen and dropped when it is thawed:
//! nobody else pays for them.

use std::time::Duration;

use async_trait::async_trait;
use store::StoreError;

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{Postgres, plain, rows};
use crate::freeze::{ContentFreeze, Frozen};

/// The present moment in milliseconds; it goes on inside of a transaction.
macro_rules! now {
    () => {
        "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    };
}

/// The lease that says so.
macro_rules! lease {
    () => {
        "name = 'content-freeze'"
    };
}

/// Later than any moment that a clock will tell.
const FOR_GOOD: i64 = 1 << 60;

const TAKE: &str = concat!(
    "INSERT INTO lease (name, holder, until) VALUES ('content-freeze', $1, ",
    now!(),
    " + $2) ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
     WHERE lease.until <= ",
    now!()
);
const KEEP: &str = concat!(
    "UPDATE lease SET until = least(",
    now!(),
    " + $2, $3) WHERE ",
    lease!(),
    " AND holder = $1 AND until > ",
    now!()
);
const END: &str = concat!("DELETE FROM lease WHERE ", lease!());
const LOOK: &str = concat!("SELECT until FROM lease WHERE ", lease!(), " AND until > ", now!());

/// Everything that is content or tells of accounts. Writers that have begun are
/// waited for, and those that come meanwhile wait.
const LOCK: &str = "LOCK TABLE repository, blob, alias, link, manifest_bytes, manifest, \
     reference, tag, tag_history, access_version, account, account_group, team, team_member, \
     credential, role, access_grant, visibility, audit IN SHARE ROW EXCLUSIVE MODE";

// A standby's code, which means the same: not here, not now. When a token was
// used, and what happened, is noted all the same.
const GUARD: &str = concat!(
    "CREATE OR REPLACE FUNCTION berth_content_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$ \
     BEGIN \
         IF EXISTS (SELECT 1 FROM lease WHERE ",
    lease!(),
    " AND until > ",
    now!(),
    ") THEN \
             RAISE EXCEPTION 'the content is frozen: it is being moved, or has moved' \
                 USING ERRCODE = '25006'; \
         END IF; \
         RETURN NULL; \
     END $$; \
     DO $$ \
     DECLARE one record; \
     BEGIN \
         FOR one IN \
             SELECT unnest(ARRAY['repository', 'blob', 'alias', 'link', 'manifest_bytes', \
                                 'manifest', 'reference', 'tag', 'tag_history', \
                                 'access_version', 'account', 'account_group', 'team', \
                                 'team_member', 'role', 'access_grant', 'visibility']) AS name, \
                 'INSERT OR UPDATE OR DELETE' AS events \
             UNION ALL VALUES \
                 ('credential', 'INSERT OR DELETE OR UPDATE OF account_id, kind, hash, label, \
                                 scopes, epoch, created_at, expires'), \
                 ('audit', 'DELETE') \
         LOOP \
             IF NOT EXISTS (SELECT 1 FROM pg_trigger \
                            WHERE tgrelid = one.name::regclass AND tgname = 'berth_frozen') THEN \
                 EXECUTE format('CREATE TRIGGER berth_frozen BEFORE %s ON %I FOR EACH STATEMENT \
                                 EXECUTE FUNCTION berth_content_is_frozen()', \
                                one.events, one.name); \
             END IF; \
         END LOOP; \
     END $$"
);
const UNGUARD: &str = "DROP FUNCTION IF EXISTS berth_content_is_frozen() CASCADE";

struct Freeze {
    holder: String,
    /// Milliseconds.
    term: i64,
}

impl Work for Freeze {
    type Output = bool;

    async fn run(&self, tx: &Tx) -> Result<bool, Failure> {
        tx.batch(LOCK).await?;
        if tx.change(TAKE, args![&self.holder, self.term]).await? == 0 {
            return Ok(false);
        }
        tx.batch(GUARD).await?;
        Ok(true)
    }
}

struct Keep {
    holder: String,
    /// Milliseconds.
    term: i64,
}

impl Work for Keep {
    type Output = bool;

    async fn run(&self, tx: &Tx) -> Result<bool, Failure> {
        Ok(tx.change(KEEP, args![&self.holder, self.term, FOR_GOOD]).await? > 0)
    }
}

struct End;

impl Work for End {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        tx.change(END, args![]).await.map(drop)
    }
}

struct Unguard;

impl Work for Unguard {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        tx.batch(UNGUARD).await
    }
}

fn millis(term: Duration) -> i64 {
    i64::try_from(term.as_millis()).unwrap_or(i64::MAX).clamp(1, FOR_GOOD / 2)
}

#[async_trait]
impl ContentFreeze for Postgres {
    async fn freeze_content(&self, holder: &str, term: Duration) -> Result<bool, StoreError> {
        let work = Freeze { holder: holder.to_owned(), term: millis(term) };
        plain(self.write_hard(work).await)
    }

    async fn keep_frozen(&self, holder: &str, term: Option<Duration>) -> Result<bool, StoreError> {
        let work = Keep { holder: holder.to_owned(), term: term.map_or(FOR_GOOD, millis) };
        plain(self.write_hard(work).await)
    }

    async fn thaw_content(&self) -> Result<(), StoreError> {
        plain(self.write_hard(End).await)?;
        // Without the lease they let everything pass; that takes some time, no more.
        if let Err(error) = plain(self.write_hard(Unguard).await) {
            tracing::debug!(%error, "the guards of the frozen tables stay until the next time");
        }
        Ok(())
    }

    async fn frozen_content(&self) -> Result<Option<Frozen>, StoreError> {
        let until = self.first(LOOK, args![], |row| rows::get::<i64>(row, 0)).await?;
        Ok(until.map(|until| match until {
            FOR_GOOD => Frozen::ForGood,
            _ => Frozen::ForNow,
        }))
    }
}
