//! The REST API's routes, one file per area of GitHub's documentation.

mod apps;
mod commit_comments;
mod deliveries;
mod issue_comments;
mod issues;
mod manifests;
mod meta;
mod oauth_applications;
mod organizations;
mod pulls;
mod reactions;
mod repositories;
mod review_comments;
mod reviews;
mod user_installations;

use crate::http::route::Route;

/// Every area's routes.
pub(crate) const ROUTES: &[&[Route]] = &[
    apps::ROUTES,
    commit_comments::ROUTES,
    deliveries::ROUTES,
    issue_comments::ROUTES,
    issues::ROUTES,
    manifests::ROUTES,
    meta::ROUTES,
    oauth_applications::ROUTES,
    organizations::ROUTES,
    pulls::ROUTES,
    reactions::ROUTES,
    repositories::ROUTES,
    review_comments::ROUTES,
    reviews::ROUTES,
    user_installations::ROUTES,
];
