//! Every payload that GitHub is on record with is accepted, archived and read back byte for byte.

use std::collections::HashMap;

use deputy_core::ids::DeliveryId;
use deputy_core::ports::{Archive as _, ArchiveQuery};
use deputy_embedded::app;
use scenarios::World;
use scenarios::wire::{Connection, guid};

#[tokio::test(flavor = "multi_thread")]
async fn all_recorded_payloads_are_accepted_and_read_back() {
    let mut world = World::new().await;
    let secrets = app::webhook_secrets(&world.config()).unwrap();
    let address = world.deputy().address();
    let sent: HashMap<DeliveryId, &recorded_payloads::Recorded> =
        recorded_payloads::all().iter().map(|recorded| (guid().parse().unwrap(), recorded)).collect();
    assert_eq!(sent.len(), recorded_payloads::COUNT);
    let mut connection = Connection::open(address);
    for (id, recorded) in &sent {
        let signature = secrets.sign(&recorded.body);
        let answer =
            connection.deliver(&id.to_string(), &recorded.event, &signature, &recorded.body).unwrap();
        assert_eq!(answer.status, 202, "{}: {}", recorded.name, answer.body);
    }
    world.quiet().await;
    // The recorded payloads are other people's: whatever they make handlers do on GitHub must not look like a
    // failure here, and none of them asks Deputy for anything.
    assert!(world.dead_letters().await.is_empty());

    // Read back what the disk has, not what memory still holds.
    world.stop().await;
    world.start().await;
    let store = world.deputy().store().clone();
    for (id, recorded) in &sent {
        let delivery = store.read(*id).await.unwrap().unwrap_or_else(|| panic!("{} is gone", recorded.name));
        assert_eq!(delivery.event.as_str(), recorded.event);
        assert!(delivery.body == recorded.body, "{} came back different", recorded.name);
    }
    let mut listed = 0;
    let mut query = ArchiveQuery { limit: 100, ..ArchiveQuery::default() };
    loop {
        let page = store.list(&query).await.unwrap();
        listed += page.items.iter().filter(|entry| sent.contains_key(&entry.id)).count();
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(listed, sent.len());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_simultaneous_sends_of_one_guid_one_is_accepted() {
    let world = World::new().await;
    let secrets = app::webhook_secrets(&world.config()).unwrap();
    let address = world.deputy().address();
    let recorded = recorded_payloads::of("push").next().unwrap();
    let signature = secrets.sign(&recorded.body);
    let id = guid();
    let start = std::sync::Barrier::new(10);
    let answers: Vec<String> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(address);
                    start.wait();
                    connection.deliver(&id, "push", &signature, &recorded.body).unwrap().body
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let count = |status: &str| answers.iter().filter(|answer| answer.contains(status)).count();
    assert_eq!((count("\"accepted\""), count("\"duplicate\"")), (1, 9), "{answers:?}");
    world.end().await;
}
