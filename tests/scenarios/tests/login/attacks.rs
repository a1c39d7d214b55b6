//! What somebody may try with a login: the cases of RFC 9700 (OAuth 2.0 Security Best Current Practice) that apply.

use std::time::Duration;

use scenarios::World;
use secrecy::ExposeSecret as _;

use super::*;

#[tokio::test]
async fn who_did_not_begin_here_is_not_logged_in() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let at_github = begin(&mut browser, "/auth/login").await;
    let back = parameters(&world.ada.approve(&at_github));
    let page = browser.open(&format!("/auth/callback?code={}", back["code"])).await;
    assert_eq!(page.status, 400);
    insta::assert_snapshot!(page.text(), @"
    Deputy
    This login did not begin here
    GitHub sent you here, but the login was not begun at this Deputy, so nobody can tell who asked for it. Nothing was stored. If you have just installed the App, all is well: log in when Deputy asks you to.
    Log in with GitHub
    ");
    let made_up = "A".repeat(43);
    let page = browser.open(&format!("/auth/callback?code={}&state={made_up}", back["code"])).await;
    assert_eq!(page.status, 410);
    assert_nothing_stored(&world, &world.ada).await;
    world.end().await;
}

#[tokio::test]
async fn a_login_is_finished_once() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let back = world.ada.approve(&begin(&mut browser, "/auth/login").await);
    assert_eq!(browser.open(&back).await.status, 303);
    let again = browser.open(&back).await;
    assert_eq!(again.status, 410);
    insta::assert_snapshot!(again.text(), @"
    Deputy
    This login is over
    It was finished already, or begun more than ten minutes ago. Nothing more was stored. Begin anew.
    Log in with GitHub
    ");
    assert_eq!(world.ada.live_tokens(&world.app), 1, "the login itself holds");
    world.end().await;
}

#[tokio::test]
async fn a_login_takes_ten_minutes_at_most() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let at_github = begin(&mut browser, "/auth/login").await;
    world.github.clock().advance(Duration::from_secs(599));
    let late = begin(&mut browser, "/auth/login").await;
    let page = browser.follow(&world.ada.approve(&at_github)).await;
    assert_eq!(page.status, 200, "{}", page.text());
    world.github.clock().advance(Duration::from_secs(601));
    let page = browser.open(&world.ada.approve(&late)).await;
    assert_eq!(page.status, 410);
    world.end().await;
}

#[tokio::test]
async fn a_login_ends_in_the_browser_it_began_in() {
    let world = World::with_logins().await;
    // Mallory begins, agrees as herself, and makes ada open the last address: ada would act as mallory.
    let mut mallorys = world.browser();
    let back = world.mallory.approve(&begin(&mut mallorys, "/auth/login").await);
    let page = world.browser().open(&back).await;
    assert_eq!(page.status, 403);
    insta::assert_snapshot!(page.text(), @"
    Deputy
    This login began in another browser
    A login must end in the browser in which it began, within ten minutes, and with cookies allowed. Nothing was stored. If you did not begin one, somebody tried to make you log in: close this page.
    Log in with GitHub
    ");
    // A browser that has a login of its own under way is another one, too.
    let mut adas = world.browser();
    begin(&mut adas, "/auth/login").await;
    let back = world.mallory.approve(&begin(&mut mallorys, "/auth/login").await);
    assert_eq!(adas.open(&back).await.status, 403);
    let used_up = mallorys.open(&back).await;
    assert_eq!(used_up.status, 410, "whoever comes with it, it works once");
    assert_nothing_stored(&world, &world.mallory).await;
    world.end().await;
}

#[tokio::test]
async fn a_code_of_another_login_is_of_no_use() {
    let world = World::with_logins().await;
    let (mut mallorys, mut adas) = (world.browser(), world.browser());
    // Ada's code was stolen on its way back. Mallory has her own login, her own state, her own cookie.
    let stolen = parameters(&world.ada.approve(&begin(&mut adas, "/auth/login").await));
    let own = parameters(&world.mallory.approve(&begin(&mut mallorys, "/auth/login").await));
    let injected = format!("/auth/callback?code={}&state={}", stolen["code"], own["state"]);
    let page = mallorys.open(&injected).await;
    assert_eq!(page.status, 410, "{}", page.text());
    assert_nothing_stored(&world, &world.ada).await;
    assert_nothing_stored(&world, &world.mallory).await;
    world.end().await;
}

#[tokio::test]
async fn pkce_cannot_be_taken_out_on_the_way() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let at_github = begin(&mut browser, "/auth/login").await;
    let mut stripped = url::Url::parse(&at_github).unwrap();
    let kept: Vec<_> =
        parameters(&at_github).into_iter().filter(|(name, _)| !name.starts_with("code_")).collect();
    stripped.query_pairs_mut().clear().extend_pairs(kept);
    let page = browser.open(&world.ada.approve(stripped.as_str())).await;
    assert_eq!(page.status, 410, "{}", page.text());
    assert_nothing_stored(&world, &world.ada).await;
    world.end().await;
}

