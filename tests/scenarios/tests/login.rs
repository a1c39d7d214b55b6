//! People log in with a browser.

use std::collections::HashMap;
use std::time::Duration;

use github_double::{Fault, User, When};
use scenarios::World;
use scenarios::browser::{Browser, PUBLIC_URL, Page};
use secrecy::ExposeSecret as _;

const PULL_REQUEST: &str = "https://deputy.example/jobs/7";

/// The path of the link that asks `person`, and nobody else.
fn link_for(person: &User) -> String {
    format!("/auth/login?user={}&login={}&return={PULL_REQUEST}", person.id().0, person.login())
}

fn parameters(url: &str) -> HashMap<String, String> {
    url::Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

/// Begins a login, and returns the address at GitHub that the browser is sent to.
async fn begin(browser: &mut Browser, path: &str) -> String {
    let page = browser.open(path).await;
    assert_eq!(page.status, 303, "{}", page.text());
    page.location().unwrap()
}

async fn log_in(world: &World, browser: &mut Browser, person: &User, path: &str) -> Page {
    let at_github = begin(browser, path).await;
    browser.follow(&person.approve(&at_github)).await
}

/// Nothing of a login remains: no grant here, no token there.
async fn assert_nothing_stored(world: &World, person: &User) {
    assert!(world.grant_of(person).await.is_none());
    assert_eq!(person.live_tokens(&world.app), 0);
}

#[tokio::test]
async fn a_person_logs_in_and_is_sent_back() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let page = log_in(&world, &mut browser, &world.ada, &link_for(&world.ada)).await;
    insta::assert_snapshot!(page.text(), @"");
    assert!(page.body.contains(&format!("href=\"{PULL_REQUEST}\"")), "{}", page.body);
    let grant = world.grant_of(&world.ada).await.unwrap();
    assert_eq!(grant.login, "ada");
    assert!(grant.refresh_token.is_some() && grant.access_expires_at.is_some());
    assert_eq!(world.ada.live_tokens(&world.app), 1);
    let again = browser.open("/auth/done").await;
    assert_eq!(again.text(), page.text(), "the page can be reloaded");
    world.end().await;
}

#[tokio::test]
async fn github_is_asked_with_pkce_and_told_whom_to_expect() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let at_github = begin(&mut browser, &link_for(&world.ada)).await;
    let asked = parameters(&at_github);
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!((asked["code_challenge"].len(), asked["state"].len()), (43, 43));
    assert_eq!(asked["redirect_uri"], format!("{PUBLIC_URL}/auth/callback"));
    assert_eq!((asked["login"].as_str(), asked["client_id"].clone()), ("ada", world.app.client_id()));
    let other = parameters(&begin(&mut browser, "/auth/login").await);
    assert_ne!(asked["state"], other["state"]);
    assert_ne!(asked["code_challenge"], other["code_challenge"]);
    assert!(!other.contains_key("login"));
    world.end().await;
}

#[tokio::test]
async fn pages_need_no_script_and_leave_no_trace() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let begun = browser.open("/auth/login").await;
    let back = world.ada.approve(&begun.location().unwrap());
    let returned = browser.open(&back).await;
    let done = browser.open(&returned.location().unwrap()).await;
    let refused = browser.open("/auth/callback").await;
    for page in [&begun, &returned, &done, &refused] {
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        let policy = page.header("content-security-policy").unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
        assert!(!page.body.contains("<script") && !page.body.contains("style="), "{}", page.body);
    }
    let cookies: Vec<&str> = begun.all("set-cookie").chain(returned.all("set-cookie")).collect();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    for cookie in cookies {
        assert!(cookie.starts_with("__Host-deputy-"), "{cookie}");
        for part in ["; Path=/;", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Max-Age=600"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    assert_eq!(
        returned.location().as_deref(),
        Some("/auth/done"),
        "neither code nor state in the address bar"
    );
    let style = browser.open("/auth/style.css").await;
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    world.end().await;
}

#[tokio::test]
async fn on_this_machine_alone_plain_http_will_do() {
    let mut world = World::without_deputy().await;
    world.set_up_logins("http://127.0.0.1:4000");
    world.start().await;
    let page = world.browser().open("/auth/login").await;
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.starts_with("deputy-login=") && !cookie.contains("Secure"), "{cookie}");
    world.end().await;
}

#[tokio::test]
async fn two_tabs_may_log_in_at_once() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let first = begin(&mut browser, "/auth/login").await;
    let second = begin(&mut browser, "/auth/login").await;
    for at_github in [first, second] {
        let page = browser.follow(&world.ada.approve(&at_github)).await;
        assert_eq!(page.status, 200, "{}", page.text());
    }
    world.end().await;
}

