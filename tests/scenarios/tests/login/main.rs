//! People log in with a browser.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attacks;

use std::collections::HashMap;

use github_double::{Fault, User, When};
use scenarios::World;
use scenarios::browser::{Browser, PUBLIC_URL, Page};

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

async fn log_in(browser: &mut Browser, person: &User, path: &str) -> Page {
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
    let page = log_in(&mut browser, &world.ada, &link_for(&world.ada)).await;
    insta::assert_snapshot!(page.text(), @"
    Deputy
    You are logged in as ada
    Deputy now acts as you when you ask it to, and can never do more than you may.
    To log out, comment @deputy logout, or revoke the App in your settings on GitHub.
    Back to where you were
    ");
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
async fn who_says_no_may_change_their_mind() {
    let world = World::with_logins().await;
    let mut browser = world.browser();
    let at_github = begin(&mut browser, &link_for(&world.ada)).await;
    let page = browser.open(&world.ada.deny(&at_github)).await;
    assert_eq!(page.status, 403);
    insta::assert_snapshot!(page.text(), @"
    Deputy
    You said no, and nothing was stored
    Without your permission Deputy cannot act for you, and commands that need it keep waiting for an hour. If you change your mind, begin anew.
    Log in with GitHub
    ");
    let again = link_for(&world.ada)
        .replace('&', "&amp;")
        .replace(PULL_REQUEST, "https%3A%2F%2Fdeputy.example%2Fjobs%2F7");
    assert!(page.body.contains(&again), "the same login once more: {}", page.body);
    assert_nothing_stored(&world, &world.ada).await;
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
    insta::assert_snapshot!(page.text(), @"
    Deputy
    Logging in is not set up right
    GitHub does not accept the App's client id and secret. Whoever runs this Deputy generates a new client secret in the App's settings on GitHub and configures it here.
    ");
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
    let page = log_in(&mut browser, &world.ada, "/auth/login").await;
    assert_eq!(page.status, 200, "{}", page.text());
    world.end().await;
}

#[tokio::test]
async fn without_a_client_secret_the_pages_say_so() {
    let world = World::without_logins().await;
    let page = world.browser().open("/auth/login").await;
    assert_eq!(page.status, 503);
    insta::assert_snapshot!(page.text(), @"
    Deputy
    Logging in is not set up yet
    Whoever runs this Deputy has to give it the App's client secret first: deputy check-config --fields tells how.
    ");
    world.end().await;
}
