//! Users, organizations and teams as JSON.

use serde_json::{Value, json};

use crate::clock::stamp;
use crate::ids::AccountId;
use crate::state::State;
use crate::state::account::{Kind, Team};

impl State {
    /// `simple-user`: how an account appears wherever it is somebody's author, owner or sender.
    pub(crate) fn user_json(&self, id: AccountId) -> Value {
        let account = self.account(id);
        let login = &account.login;
        let (api, web) = (format!("{}/users/{login}", self.urls.api), &self.urls.web);
        let html = match account.kind {
            Kind::Bot => format!("{web}/apps/{}", login.trim_end_matches("[bot]")),
            Kind::User | Kind::Organization(_) => format!("{web}/{login}"),
        };
        // `[` and `]` are no URI characters: GitHub writes a bot's addresses with %5B and %5D.
        let api = api.replace('[', "%5B").replace(']', "%5D");
        json!({
            "login": login,
            "id": id,
            "node_id": id.node_id(),
            "avatar_url": format!("{web}/avatars/u/{id}?v=4"),
            "gravatar_id": "",
            "url": api,
            "html_url": html,
            "followers_url": format!("{api}/followers"),
            "following_url": format!("{api}/following{{/other_user}}"),
            "gists_url": format!("{api}/gists{{/gist_id}}"),
            "starred_url": format!("{api}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{api}/subscriptions"),
            "organizations_url": format!("{api}/orgs"),
            "repos_url": format!("{api}/repos"),
            "events_url": format!("{api}/events{{/privacy}}"),
            "received_events_url": format!("{api}/received_events"),
            "type": account.type_name(),
            "user_view_type": "public",
            "site_admin": false,
        })
    }

    /// `public-user`, as `GET /user` and `GET /users/{username}` answer it.
    pub(crate) fn public_user_json(&self, id: AccountId) -> Value {
        let account = self.account(id);
        let mut json = self.user_json(id);
        let more = json!({
            "name": account.login, "company": null, "blog": "", "location": null, "email": null,
            "hireable": null, "bio": null, "twitter_username": null, "public_repos": 0, "public_gists": 0,
            "followers": 0, "following": 0,
            "created_at": stamp(account.created_at), "updated_at": stamp(account.created_at),
        });
        super::extend(&mut json, more);
        json
    }

    /// `organization-simple`, in answers and webhooks.
    pub(crate) fn organization_json(&self, id: AccountId) -> Value {
        let login = self.login(id);
        let api = format!("{}/orgs/{login}", self.urls.api);
        json!({
            "login": login,
            "id": id,
            "node_id": id.node_id(),
            "url": api,
            "repos_url": format!("{api}/repos"),
            "events_url": format!("{api}/events"),
            "hooks_url": format!("{api}/hooks"),
            "issues_url": format!("{api}/issues"),
            "members_url": format!("{api}/members{{/member}}"),
            "public_members_url": format!("{api}/public_members{{/member}}"),
            "avatar_url": format!("{}/avatars/u/{id}?v=4", self.urls.web),
            "description": "",
        })
    }

    /// A team, as webhooks tell it.
    pub(crate) fn team_json(&self, organization: AccountId, team: &Team) -> Value {
        let (api, web, org) = (&self.urls.api, &self.urls.web, self.login(organization));
        let url = format!("{api}/organizations/{organization}/team/{}", team.id);
        json!({
            "name": team.name,
            "id": team.id,
            "node_id": team.id.node_id(),
            "slug": team.slug,
            "description": "",
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "url": url,
            "html_url": format!("{web}/orgs/{org}/teams/{}", team.slug),
            "members_url": format!("{url}/members{{/member}}"),
            "repositories_url": format!("{url}/repos"),
            "permission": "pull",
            "parent": null,
        })
    }

    /// `org-membership`, for an account that is a member or invited.
    pub(crate) fn org_membership_json(&self, organization: AccountId, user: AccountId) -> Option<Value> {
        let membership = self.organization(organization)?.members.get(&user)?;
        let org = self.login(organization);
        Some(json!({
            "url": format!("{}/orgs/{org}/memberships/{}", self.urls.api, self.login(user)),
            "state": if membership.pending { "pending" } else { "active" },
            "role": if membership.owner { "admin" } else { "member" },
            "organization_url": format!("{}/orgs/{org}", self.urls.api),
            "user": self.user_json(user),
            "organization": self.organization_json(organization),
        }))
    }
}
