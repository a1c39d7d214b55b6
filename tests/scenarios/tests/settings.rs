//! A repository sets things for itself, and Deputy keeps to it.

use github_double::Permission;
use scenarios::World;

const FILE: &str = ".github/deputy.toml";

/// A world whose repository has these settings, pushed while Deputy listens.
async fn set(text: &str) -> World {
    let world = World::new().await;
    world.shop.write_file(&world.ada, "main", FILE, text).await;
    world.quiet().await;
    world
}

#[tokio::test]
async fn an_alias_stands_for_its_command_with_its_words() {
    let world = set("[aliases]\nsay = \"echo Ada says\"").await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy say hello").await;
    let reply = world.reply_on(&pr, 0).await;
    assert_eq!(reply, "```text\nAda\nsays\nhello\n```");
    world.end().await;
}

#[tokio::test]
async fn a_disabled_command_says_why_and_help_still_works() {
    let world = set("[commands.echo]\ndisabled = \"it was too loud\"").await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy echo hello").await;
    let reply = world.reply_on(&pr, 0).await;
    assert_eq!(
        reply,
        "`echo` is disabled in this repository: it was too loud. `config` shows what is set here."
    );
    pr.comment(&world.ada, "@deputy ping").await;
    assert!(world.reply_on(&pr, 1).await.contains("pong"));
    // The change holds with its push.
    world.shop.write_file(&world.ada, "main", FILE, "").await;
    world.quiet().await;
    pr.comment(&world.ada, "@deputy echo hello").await;
    assert!(world.reply_on(&pr, 2).await.contains("hello"));
    world.end().await;
}

#[tokio::test]
async fn more_can_be_asked_of_people_and_of_the_whole_organization() {
    let world = set("[commands.echo]\npermission = \"maintain\"").await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy echo hello").await;
    let refused = world.reply_on(&pr, 0).await;
    assert!(refused.contains("maintain"), "{refused}");
    world.shop.permit(&world.ada, Permission::Maintain);
    pr.comment(&world.ada, "@deputy echo hello").await;
    assert!(world.reply_on(&pr, 1).await.contains("hello"));

    let home = world.acme.repo(".github");
    home.permit(&world.ada, Permission::Write);
    home.write_file(&world.ada, "main", FILE, "[commands.echo]\nteam = \"loud\"").await;
    world.quiet().await;
    pr.comment(&world.ada, "@deputy echo hello").await;
    let refused = world.reply_on(&pr, 2).await;
    assert!(refused.contains("loud"), "{refused}");
    world.acme.team("loud").add(&world.ada);
    pr.comment(&world.ada, "@deputy echo hello").await;
    assert!(world.reply_on(&pr, 3).await.contains("hello"));
    world.end().await;
}

#[tokio::test]
async fn a_bad_file_gets_a_check_on_its_lines_and_changes_nothing() {
    let world = set("[commands.echo]\ndisabled = \"too loud\"").await;
    let good = world.shop.head("main").unwrap();
    let check = world.shop.check_runs(&good).pop().unwrap();
    assert_eq!((check.name().as_str(), check.conclusion().as_deref()), ("deputy.toml", Some("success")));
    let pr = world.pull_request().await;
    // Somebody must have asked for what it said before.
    pr.comment(&world.ada, "@deputy echo hello").await;
    world.reply_on(&pr, 0).await;

    let bad = "[commands.echo]\ndisabled = \"too loud\"\n[commands.ech]\nteams = \"x\"\n";
    world.shop.write_file(&world.ada, "main", FILE, bad).await;
    world.quiet().await;
    let check = world.shop.check_runs(&world.shop.head("main").unwrap()).pop().unwrap();
    assert_eq!(check.conclusion().as_deref(), Some("failure"));
    let annotations = check.annotations();
    let lines: Vec<_> = annotations.iter().map(|it| it["start_line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4], "{annotations:?}");
    pr.comment(&world.ada, "@deputy echo hello").await;
    assert!(world.reply_on(&pr, 1).await.contains("too loud"), "what it said before holds");
    pr.comment(&world.grace, "@deputy config").await;
    let shown = world.reply_on(&pr, 2).await;
    assert!(shown.contains("line 3, column 1: There is no command `ech`. Did you mean `echo`?"), "{shown}");
    assert!(shown.contains("What it said before holds"), "{shown}");
    world.end().await;
}

#[tokio::test]
async fn after_a_restart_nobody_knows_what_a_bad_file_said_so_nothing_is_open() {
    let mut world = set("[commands.echo]\ndisabled = true").await;
    world.stop().await;
    world.app.stop_webhooks();
    world.shop.write_file(&world.ada, "main", FILE, "[commands.echo\ndisabled = true").await;
    world.start().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy echo hello").await;
    let refused = world.reply_on(&pr, 0).await;
    assert!(refused.contains("cannot be read, so nobody knows what is allowed here"), "{refused}");
    pr.comment(&world.ada, "@deputy ping").await;
    assert!(world.reply_on(&pr, 1).await.contains("pong"));
    world.end().await;
}

#[tokio::test]
async fn a_pull_request_changes_nothing_but_is_checked() {
    let world = set("[commands.echo]\ndisabled = \"too loud\"").await;
    let pr = world.shop.pull_request("Be loud").by(&world.ada).from_branch("loud").open().await;
    world.shop.write_file(&world.ada, "loud", FILE, "[commands.echo]\ndisabeld = false\n").await;
    world.quiet().await;
    let check = pr.check_run("deputy.toml").unwrap();
    assert_eq!(check.conclusion().as_deref(), Some("failure"));
    pr.comment(&world.ada, "@deputy echo hello").await;
    assert!(world.reply_on(&pr, 0).await.contains("too loud"));
    world.end().await;
}

#[tokio::test]
async fn what_is_set_is_shown() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    pr.comment(&world.grace, "@deputy config").await;
    let nothing = world.reply_on(&pr, 0).await;
    assert!(nothing.starts_with("Nothing is set here"), "{nothing}");
    let text = "order = [\"staging\", \"production\"]\n[environments.staging]\n[environments.production]\napprovals = 2\n";
    world.shop.write_file(&world.ada, "main", FILE, text).await;
    world.quiet().await;
    pr.comment(&world.grace, "@deputy config").await;
    let shown = world.reply_on(&pr, 1).await;
    assert!(shown.contains("takes a commit that was deployed to `staging` before"), "{shown}");
    assert!(shown.contains("2 people must approve"), "{shown}");
    world.end().await;
}
