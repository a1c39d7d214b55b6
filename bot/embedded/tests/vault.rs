//! The local vault and its keys keep their contracts, also against somebody who writes files behind their backs.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what helps them")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_core::contract::{self, Attacked, ManualClock};
use deputy_core::ids::UserId;
use deputy_core::ports::{Clock, Expected, Grant, Keys, Put, Tampering, Vault as _, VaultError, Version};
use deputy_embedded::{KeyFileError, LocalKeys, LocalVault, Options, Store};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use secrecy::SecretString;
use tempfile::TempDir;

const SOMEBODY: UserId = UserId(583_231);

/// A vault in a folder that goes with it.
struct Home {
    vault: LocalVault,
    keys: LocalKeys,
    store: Store,
    folder: Arc<TempDir>,
}

async fn home(folder: &Arc<TempDir>, clock: Arc<dyn Clock>) -> Home {
    let store =
        Store::open(Options::new(folder.path()), Arc::clone(&clock), Arc::new(|_: &_| Vec::new())).unwrap();
    let keys = LocalKeys::open(folder.path(), None, clock).unwrap();
    let vault = LocalVault::open(store.clone(), Arc::new(keys.clone())).await.unwrap();
    Home { vault, keys, store, folder: Arc::clone(folder) }
}

impl Home {
    fn database(&self) -> Connection {
        let connection = Connection::open(self.folder.path().join("deputy.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
    }

    async fn reopen(self, clock: &Arc<ManualClock>) -> Self {
        let folder = Arc::clone(&self.folder);
        self.store.close().await;
        drop(self);
        home(&folder, clock.clone()).await
    }
}

fn folder() -> Arc<TempDir> {
    Arc::new(tempfile::tempdir().unwrap())
}

fn grant(user: UserId, number: u64) -> Grant {
    Grant {
        user,
        login: format!("octocat{number}"),
        access_token: "ghu_0123456789abcdef".into(),
        access_expires_at: None,
        refresh_token: Some("ghr_0123456789abcdef".into()),
        refresh_expires_at: None,
        granted_at: DateTime::<Utc>::UNIX_EPOCH,
    }
}

async fn log_in(home: &Home, number: u64) -> Version {
    match home.vault.put(Expected::Anything, grant(SOMEBODY, number)).await.unwrap() {
        Put::Stored(version) => version,
        Put::Conflict => panic!("a login replaces anything"),
    }
}

async fn login(home: &Home) -> Option<String> {
    home.vault.load(SOMEBODY).await.unwrap().map(|stored| stored.grant.login)
}

async fn is_rolled_back(home: &Home) -> bool {
    let refused = home.vault.load(SOMEBODY).await;
    matches!(refused, Err(VaultError::Tampered { how: Tampering::RolledBack { .. }, .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vault_keeps_its_contract() {
    contract::vault(async |clock| home(&folder(), clock).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_keep_their_contract() {
    let folder = folder();
    let made = std::cell::Cell::new(0);
    let make = async |clock, passphrase: Option<&SecretString>| {
        made.set(made.get() + 1);
        let path = folder.path().join(made.get().to_string());
        fs::create_dir(&path).unwrap();
        LocalKeys::open(&path, passphrase, clock).unwrap()
    };
    contract::keys(async |clock| make(clock, None).await).await;
    contract::keys(async |clock| make(clock, Some(&"a passphrase".into())).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_database_that_was_put_back_is_noticed_after_a_restart() {
    let clock = Arc::new(ManualClock::default());
    let home = home(&folder(), clock.clone()).await;
    log_in(&home, 1).await;
    let home = home.reopen(&clock).await;
    assert_eq!(login(&home).await.as_deref(), Some("octocat1"));
    let database = home.folder.path().join("deputy.db");
    let backup = fs::read(&database).unwrap();
    log_in(&home, 2).await;
    let folder = Arc::clone(&home.folder);
    home.store.close().await;
    drop(home);
    fs::write(&database, backup).unwrap();
    let home = self::home(&folder, clock.clone()).await;
    assert!(is_rolled_back(&home).await);
    log_in(&home, 3).await;
    assert_eq!(login(&home.reopen(&clock).await).await.as_deref(), Some("octocat3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_grant_does_not_come_back_after_a_restart() {
    let clock = Arc::new(ManualClock::default());
    let home = home(&folder(), clock.clone()).await;
    log_in(&home, 1).await;
    let row = home.steal(SOMEBODY).await;
    home.vault.delete(SOMEBODY, Expected::Anything).await.unwrap();
    home.plant(SOMEBODY, &row).await;
    let home = home.reopen(&clock).await;
    assert!(is_rolled_back(&home).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_or_forged_anchor_refuses_all_grants() {
    let forge = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let forged = text.replace("\"583231\":1", "\"583231\":0");
        assert_ne!(text, forged);
        fs::write(path, forged).unwrap();
    };
    let attacks: [&dyn Fn(&Path); 4] = [
        &|path| fs::remove_file(path).unwrap(),
        &|path| fs::write(path, "").unwrap(),
        &|path| fs::write(path, "{}").unwrap(),
        &forge,
    ];
    for attack in attacks {
        let clock = Arc::new(ManualClock::default());
        let home = home(&folder(), clock.clone()).await;
        log_in(&home, 1).await;
        let folder = Arc::clone(&home.folder);
        home.store.close().await;
        drop(home);
        attack(&folder.path().join("grants.anchor"));
        let home = self::home(&folder, clock.clone()).await;
        assert!(is_rolled_back(&home).await);
        log_in(&home, 2).await;
        let home = home.reopen(&clock).await;
        assert_eq!(login(&home).await.as_deref(), Some("octocat2"), "logging in again mends it for good");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_the_database_and_the_anchor_costs_nobody_a_login() {
    let clock = Arc::new(ManualClock::default());
    let home = home(&folder(), clock.clone()).await;
    log_in(&home, 1).await;
    let anchor = home.folder.path().join("grants.anchor");
    let before = fs::read(&anchor).unwrap();
    log_in(&home, 2).await;
    let after = fs::read(&anchor).unwrap();
    assert_ne!(before, after);
    let row = home.steal(SOMEBODY).await;
    fs::write(&anchor, before).unwrap();
    let home = home.reopen(&clock).await;
    assert_eq!(login(&home).await.as_deref(), Some("octocat2"));
    assert_eq!(fs::read(&anchor).unwrap(), after, "it has caught up");
    // A number alone proves nothing: the anchor does not follow a row that does not open.
    let mut row = row;
    row[0] = Value::Integer(i64::MAX);
    home.plant(SOMEBODY, &row).await;
    let home = home.reopen(&clock).await;
    assert!(matches!(
        home.vault.load(SOMEBODY).await,
        Err(VaultError::Tampered { how: Tampering::Broken, .. })
    ));
    log_in(&home, 3).await;
    assert_eq!(login(&home).await.as_deref(), Some("octocat3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_ends_with_one_key_and_everybody_logged_in() {
    let clock = Arc::new(ManualClock::default());
    let home = home(&folder(), clock.clone()).await;
    for user in 1..=150 {
        home.vault.put(Expected::Anything, grant(UserId(user), user)).await.unwrap();
    }
    let old = home.keys.active().await.unwrap();
    let new = home.vault.rotate().await.unwrap();
    // The process dies before anything was re-wrapped; the next one goes on.
    let home = home.reopen(&clock).await;
    let uses = |home: &Home| {
        let vault = home.vault.clone();
        async move {
            let uses = vault.key_uses().await.unwrap();
            uses.into_iter().map(|key| (key.id, key.grants, key.active)).collect::<Vec<_>>()
        }
    };
    assert_eq!(uses(&home).await, [(old.clone(), 150, false), (new.clone(), 0, true)]);
    assert_eq!(home.vault.rewrap_all().await.unwrap(), [old]);
    assert_eq!(uses(&home).await, [(new, 150, true)]);
    assert!(home.vault.rewrap_all().await.unwrap().is_empty());
    let home = home.reopen(&clock).await;
    for user in 1..=150 {
        let stored = home.vault.load(UserId(user)).await.unwrap().unwrap();
        assert_eq!(stored.grant.login, format!("octocat{user}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_during_rotation_are_never_lost() {
    let clock = Arc::new(ManualClock::default());
    let home = home(&folder(), clock.clone()).await;
    let logins = async {
        for number in 1..=60 {
            let user = UserId(number % 20);
            home.vault.put(Expected::Anything, grant(user, number)).await.unwrap();
            assert!(home.vault.load(user).await.unwrap().is_some());
        }
    };
    let rotations = async {
        for _ in 0..10 {
            home.vault.rotate().await.unwrap();
            home.vault.rewrap_all().await.unwrap();
        }
    };
    tokio::join!(logins, rotations);
    home.vault.rewrap_all().await.unwrap();
    assert_eq!(home.keys.list().await.unwrap().len(), 1);
    for user in 0..20 {
        assert!(home.vault.load(UserId(user)).await.unwrap().is_some(), "user {user}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_and_no_key_stands_in_the_data_folder() {
    let clock = Arc::new(ManualClock::default());
    let folder = folder();
    let keys = LocalKeys::open(folder.path(), Some(&"a passphrase".into()), clock.clone()).unwrap();
    let store =
        Store::open(Options::new(folder.path()), clock.clone(), Arc::new(|_: &_| Vec::new())).unwrap();
    let vault = LocalVault::open(store.clone(), Arc::new(keys)).await.unwrap();
    vault.put(Expected::Anything, grant(SOMEBODY, 1)).await.unwrap();
    store.close().await;
    for file in fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for secret in ["ghu_", "ghr_", "0123456789abcdef", "a passphrase"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {secret}", path.display());
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let (folder, path) = key_folder();
    open_keys(&folder, None).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = open_keys(&folder, None).err().unwrap();
        assert!(matches!(error, KeyFileError::Exposed { mode: found, .. } if found == mode), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    open_keys(&folder, None).unwrap();
}

#[test]
fn a_passphrase_seals_the_ring_and_is_needed_from_then_on() {
    let (folder, path) = key_folder();
    let (right, wrong): (SecretString, SecretString) = ("right".into(), "wrong".into());
    open_keys(&folder, None).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("\"ring\""));
    open_keys(&folder, Some(&right)).unwrap();
    assert!(!fs::read_to_string(&path).unwrap().contains("\"ring\""), "it was sealed");
    let sealed = fs::read(&path).unwrap();
    assert!(matches!(open_keys(&folder, None), Err(KeyFileError::NoPassphrase(_))));
    assert!(matches!(open_keys(&folder, Some(&wrong)), Err(KeyFileError::WrongPassphrase(_))));
    open_keys(&folder, Some(&right)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), sealed, "reading changes nothing");
}

#[test]
fn a_damaged_key_file_is_never_replaced() {
    let (folder, path) = key_folder();
    open_keys(&folder, None).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    for damaged in ["", "{}", "null", &text[..text.len() / 2], &text.replace("local-", "")[1..]] {
        fs::write(&path, damaged).unwrap();
        assert!(matches!(open_keys(&folder, None), Err(KeyFileError::Damaged(_))), "{damaged}");
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }
    // What a crash leaves beside it is nothing.
    fs::write(&path, text).unwrap();
    fs::write(path.with_extension("json.new"), "half").unwrap();
    open_keys(&folder, None).unwrap();
}

fn key_folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    (folder, path)
}

fn open_keys(folder: &TempDir, passphrase: Option<&SecretString>) -> Result<LocalKeys, KeyFileError> {
    LocalKeys::open(folder.path(), passphrase, Arc::new(ManualClock::default()))
}

#[async_trait]
impl Attacked for Home {
    type Vault = LocalVault;

    /// All columns but the person.
    type Row = Vec<Value>;

    fn vault(&self) -> Arc<LocalVault> {
        Arc::new(self.vault.clone())
    }

    fn keys(&self) -> &dyn Keys {
        &self.keys
    }

    async fn steal(&self, user: UserId) -> Vec<Value> {
        self.database()
            .query_row(
                "SELECT version, key_id, wrapped, sealed, stored_at, lease, lease_until FROM user_grant WHERE user = ?",
                [i64::try_from(user.0).unwrap()],
                |row| (0..7).map(|at| row.get(at)).collect(),
            )
            .unwrap()
    }

    async fn plant(&self, user: UserId, row: &Vec<Value>) {
        let values = [Value::Integer(i64::try_from(user.0).unwrap())].into_iter().chain(row.iter().cloned());
        self.database()
            .execute(
                "INSERT OR REPLACE INTO user_grant VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                params_from_iter(values),
            )
            .unwrap();
    }

    fn changed(row: &Vec<Value>) -> Vec<Vec<Value>> {
        let mut rows = Vec::new();
        for (at, value) in row.iter().enumerate().take(4) {
            let mut with = |value| {
                let mut row = row.clone();
                row[at] = value;
                rows.push(row);
            };
            match value {
                Value::Integer(version) => {
                    for other in [version - 1, version + 1, i64::MAX] {
                        with(Value::Integer(other));
                    }
                }
                Value::Blob(bytes) => {
                    for place in 0..bytes.len() {
                        let mut bytes = bytes.clone();
                        bytes[place] ^= 1;
                        with(Value::Blob(bytes));
                    }
                }
                _ => {}
            }
        }
        rows
    }
}
