//! Files of a repository.

use async_trait::async_trait;
use deputy_core::comment::Repository;
use deputy_core::ports::{Acting, Contents, GitHubError, LARGEST_FILE};

use super::{Call, Client, Path};

#[async_trait]
impl Contents for Client {
    async fn file(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        path: &str,
        reference: Option<&str>,
    ) -> Result<Option<Vec<u8>>, GitHubError> {
        let parts: Vec<&str> = std::iter::once("contents").chain(path.split('/')).collect();
        let mut path = Path::in_repository(repository, &parts)?;
        if let Some(reference) = reference {
            path = path.query("ref", reference);
        }
        let answer = match self.send(acting.into(), Call::get(path).raw().of(repository.id)).await {
            Ok(answer) => answer,
            Err(GitHubError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        // A folder is listed as JSON whatever was asked for; a file comes as it is.
        if answer.is_json {
            return Ok(None);
        }
        if answer.body.len() > LARGEST_FILE {
            let message =
                format!("the file has {} bytes; at most {LARGEST_FILE} are read", answer.body.len());
            return Err(GitHubError::Refused { status: 413, message });
        }
        Ok(Some(answer.body.to_vec()))
    }
}