#[tokio::test]
async fn who_did_not_begin_here_is_not_logged_in() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let at_github = begin(&mut browser, "/auth/login").await;
    let back = parameters(&world.ada.approve(&at_github));
    let page = browser.open(&format!("/auth/callback?code={}", back["code"])).await;
    assert_eq!(page.status, 400);
    insta::assert_snapshot!(page.text(), @"");
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
    insta::assert_snapshot!(again.text(), @"");
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
    insta::assert_snapshot!(page.text(), @"");
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
        let page = log_in(&world, &mut browser, &world.ada, &format!("/auth/login?return={place}")).await;
        assert!(page.body.contains(&format!("{place}\"")), "{}", page.body);
    }
    world.end().await;
}

#[tokio::test]
async fn a_link_for_ada_is_of_no_use_to_mallory() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let page = log_in(&world, &mut browser, &world.mallory, &link_for(&world.ada)).await;
    assert_eq!(page.status, 403);
    insta::assert_snapshot!(page.text(), @"");
    assert_nothing_stored(&world, &world.mallory).await;
    assert_nothing_stored(&world, &world.ada).await;

    // Who is logged in already stays so: only the token that is not kept ends.
    log_in(&world, &mut browser, &world.mallory, "/auth/login").await;
    let before = world.grant_of(&world.mallory).await.unwrap();
    let page = log_in(&world, &mut browser, &world.mallory, &link_for(&world.ada)).await;
    assert_eq!(page.status, 403);
    let after = world.grant_of(&world.mallory).await.unwrap();
    assert_eq!(before.access_token.expose_secret(), after.access_token.expose_secret());
    assert_eq!(world.mallory.live_tokens(&world.app), 1);
    world.end().await;
}

#[tokio::test]
async fn who_says_no_may_change_their_mind() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let at_github = begin(&mut browser, &link_for(&world.ada)).await;
    let page = browser.open(&world.ada.deny(&at_github)).await;
    assert_eq!(page.status, 403);
    insta::assert_snapshot!(page.text(), @"");
    let again = link_for(&world.ada)
        .replace('&', "&amp;")
        .replace(PULL_REQUEST, "https%3A%2F%2Fdeputy.example%2Fjobs%2F7");
    assert!(page.body.contains(&again), "the same login once more: {}", page.body);
    assert_nothing_stored(&world, &world.ada).await;
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
async fn what_an_operator_must_mend_is_said_without_details() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let back = world.ada.approve(&begin(&mut browser, "/auth/login").await);
    world.app.regenerate_client_secret();
    let page = browser.open(&back).await;
    assert_eq!(page.status, 503);
    insta::assert_snapshot!(page.text(), @"");
    world.end().await;
}

#[tokio::test]
async fn a_callback_that_the_app_does_not_list_is_said_so() {
    let mut world = World::without_deputy().await;
    world.app.add_callback_url("https://deputy.example/auth/callback");
    world.set_up_logins("https://deputy.example:8443");
    world.start().await;
    // Its first callback URL is where GitHub tells of it; the two stand for the same Deputy here.
    let world = world;
    let mut browser = world.browser();
    let at_github = begin(&mut browser, "/auth/login").await;
    let mut elsewhere = url::Url::parse(&at_github).unwrap();
    let mut asked = parameters(&at_github);
    asked.insert("redirect_uri".to_owned(), "https://old.example/auth/callback".to_owned());
    elsewhere.query_pairs_mut().clear().extend_pairs(asked);
    let page = browser.open(&world.ada.approve(elsewhere.as_str())).await;
    assert_eq!(page.status, 503);
    assert!(page.text().contains("adds it to the callback URLs"), "{}", page.text());
    world.end().await;
}

#[tokio::test]
async fn a_github_that_is_away_costs_another_try() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let back = world.ada.approve(&begin(&mut browser, "/auth/login").await);
    world.github.inject(When::path("/login/oauth/access_token").times(1), Fault::Status(502));
    let page = browser.open(&back).await;
    assert_eq!(page.status, 503, "{}", page.text());
    assert!(page.header("retry-after").is_some());
    let page = log_in(&world, &mut browser, &world.ada, "/auth/login").await;
    assert_eq!(page.status, 200, "{}", page.text());
    world.end().await;
}

#[tokio::test]
async fn without_a_client_secret_the_pages_say_so() {
    let world = World::new().await;
    let page = world.browser().open("/auth/login").await;
    assert_eq!(page.status, 503);
    insta::assert_snapshot!(page.text(), @"");
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
