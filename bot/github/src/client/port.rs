//! The subjects of the port that are as old as the client: conversations and people. The others have files of their own.

use async_trait::async_trait;
use deputy_core::comment::{Comment, Repository};
use deputy_core::ids::Number;
use deputy_core::permission::Permission;
use deputy_core::ports::{
    Acting, Conversations, GitHubError, Marked, Minimized, People, PostedComment, Reaction,
};

use super::Client;

#[async_trait]
impl Conversations for Client {
    async fn reply(
        &self,
        acting: &Acting,
        comment: &Comment<'_>,
        body: &str,
    ) -> Result<PostedComment, GitHubError> {
        self.post_reply(acting.into(), comment, body).await
    }

    async fn find_reply(
        &self,
        acting: &Acting,
        comment: &Comment<'_>,
        marker: &str,
    ) -> Result<Option<PostedComment>, GitHubError> {
        self.search_reply(acting.into(), comment, marker).await
    }

    async fn edit_reply(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        posted: &PostedComment,
        body: &str,
    ) -> Result<(), GitHubError> {
        self.replace_reply(acting.into(), repository, posted, body).await
    }

    async fn comment_on(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        number: Number,
        marked: &Marked<'_>,
    ) -> Result<PostedComment, GitHubError> {
        self.comment_once(acting.into(), repository, number, marked).await
    }

    async fn minimize(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        node_id: &str,
        why: Minimized,
    ) -> Result<(), GitHubError> {
        self.minimize_comment(acting.into(), repository.id, (node_id, why.as_str())).await
    }

    async fn react(
        &self,
        acting: &Acting,
        comment: &Comment<'_>,
        reaction: Reaction,
    ) -> Result<(), GitHubError> {
        self.add_reaction_to(acting.into(), comment, reaction).await
    }
}

#[async_trait]
impl People for Client {
    async fn is_member(&self, acting: &Acting, organization: &str, login: &str) -> Result<bool, GitHubError> {
        self.membership(acting.into(), organization, login).await
    }

    async fn is_team_member(
        &self,
        acting: &Acting,
        organization: &str,
        team: &str,
        login: &str,
    ) -> Result<bool, GitHubError> {
        self.team_membership(acting.into(), (organization, team), login).await
    }

    async fn permission(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        login: &str,
    ) -> Result<Permission, GitHubError> {
        self.role(acting.into(), repository, login).await
    }
}
