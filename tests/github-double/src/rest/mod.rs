//! The REST API's routes, one file per area of GitHub's documentation.

mod actions;
mod apps;
mod check_runs;
mod check_suites;
mod commit_comments;
mod commits;
mod contents;
mod deliveries;
mod deployments;
mod git;
mod issue_comments;
mod issues;
mod manifests;
mod merging;
mod meta;
mod oauth_applications;
mod organizations;
mod pulls;
mod reactions;
mod releases;
mod repositories;
mod review_comments;
mod reviews;
mod statuses;
mod user_installations;

use crate::http::route::Route;

/// Every area's routes.
pub(crate) const ROUTES: &[&[Route]] = &[
    actions::ROUTES,
    apps::ROUTES,
    check_runs::ROUTES,
    check_suites::ROUTES,
    commit_comments::ROUTES,
    commits::ROUTES,
    contents::ROUTES,
    deliveries::ROUTES,
    deployments::ROUTES,
    git::ROUTES,
    issue_comments::ROUTES,
    issues::ROUTES,
    manifests::ROUTES,
    merging::ROUTES,
    meta::ROUTES,
    oauth_applications::ROUTES,
    organizations::ROUTES,
    pulls::ROUTES,
    reactions::ROUTES,
    releases::ROUTES,
    repositories::ROUTES,
    review_comments::ROUTES,
    reviews::ROUTES,
    statuses::ROUTES,
    user_installations::ROUTES,
];
