//! Commands that wait for a login: a row a command, and a row for each reply that asks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_core::ids::{DeliveryId, InstallationId, UserId};
use deputy_core::ports::{
    ASKING, Ask, PostedComment, Prompt, PromptId, PromptKey, Released, Waiting, WaitingCommand, WaitingError,
};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::store::Store;

const COMMAND: &str = "delivery, ordinal, name, user, place, installation, repository, html_url";
const PROMPT: &str = "id, user, place, installation, repository, reply, asked_at";

#[async_trait]
impl Waiting for Store {
    async fn keep(&self, command: WaitingCommand, lifetime: Duration) -> Result<Ask, WaitingError> {
        let shared = Arc::clone(self.shared());
        let repository = serde_json::to_string(&command.repository).map_err(unreachable_waiting)?;
        self.write(move |connection| {
            let now = shared.now();
            keep(connection, &command, &repository, now, now.saturating_add(lifetime.as_millis() as i64))
        })
        .await
        .map_err(unreachable_waiting)
    }

    async fn prompted(&self, prompt: PromptId, reply: PostedComment) -> Result<(), WaitingError> {
        let reply = serde_json::to_string(&reply).map_err(unreachable_waiting)?;
        self.write(move |connection| {
            connection
                .prepare_cached("UPDATE prompt SET reply = ? WHERE id = ?")?
                .execute(params![reply, prompt.0 as i64])?;
            Ok(())
        })
        .await
        .map_err(unreachable_waiting)
    }

    async fn take_all(&self, user: UserId, lease: Duration) -> Result<Released, WaitingError> {
        let shared = Arc::clone(self.shared());
        self.write(move |connection| {
            let now = shared.now();
            take_all(connection, user, now, now.saturating_add(lease.as_millis() as i64))
        })
        .await
        .map_err(unreachable_waiting)
    }

    async fn finish(&self, delivery: DeliveryId, index: u32) -> Result<(), WaitingError> {
        self.write(move |connection| {
            connection
                .prepare_cached("DELETE FROM waiting WHERE delivery = ? AND ordinal = ? AND released = 1")?
                .execute(params![delivery.as_bytes(), index])?;
            Ok(())
        })
        .await
        .map_err(unreachable_waiting)
    }

    async fn resume(&self, lease: Duration, limit: usize) -> Result<Vec<WaitingCommand>, WaitingError> {
        let shared = Arc::clone(self.shared());
        self.write(move |connection| {
            let now = shared.now();
            let overdue: Vec<i64> = connection
                .prepare_cached(
                    "SELECT id FROM waiting WHERE released = 1 AND lease_until <= ? ORDER BY lease_until, id LIMIT ?",
                )?
                .query_map(params![now, limit as i64], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            hand_out(connection, &overdue, now.saturating_add(lease.as_millis() as i64))
        })
        .await
        .map_err(unreachable_waiting)
    }

    async fn expired(&self, limit: usize) -> Result<Vec<Prompt>, WaitingError> {
        let now = self.shared().now();
        self.shared()
            .read(move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {PROMPT} FROM prompt WHERE expires_at <= ? ORDER BY expires_at, id LIMIT ?"
                    ))?
                    .query_map(params![now, limit as i64], prompt)?
                    .map(|prompt| prompt.context("a prompt cannot be read"))
                    .collect()
            })
            .await
            .map_err(WaitingError)
    }

    async fn dropped(&self, prompt: PromptId) -> Result<(), WaitingError> {
        self.write(move |connection| forget(connection, prompt.0 as i64)).await.map_err(unreachable_waiting)
    }
}

fn keep(
    connection: &Connection,
    command: &WaitingCommand,
    repository: &str,
    now: i64,
    expires_at: i64,
) -> rusqlite::Result<Ask> {
    let delivery = command.delivery.as_bytes();
    let known: Option<(i64, i64, bool)> = connection
        .prepare_cached("SELECT id, prompt, released = 0 AND expires_at > ? FROM waiting WHERE delivery = ? AND ordinal = ?")?
        .query_row(params![now, delivery, command.index], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    if let Some((_, prompt, true)) = known {
        return ask(connection, prompt, command, now);
    }
    if let Some((id, ..)) = known {
        connection.prepare_cached("DELETE FROM waiting WHERE id = ?")?.execute([id])?;
    }
    let prompt = open_prompt(connection, command, repository, now, expires_at)?;
    connection
        .prepare_cached(
            "INSERT INTO waiting (delivery, ordinal, prompt, user, place, name, installation, repository, html_url,
                                  expires_at, released, lease_until)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
        )?
        .execute(params![
            delivery,
            command.index,
            prompt,
            command.prompt.user.0 as i64,
            command.prompt.place,
            command.name,
            command.installation.0 as i64,
            repository,
            command.html_url,
            expires_at,
        ])?;
    ask(connection, prompt, command, now)
}

