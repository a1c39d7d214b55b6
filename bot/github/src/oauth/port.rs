//! The port that logins and refreshes use, on the client.

use async_trait::async_trait;
use deputy_core::ids::RepositoryId;
use deputy_core::ports::{Authorize, DeviceCode, DevicePoll, GitHubError, OAuth, OAuthError, Tokens, Viewer};
use secrecy::SecretString;

use crate::client::Client;

#[async_trait]
impl OAuth for Client {
    fn authorize_url(&self, authorize: &Authorize<'_>) -> Result<String, OAuthError> {
        Ok(Self::authorize_url(self, authorize)?)
    }

    async fn exchange(
        &self,
        code: &SecretString,
        redirect_uri: &str,
        verifier: &SecretString,
        repository: Option<RepositoryId>,
    ) -> Result<Tokens, OAuthError> {
        self.exchange_code(code, redirect_uri, verifier, repository).await
    }

    async fn refresh(&self, refresh_token: &SecretString) -> Result<Tokens, OAuthError> {
        self.refresh_grant(refresh_token).await
    }

    async fn begin_device(&self) -> Result<DeviceCode, OAuthError> {
        self.begin_device_flow().await
    }

    async fn poll_device(&self, device_code: &SecretString) -> Result<DevicePoll, OAuthError> {
        self.poll_device_flow(device_code).await
    }

    async fn viewer(&self, access_token: &SecretString) -> Result<Viewer, GitHubError> {
        Self::viewer(self, access_token).await
    }

    async fn revoke(&self, access_token: &SecretString) -> Result<(), GitHubError> {
        self.revoke_grant(access_token).await
    }

    async fn revoke_token(&self, access_token: &SecretString) -> Result<(), GitHubError> {
        Self::revoke_token(self, access_token).await
    }
}
