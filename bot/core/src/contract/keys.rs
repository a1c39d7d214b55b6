//! What every [`Keys`] keeps.

use std::sync::Arc;

use super::ManualClock;
use crate::ids::UserId;
use crate::ports::{KeyId, Keys, KeysError, Version, WrappedKey};
use crate::vault::SealContext;

/// Runs all facts, each on an adapter of its own.
pub async fn keys<K, F>(make: F)
where
    K: Keys,
    F: AsyncFn(Arc<ManualClock>) -> K,
{
    let fresh = async || make(Arc::default()).await;
    a_data_key_unwraps_in_its_context_only(&fresh().await).await;
    a_changed_bit_is_refused(&fresh().await).await;
    rotation_keeps_what_was_wrapped(&fresh().await).await;
    a_retired_key_is_gone_and_the_active_one_stays(&fresh().await).await;
}

fn context() -> SealContext {
    SealContext::grant(UserId(583_231), Version(7))
}

async fn unwrapped(keys: &impl Keys, wrapped: &WrappedKey) -> [u8; 32] {
    *keys.unwrap(wrapped, &context()).await.expect("it unwraps").expose()
}

async fn a_data_key_unwraps_in_its_context_only(keys: &impl Keys) {
    let (one, wrapped) = keys.generate(&context()).await.expect("it can be made");
    let (other, other_wrapped) = keys.generate(&context()).await.expect("it can be made");
    assert_ne!(one.expose(), other.expose());
    assert_ne!(wrapped.bytes, other_wrapped.bytes);
    assert_eq!(unwrapped(keys, &wrapped).await, *one.expose());
    assert_eq!(wrapped.key, keys.active().await.expect("there is one"));
    let contexts = [
        SealContext::grant(UserId(583_230), Version(7)),
        SealContext::grant(UserId(583_231), Version(8)),
        SealContext { table: "anchor", ..context() },
    ];
    for context in contexts {
        assert!(matches!(keys.unwrap(&wrapped, &context).await, Err(KeysError::Refused)), "{context:?}");
        assert!(matches!(keys.rewrap(&wrapped, &context).await, Err(KeysError::Refused)), "{context:?}");
    }
    let raw = one.expose();
    assert!(!wrapped.bytes.windows(8).any(|window| raw.windows(8).any(|part| part == window)));
}

async fn a_changed_bit_is_refused(keys: &impl Keys) {
    let (_, wrapped) = keys.generate(&context()).await.expect("it can be made");
    for at in 0..wrapped.bytes.len() {
        let mut changed = wrapped.clone();
        changed.bytes[at] ^= 1;
        assert!(matches!(keys.unwrap(&changed, &context()).await, Err(KeysError::Refused)), "byte {at}");
    }
    let short = WrappedKey { bytes: wrapped.bytes[..wrapped.bytes.len() - 1].to_vec(), ..wrapped.clone() };
    assert!(matches!(keys.unwrap(&short, &context()).await, Err(KeysError::Refused)));
    let strange = WrappedKey { key: KeyId("nobody's".to_owned()), ..wrapped };
    assert!(matches!(keys.unwrap(&strange, &context()).await, Err(KeysError::Unknown(_))));
}

async fn rotation_keeps_what_was_wrapped(keys: &impl Keys) {
    let (data, wrapped) = keys.generate(&context()).await.expect("it can be made");
    let old = wrapped.key.clone();
    let new = keys.rotate().await.expect("it can be rotated");
    assert_ne!(new, old);
    assert_eq!(keys.active().await.expect("there is one"), new);
    assert_eq!(unwrapped(keys, &wrapped).await, *data.expose());
    let (_, fresh) = keys.generate(&context()).await.expect("it can be made");
    assert_eq!(fresh.key, new);
    let rewrapped = keys.rewrap(&wrapped, &context()).await.expect("it can be re-wrapped");
    assert_eq!(rewrapped.key, new);
    assert_eq!(unwrapped(keys, &rewrapped).await, *data.expose());
    let renamed = WrappedKey { key: new.clone(), ..wrapped };
    assert!(matches!(keys.unwrap(&renamed, &context()).await, Err(KeysError::Refused)));
    let listed = keys.list().await.expect("they can be listed");
    let listed: Vec<_> = listed.into_iter().map(|info| (info.id, info.active)).collect();
    assert_eq!(listed, [(old, false), (new, true)], "oldest first");
}

async fn a_retired_key_is_gone_and_the_active_one_stays(keys: &impl Keys) {
    let (_, wrapped) = keys.generate(&context()).await.expect("it can be made");
    assert!(matches!(keys.retire(&wrapped.key).await, Err(KeysError::Active(_))));
    let new = keys.rotate().await.expect("it can be rotated");
    for _ in 0..2 {
        keys.retire(&wrapped.key).await.expect("it is not active");
    }
    assert!(
        matches!(keys.unwrap(&wrapped, &context()).await, Err(KeysError::Unknown(key)) if key == wrapped.key)
    );
    assert_eq!(keys.list().await.expect("they can be listed").len(), 1);
    assert_eq!(keys.active().await.expect("there is one"), new);
}
