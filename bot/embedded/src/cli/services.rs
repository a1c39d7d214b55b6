//! Who does the tasks of state machines: the options that `stepfunctions serve` and `asl run` share.

use std::path::PathBuf;

use clap::Args;
use deputy_stepfunctions::tasks::aws::{AwsServices, Endpoint, SERVICES};
use deputy_stepfunctions::tasks::http::{Connections, HttpTasks};
use deputy_stepfunctions::tasks::mock::Mocks;
use deputy_stepfunctions::tasks::s3::LocalBuckets;
use deputy_stepfunctions::{Credentials, Registry};

#[derive(Debug, Args)]
#[command(next_help_heading = "Services")]
pub(in crate::cli) struct Services {
    /// Mocked answers: a MockConfigFile.json of Step Functions Local
    #[arg(long = "mock-config", value_name = "FILE")]
    mocks: Option<PathBuf>,
    /// Where Lambda functions are called: `cargo lambda watch`, moto, LocalStack or AWS
    #[arg(long, value_name = "URL")]
    lambda_endpoint: Option<String>,
    /// Where services are: SERVICE[,SERVICE…]=URL, or a URL for all of them. May be given several times
    #[arg(long = "endpoint", value_name = "[SERVICES=]URL")]
    endpoints: Vec<String>,
    /// The region, in ARNs and signatures
    #[arg(long, default_value = "us-east-1", env = "AWS_REGION")]
    pub(in crate::cli) region: String,
    /// A folder that stands in for S3: a folder in it is a bucket
    #[arg(long, value_name = "DIR")]
    s3_folder: Option<PathBuf>,
    /// The connections of http:invoke, with where their secrets are: a TOML file. Without, http:invoke is not available
    #[arg(long, value_name = "FILE")]
    connections: Option<PathBuf>,
    /// Let http:invoke call private addresses, such as 127.0.0.1 or 10.0.0.1, and plain http:// URLs
    #[arg(long)]
    allow_private: bool,
}

impl Services {
    /// The mocks, if there are any.
    pub(in crate::cli) fn mocks(&self) -> Result<Option<Mocks>, String> {
        let Some(file) = &self.mocks else { return Ok(None) };
        let mocks = Mocks::read(file).map_err(|error| {
            let source =
                std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            format!("{}: {error}{source}", file.display())
        })?;
        Ok(Some(mocks))
    }

    /// Adds the services that the options name.
    pub(in crate::cli) fn registry(&self, registry: Registry) -> Result<Registry, String> {
        let registry = match self.mocks()? {
            Some(mocks) => registry.with_override(mocks),
            None => registry,
        };
        self.real(registry)
    }

    /// As [`Services::registry`], without the mocks.
    pub(in crate::cli) fn real(&self, registry: Registry) -> Result<Registry, String> {
        let mut registry = registry;
        if let Some(folder) = &self.s3_folder {
            if !folder.is_dir() {
                return Err(format!("--s3-folder: {} is no folder", folder.display()));
            }
            registry = registry.with(LocalBuckets::new(folder));
        }
        if let Some(url) = &self.lambda_endpoint {
            let endpoint = self.endpoint("--lambda-endpoint", url, vec!["lambda".into()])?;
            registry = registry.with(AwsServices::new(endpoint));
        }
        for given in &self.endpoints {
            let (services, url) = match given.split_once('=') {
                Some((services, url)) if !services.contains("://") => {
                    (services.split(',').map(|name| name.trim().to_owned()).collect(), url)
                }
                _ => (SERVICES.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), given.as_str()),
            };
            if let Some(unknown) = services.iter().find(|name| !SERVICES.contains(&name.as_str())) {
                return Err(format!(
                    "--endpoint: `{unknown}` is none of the services known here: {}",
                    SERVICES.join(", ")
                ));
            }
            registry = registry.with(AwsServices::new(self.endpoint("--endpoint", url, services)?));
        }
        if let Some(file) = &self.connections {
            let connections =
                Connections::read(file).map_err(|problem| format!("{}: {problem}", file.display()))?;
            registry = registry.with(HttpTasks::new(connections, self.allow_private));
        }
        Ok(registry)
    }

    fn endpoint(&self, option: &str, url: &str, services: Vec<String>) -> Result<Endpoint, String> {
        let known = url.starts_with("http://") || url.starts_with("https://");
        if !known || url.len() <= "https://".len() {
            return Err(format!("{option}: `{url}` is no URL; write http://127.0.0.1:5000, for example"));
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let credentials = match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
            (Some(access_key_id), Some(secret_access_key)) => {
                Some(Credentials { access_key_id, secret_access_key })
            }
            (None, None) => None,
            _ => {
                return Err(
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together: set both or none".into()
                );
            }
        };
        Ok(Endpoint {
            url: url.to_owned(),
            credentials,
            session_token: variable("AWS_SESSION_TOKEN"),
            region: self.region.clone(),
            services,
        })
    }
}
