//! Somebody asks for a workflow: a job runs, and everybody sees how far it is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::time::Duration;

use deputy_core::job::{Job, Status};
use deputy_core::ports::{JobQuery, Jobs as _};
use github_double::{Fault, Issue, When};
use scenarios::{World, said, visible};

/// A step that notes a text, and the state after it.
fn note(text: &str, next: &str) -> String {
    let next = if next.is_empty() { r#""End": true"#.to_owned() } else { format!(r#""Next": "{next}""#) };
    format!(
        r#"{{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", {next}, "ResultPath": null, "Parameters": {{
            "FunctionName": "${{DeputyTask}}",
            "Payload": {{"task": "job.note", "context.$": "$$", "input": {{"text.$": "{text}"}}}}
        }}}}"#
    )
}

fn definition(states: &[(&str, &str)]) -> String {
    let first = states[0].0;
    let states: Vec<_> = states.iter().map(|(name, state)| format!("\"{name}\": {state}")).collect();
    format!(r#"{{"StartAt": "{first}", "States": {{{}}}}}"#, states.join(", "))
}

/// A world whose Deputy knows these workflows: name, manifest, definition.
async fn world(workflows: &[(&str, &str, String)]) -> World {
    let mut world = World::new().await;
    world.stop().await;
    for (name, manifest, definition) in workflows {
        let folder = world.workflows().join(name);
        fs::create_dir_all(folder.join("scenarios")).unwrap();
        fs::write(folder.join("workflow.toml"), manifest).unwrap();
        fs::write(folder.join("definition.asl.json"), definition).unwrap();
        fs::write(folder.join("scenarios/success.toml"), "").unwrap();
    }
    world.start().await;
    world
}

async fn jobs(world: &World) -> Vec<Job> {
    let mut jobs = world.deputy().store().list(&JobQuery::default()).await.unwrap().items;
    jobs.reverse();
    jobs
}

/// Waits until Deputy's reply after `already` earlier ones says that its job is over.
async fn outcome(issue: &Issue, already: usize) -> String {
    let over = |issue: &Issue| {
        said(issue)
            .get(already)
            .is_some_and(|reply| ["✅", "❌", "⚪", "⌛"].iter().any(|sign| reply.body().starts_with(sign)))
    };
    issue.wait_for(over).await;
    visible(&said(issue)[already].body())
}

/// Without what differs from run to run: the job's name, and how long it took.
fn plain(text: &str, job: &Job) -> String {
    let text = text.replace(&job.id.to_string(), "JOB");
    match text.split_once("Succeeded in ").map(|(before, after)| (before, after.split_once('.'))) {
        Some((before, Some((_, after)))) => format!("{before}Succeeded.{after}"),
        _ => text,
    }
}

const GREET: &str = r#"
summary = "Greet somebody"
permission = "read"
examples = ["greet Ada"]

[[arguments]]
name = "who"
help = "Whom"
"#;

fn greet() -> (&'static str, &'static str, String) {
    ("greet", GREET, definition(&[("Greet", &note("States.Format('Hello, {}!', $.arguments.who)", ""))]))
}

#[tokio::test]
async fn a_workflow_is_a_command_and_its_job_is_seen_to_the_end() {
    let world = world(&[greet()]).await;
    let pr = world.pull_request().await;
    let asked = pr.comment(&world.ada, "@deputy greet Grace").await;
    let reply = outcome(&pr, 0).await;
    world.quiet().await;
    let job = jobs(&world).await.remove(0);
    assert_eq!(plain(&reply, &job), "✅ **greet**: Succeeded.\n\nHello, Grace!\n\n<sub>Job `JOB`</sub>");
    assert_eq!((job.status, job.request.requester.login.as_str()), (Status::Succeeded, "ada"));
    assert!(job.is_settled());
    assert_eq!(said(&pr)[0].author(), "ada", "the reply is theirs");
    assert!(asked.has_reaction("ada", "eyes") && asked.has_reaction("ada", "rocket"));
    let help = pr.comment(&world.ada, "@deputy help greet").await;
    let page = world.reply_on(&pr, 1).await;
    assert!(page.contains("Greet somebody") && page.contains("`<who>`: Whom."), "{page}");
    drop(help);
    world.end().await;
}

#[tokio::test]
async fn what_acts_on_code_names_the_commit_and_shows_on_its_checks() {
    let manifest = "summary = \"Look\"\npins = \"head\"\ncheck = \"look ({where})\"\n[[flags]]\nname = \"where\"\ndefault = \"here\"";
    let world = world(&[("look", manifest, definition(&[("Look", &note("$.head", ""))]))]).await;
    let pr = world.pull_request().await;
    let head = pr.head_sha();
    pr.comment(&world.ada, "@deputy look").await;
    let refusal = world.reply_on(&pr, 0).await;
    let again = format!("@deputy look --sha {head}");
    assert!(refusal.contains(&again), "{refusal}");
    // Somebody pushes between reading that and repeating it.
    let pushed = pr.push(&world.ada, "More").await;
    pr.comment(&world.ada, &again).await;
    let refusal = world.reply_on(&pr, 1).await;
    let again = format!("@deputy look --sha {pushed}");
    assert!(refusal.contains(&again) && !refusal.contains(&format!("{head} --sha")), "{refusal}");
    pr.comment(&world.ada, &again).await;
    outcome(&pr, 2).await;
    world.quiet().await;
    let job = jobs(&world).await.remove(0);
    let checks = pr.check_runs();
    let check = checks.iter().find(|check| check.name() == "look (here)").unwrap();
    assert_eq!((check.status().as_str(), check.conclusion().as_deref()), ("completed", Some("success")));
    assert_eq!(check.external_id(), format!("{}/0", job.id));
    let summary = plain(&check.summary().unwrap(), &job).replace(&pushed.to_string(), "HEAD");
    let begin = format!(
        "**ada** asked for [`look --sha HEAD`]({}), job `JOB`, on HEAD.\n",
        job.request.asked.html_url
    );
    assert!(summary.starts_with(&begin) && summary.contains("\n| Look | ✅ | "), "{summary}");
    world.end().await;
}

#[tokio::test]
async fn a_failure_says_which_step_and_why() {
    let fail = r#"{"Type": "Fail", "Error": "Build.Broken", "Cause": "The build does not compile."}"#;
    let world = world(&[("build", "summary = \"Build\"", definition(&[("Build", fail)]))]).await;
    let pr = world.pull_request().await;
    let asked = pr.comment(&world.ada, "@deputy build").await;
    let reply = outcome(&pr, 0).await;
    world.quiet().await;
    let job = jobs(&world).await.remove(0);
    let expected =
        "❌ **build**: Failed at Build.\n\n**Build** failed with `Build.Broken`: The build does not compile.";
    assert_eq!(plain(&reply, &job), format!("{expected}\n\n<sub>Job `JOB`</sub>"));
    assert!(asked.has_reaction("ada", "-1") && job.status == Status::Failed);
    world.end().await;
}

const NAP: &str = r#"
summary = "Rest for an hour"
timeout = "6h"

[concurrency]
group = "bed"
"#;

fn nap(policy: &str) -> (&'static str, String, String) {
    let states = [
        ("Sleep", r#"{"Type": "Wait", "Seconds": 3600, "Next": "Wake"}"#),
        ("Wake", r#"{"Type": "Succeed"}"#),
    ];
    ("nap", format!("{NAP}policy = \"{policy}\"\n"), definition(&states))
}

#[tokio::test]
async fn a_job_outlives_the_process_and_has_one_reply() {
    let (name, manifest, definition) = nap("queue");
    let mut world = world(&[(name, &manifest, definition)]).await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy nap").await;
    world.comment_on(&pr, 0).await;
    world.quiet().await;
    assert_eq!(jobs(&world).await[0].status, Status::Running);
    world.stop().await;
    world.start().await;
    world.github.clock().advance(Duration::from_secs(3_601));
    let reply = outcome(&pr, 0).await;
    assert!(reply.contains("Succeeded in 1 h 0 min"), "{reply}");
    world.quiet().await;
    assert_eq!(said(&pr).len(), 1);
    world.end().await;
}

#[tokio::test]
async fn of_one_group_the_second_waits_and_its_older_reply_steps_back() {
    let (name, manifest, definition) = nap("queue");
    let world = world(&[(name, &manifest, definition)]).await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy nap").await;
    world.comment_on(&pr, 0).await;
    world.quiet().await;
    pr.comment(&world.ada, "@deputy nap").await;
    let second = visible(&world.comment_on(&pr, 1).await.body());
    assert!(second.starts_with("⏳ **nap**: Waits for others of its group."), "{second}");
    world.quiet().await;
    world.github.clock().advance(Duration::from_secs(3_601));
    outcome(&pr, 0).await;
    world.quiet().await;
    assert_eq!(jobs(&world).await[1].status, Status::Running);
    world.github.clock().advance(Duration::from_secs(3_601));
    outcome(&pr, 1).await;
    world.quiet().await;
    assert_eq!(said(&pr)[0].minimized().as_deref(), Some("OUTDATED"));
    assert_eq!(said(&pr)[1].minimized(), None);
    world.end().await;
}

#[tokio::test]
async fn a_group_that_rejects_says_who_is_in_the_way() {
    let (name, manifest, definition) = nap("reject");
    let world = world(&[(name, &manifest, definition)]).await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy nap").await;
    world.comment_on(&pr, 0).await;
    world.quiet().await;
    let first = jobs(&world).await.remove(0);
    pr.comment(&world.ada, "@deputy nap").await;
    let refusal = visible(&world.comment_on(&pr, 1).await.body());
    assert!(refusal.contains(&format!("as job `{}`", first.id)), "{refusal}");
    world.quiet().await;
    assert_eq!(jobs(&world).await.len(), 1);
    world.github.clock().advance(Duration::from_secs(3_601));
    outcome(&pr, 0).await;
    world.end().await;
}

#[tokio::test]
async fn github_is_away_for_a_while_and_then_told_the_last_state() {
    let world = world(&[greet()]).await;
    let pr = world.pull_request().await;
    world
        .github
        .inject(When::path("/repos/*/*/issues/*/comments").method("POST").times(3), Fault::Status(500));
    pr.comment(&world.ada, "@deputy greet Grace").await;
    // Each try waits for the clock, and nothing tells when it has begun to wait.
    while said(&pr).is_empty() {
        world.github.clock().advance(Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let reply = outcome(&pr, 0).await;
    assert!(reply.contains("Hello, Grace!"), "{reply}");
    world.quiet().await;
    assert_eq!(said(&pr).len(), 1, "{}", world.github.transcript());
    world.end().await;
}

#[tokio::test]
async fn one_who_may_not_starts_nothing() {
    let (name, manifest, definition) = nap("queue");
    let world = world(&[(name, &manifest, definition)]).await;
    let pr = world.pull_request().await;
    pr.comment(&world.grace, "@deputy nap").await;
    let refusal = world.reply_on(&pr, 0).await;
    assert!(refusal.contains("`nap` needs **write** permission"), "{refusal}");
    world.quiet().await;
    assert!(jobs(&world).await.is_empty());
    world.end().await;
}
