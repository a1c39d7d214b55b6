//! The search for secrets at the end of every world finds them: one planted in each place where one must never be.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use scenarios::World;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What the search says after `plant` has written the world's secrets down somewhere.
async fn found(plant: impl AsyncFnOnce(&World, &str, &str)) -> String {
    let mut world = World::new().await;
    let token = world.ada.tokens_of(&world.app).access_token;
    // One of GitHub's form, and one that only the double knows to be a secret.
    plant(&world, &token, &world.app.client_secret()).await;
    world.quiet().await;
    world.stop().await;
    let findings = world.leaks().join("\n");
    assert!(!findings.contains(&token) && !findings.contains(&world.app.client_secret()), "{findings}");
    findings
}

/// In one test, one after the other: they share a process, and so a log.
#[tokio::test]
async fn a_planted_secret_is_found_wherever_it_is() {
    let nothing = found(async |_, _, _| ()).await;
    assert_eq!(nothing, "");

    let in_answer = found(async |_, token, secret| {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let body = format!("{{\"error\":\"{token} {secret}\"}}");
        let serve = async {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut request = [0; 512];
            let _ = stream.read(&mut request).await.unwrap();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        tokio::join!(serve, scenarios::browser::ask(address, "GET", "/api/v1/whoami", None, None));
    })
    .await;
    assert_eq!(
        in_answer.matches("the answer to GET /api/v1/whoami holds a known secret").count(),
        2,
        "{in_answer}"
    );

    let in_file = found(async |world, token, secret| {
        std::fs::write(world.config().data.join("notes"), format!("{token}\n{secret}")).unwrap();
    })
    .await;
    assert_eq!(in_file.matches("notes holds a known secret").count(), 2, "{in_file}");

    let in_table = found(async |world, token, secret| {
        let sql = "INSERT INTO dead_letter (handler, segment, ordinal, delivery, event, attempts, failed_at, errors)
                   VALUES (1, 0, 0, x'00', 'push', 1, 0, ?)";
        let database = rusqlite::Connection::open(world.config().data.join("deputy.db")).unwrap();
        database.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        database.execute(sql, [format!("[\"{token} {secret}\"]")]).unwrap();
    })
    .await;
    assert_eq!(in_table.matches("dead_letter.errors holds a known secret").count(), 2, "{in_table}");

    // Compressed on the disk, so no look at its bytes would show it.
    let in_payload = found(async |world, token, _| {
        let pr = world.pull_request().await;
        pr.comment(&world.ada, &format!("Look what I found: {token}")).await;
    })
    .await;
    assert!(in_payload.contains("an archived payload holds a known secret"), "{in_payload}");

    let in_log = found(async |_, token, secret| {
        tracing::trace!(token, secret, "spoken carelessly");
        let made_up = format!("ghs_{}", "x".repeat(36));
        tracing::trace!("of a GitHub that nobody knows: {made_up}");
    })
    .await;
    assert_eq!(in_log.matches("the log holds a known secret").count(), 2, "{in_log}");
    assert!(in_log.contains("the log holds a token of GitHub's"), "{in_log}");

    let in_panic = found(async |_, token, _| {
        let token = token.to_owned();
        tokio::spawn(async move { panic!("the token is {token}") }).await.unwrap_err();
    })
    .await;
    assert!(in_panic.contains("the log holds a known secret, after “"), "{in_panic}");
}

#[tokio::test]
async fn a_search_that_saw_nothing_is_a_failure() {
    let mut world = World::new().await;
    let data = world.config().data;
    world.stop().await;
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
    }
    let findings = world.leaks().join("\n");
    assert!(findings.contains("the database could not be read"), "{findings}");
    assert!(findings.contains("there was too little to look through"), "{findings}");
}