#[tokio::test]
async fn an_answer_of_another_server_is_not_taken() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let back = world.ada.approve(&begin(&mut browser, "/auth/login").await);
    let page = browser.open(&format!("{back}&iss=https%3A%2F%2Fevil.example")).await;
    assert_eq!(page.status, 400);
    assert!(page.text().contains("names another server"), "{}", page.text());
    assert_nothing_stored(&world, &world.ada).await;
    let back = world.ada.approve(&begin(&mut browser, "/auth/login").await);
    let issuer = format!("{}/login/oauth", world.github.base_url());
    let page = browser.open(&format!("{back}&iss={issuer}")).await;
    assert_eq!(page.status, 303, "{}", page.text());
    world.end().await;
}

#[tokio::test]
async fn what_comes_twice_is_not_guessed_at() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let back = world.ada.approve(&begin(&mut browser, "/auth/login").await);
    assert_eq!(browser.open(&format!("{back}&code=another")).await.status, 400);
    assert_eq!(browser.open(&format!("{back}&state=another")).await.status, 400);
    assert_eq!(browser.open("/auth/login?user=1&user=2").await.status, 400);
    assert_eq!(browser.open("/auth/login?user=ada").await.status, 400);
    world.end().await;
}

#[tokio::test]
async fn nobody_is_sent_anywhere_but_to_github_or_back() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    for place in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "%09//evil.example/",
        "https://github.com@evil.example/",
        "http://deputy.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "blob:https://deputy.example/x",
    ] {
        let page = browser.open(&format!("/auth/login?return={place}")).await;
        assert_eq!((page.status, page.location()), (400, None), "{place}");
        assert!(!page.body.contains("evil"), "{place}");
    }
    for place in [format!("{}/acme/shop/pull/1", world.github.base_url()), "/jobs/7".to_owned()] {
        let page = log_in(&mut browser, &world.ada, &format!("/auth/login?return={place}")).await;
        assert!(page.body.contains(&format!("{place}\"")), "{}", page.body);
    }
    world.end().await;
}

#[tokio::test]
async fn a_link_for_ada_is_of_no_use_to_mallory() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let page = log_in(&mut browser, &world.mallory, &link_for(&world.ada)).await;
    assert_eq!(page.status, 403);
    insta::assert_snapshot!(page.text(), @"
    Deputy
    This link is for somebody else
    It asks @ada to log in, and on GitHub you are @mallory. Nothing was stored, and GitHub's token was given back. If you are both, switch accounts on GitHub and open the link again.
    Log in with GitHub
    ");
    assert_nothing_stored(&world, &world.mallory).await;
    assert_nothing_stored(&world, &world.ada).await;

    // Who is logged in already stays so: only the token that is not kept ends.
    log_in(&mut browser, &world.mallory, "/auth/login").await;
    let before = world.grant_of(&world.mallory).await.unwrap();
    let page = log_in(&mut browser, &world.mallory, &link_for(&world.ada)).await;
    assert_eq!(page.status, 403);
    let after = world.grant_of(&world.mallory).await.unwrap();
    assert_eq!(before.access_token.expose_secret(), after.access_token.expose_secret());
    assert_eq!(world.mallory.live_tokens(&world.app), 1);
    world.end().await;
}

#[tokio::test]
async fn nothing_of_a_requests_text_is_shown() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let state = parameters(&begin(&mut browser, "/auth/login?login=%3Cb%3E&user=1").await)["state"].clone();
    let error = "%3Cscript%3Ealert(1)%3C/script%3E";
    let page = browser
        .open(&format!("/auth/callback?state={state}&error={error}&error_description=Call+0800&error_uri=x"))
        .await;
    assert_eq!(page.status, 502);
    assert!(!page.body.contains("<script") && !page.body.contains("0800"), "{}", page.body);
    world.end().await;
}

#[tokio::test]
async fn nothing_of_a_login_lies_on_the_disk_in_the_clear() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let at_github = begin(&mut browser, "/auth/login").await;
    let back = world.ada.approve(&at_github);
    browser.follow(&back).await;
    let open = parameters(&begin(&mut browser, "/auth/login").await)["state"].clone();
    let grant = world.grant_of(&world.ada).await.unwrap();
    let mut secrets = vec![open, parameters(&back)["code"].clone(), world.app.client_secret()];
    secrets.push(grant.access_token.expose_secret().to_owned());
    secrets.push(grant.refresh_token.unwrap().expose_secret().to_owned());
    secrets.extend(browser.cookies().values().cloned());
    let mut read = 0;
    for entry in std::fs::read_dir(world.config().data).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        read += 1;
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds a secret", path.display());
        }
    }
    assert!(read > 1, "the data folder was looked at");
    world.end().await;
}