/// The prompt under which a new command waits: the one that is there, or one that this command is to post.
fn open_prompt(
    connection: &Connection,
    command: &WaitingCommand,
    repository: &str,
    now: i64,
    expires_at: i64,
) -> rusqlite::Result<i64> {
    let (user, place) = (command.prompt.user.0 as i64, &command.prompt.place);
    let open: Option<i64> = connection
        .prepare_cached(
            "SELECT id FROM prompt WHERE user = ? AND place = ? AND expires_at > ? ORDER BY id DESC",
        )?
        .query_row(params![user, place, now], |row| row.get(0))
        .optional()?;
    if let Some(id) = open {
        connection
            .prepare_cached("UPDATE prompt SET expires_at = max(expires_at, ?) WHERE id = ?")?
            .execute([expires_at, id])?;
        return Ok(id);
    }
    connection
        .prepare_cached(
            "INSERT INTO prompt (user, place, installation, repository, asker, ask_until, asked_at, expires_at)
             VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
        )?
        .execute(params![
            user,
            place,
            command.installation.0 as i64,
            repository,
            asker(command),
            now,
            expires_at,
        ])?;
    Ok(connection.last_insert_rowid())
}

/// Whether this command is the one to ask: the reply is not there, and nobody else is at it.
fn ask(connection: &Connection, prompt: i64, command: &WaitingCommand, now: i64) -> rusqlite::Result<Ask> {
    let taken = connection
        .prepare_cached(
            "UPDATE prompt SET asker = ?1, ask_until = ?2
             WHERE id = ?3 AND reply IS NULL AND (asker = ?1 OR ask_until <= ?4)",
        )?
        .execute(params![asker(command), now + ASKING.as_millis() as i64, prompt, now])?;
    Ok(if taken == 1 { Ask::Prompt(PromptId(prompt as u64)) } else { Ask::Asked })
}

fn asker(command: &WaitingCommand) -> Vec<u8> {
    let mut asker = command.delivery.as_bytes().to_vec();
    asker.extend_from_slice(&command.index.to_be_bytes());
    asker
}

fn take_all(connection: &Connection, user: UserId, now: i64, until: i64) -> rusqlite::Result<Released> {
    let user = user.0 as i64;
    let due: Vec<i64> = connection
        .prepare_cached(
            "SELECT id FROM waiting
             WHERE user = ?1 AND ((released = 0 AND expires_at > ?2) OR (released = 1 AND lease_until <= ?2))
             ORDER BY id",
        )?
        .query_map([user, now], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let commands = hand_out(connection, &due, until)?;
    // Prompts that have expired stay: their replies must be edited.
    let prompts: Vec<Prompt> = connection
        .prepare_cached(&format!(
            "SELECT {PROMPT} FROM prompt WHERE user = ? AND expires_at > ? ORDER BY id"
        ))?
        .query_map([user, now], prompt)?
        .collect::<Result<_, _>>()?;
    for prompt in &prompts {
        forget(connection, prompt.id.0 as i64)?;
    }
    Ok(Released { commands, prompts })
}

fn hand_out(connection: &Connection, ids: &[i64], until: i64) -> rusqlite::Result<Vec<WaitingCommand>> {
    let mut update = connection.prepare_cached(&format!(
        "UPDATE waiting SET released = 1, lease_until = ? WHERE id = ? RETURNING {COMMAND}"
    ))?;
    ids.iter().map(|id| update.query_row([until, *id], command)).collect()
}

/// The prompt goes, with those of its commands that nobody has set free.
fn forget(connection: &Connection, prompt: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM waiting WHERE prompt = ? AND released = 0")?.execute([prompt])?;
    connection.prepare_cached("DELETE FROM prompt WHERE id = ?")?.execute([prompt])?;
    Ok(())
}

fn command(row: &Row<'_>) -> rusqlite::Result<WaitingCommand> {
    Ok(WaitingCommand {
        delivery: DeliveryId::from_bytes(row.get(0)?),
        index: row.get(1)?,
        name: row.get(2)?,
        prompt: PromptKey { user: UserId(row.get::<_, i64>(3)? as u64), place: row.get(4)? },
        installation: InstallationId(row.get::<_, i64>(5)? as u64),
        repository: json(row, 6)?,
        html_url: row.get(7)?,
    })
}

fn prompt(row: &Row<'_>) -> rusqlite::Result<Prompt> {
    let asked_at: i64 = row.get(6)?;
    Ok(Prompt {
        id: PromptId(row.get::<_, i64>(0)? as u64),
        key: PromptKey { user: UserId(row.get::<_, i64>(1)? as u64), place: row.get(2)? },
        installation: InstallationId(row.get::<_, i64>(3)? as u64),
        repository: json(row, 4)?,
        reply: row.get_ref(5)?.as_str_or_null()?.map(|_| json(row, 5)).transpose()?,
        asked_at: DateTime::<Utc>::from_timestamp_millis(asked_at)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(6, asked_at))?,
    })
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(at)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, error.into()))
}

fn unreachable_waiting(error: impl Into<anyhow::Error>) -> WaitingError {
    WaitingError(error.into())
}
