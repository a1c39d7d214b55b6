//! Requests bent at random: the server answers or hangs up, and only what is signed gets in.

use proptest::prelude::*;

use crate::support::{GUID, delivery, start};

const BODY: &str = r#"{"action":"created","repository":{"full_name":"acme/shop"}}"#;

/// What happens to a request on its way.
#[derive(Debug, Clone)]
enum Bend {
    Replace(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
    CutOff(usize),
}

fn bend() -> impl Strategy<Value = Bend> {
    let at = 0..400_usize;
    prop_oneof![
        (at.clone(), any::<u8>()).prop_map(|(at, byte)| Bend::Replace(at, byte)),
        (at.clone(), prop::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(at, bytes)| Bend::Insert(at, bytes)),
        (at.clone(), prop::sample::select(vec!["\r\n", "\n", "\0", ": ", "Transfer-Encoding: chunked\r\n"]))
            .prop_map(|(at, text)| Bend::Insert(at, text.into())),
        (at.clone(), 1..50_usize).prop_map(|(at, length)| Bend::Remove(at, length)),
        (at.clone(), 1..50_usize).prop_map(|(at, length)| Bend::Repeat(at, length)),
        at.prop_map(Bend::CutOff),
    ]
}

impl Bend {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let within = |at: usize| at.min(bytes.len());
        match self {
            Self::Replace(at, byte) => {
                if let Some(old) = bytes.get_mut(*at) {
                    *old = *byte;
                }
            }
            Self::Insert(at, new) => {
                let at = within(*at);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove(at, length) => drop(bytes.drain(within(*at)..within(at + length))),
            Self::Repeat(at, length) => {
                let again = bytes[within(*at)..within(at + length)].to_vec();
                let at = within(*at);
                bytes.splice(at..at, again);
            }
            Self::CutOff(at) => bytes.truncate(*at),
        }
    }
}

/// One server for all cases, as it would be: no request may leave anything behind that hurts the next.
#[test]
fn no_request_hurts_the_next_or_gets_in_unsigned() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let deputy = runtime.block_on(start());
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 300, ..Default::default() });
    runner
        .run(&prop::collection::vec(bend(), 1..4), |bends| {
            runtime.block_on(async {
                let mut request = delivery("issue_comment", GUID, BODY).bytes();
                for bend in &bends {
                    bend.apply(&mut request);
                }
                let mut client = deputy.connect().await;
                // The server may hang up before it has read everything.
                let _ = client.try_send(&request).await;
                client.finish().await;
                while let Some(answer) = client.try_answer().await {
                    prop_assert!(
                        matches!(answer.status, 100 | 202 | 400 | 401 | 404 | 405 | 413 | 431 | 505),
                        "{answer:?}"
                    );
                }
                // What got in is what was signed, whatever else the request said.
                for stored in deputy.inbox.drain() {
                    prop_assert_eq!(&stored.body[..], BODY.as_bytes());
                }
                let answer = deputy.ask(delivery("push", GUID, "{}").bytes()).await;
                prop_assert_eq!(answer.status, 202);
                deputy.inbox.drain();
                Ok(())
            })
        })
        .unwrap();
}
