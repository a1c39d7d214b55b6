//! Every field there is, with its variable, its default and what it means: help, docs and checks read this list.

/// One thing that can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its place in the TOML file; `a.b` is `b` in the table `a`.
    pub key: &'static str,
    /// The environment variable that overrides the file.
    pub variable: &'static str,
    /// What holds when it is given nowhere; `None` where there is no such thing.
    pub default: Option<&'static str>,
    /// What it means.
    pub meaning: &'static str,
}

/// All fields, in the order in which help shows them.
pub const FIELDS: &[Field] = &[
    Field {
        key: "listen",
        variable: "DEPUTY_LISTEN",
        default: Some("127.0.0.1:8080"),
        meaning: "Address and port to listen on. Put a TLS proxy in front before you leave loopback.",
    },
    Field {
        key: "metrics_listen",
        variable: "DEPUTY_METRICS_LISTEN",
        default: None,
        meaning: "Address and port to serve /metrics on, for Prometheus; without it nowhere. Whoever can connect can read \
                  them: 127.0.0.1:9464 is for this machine alone.",
    },
    Field {
        key: "public_url",
        variable: "DEPUTY_PUBLIC_URL",
        default: None,
        meaning: "Where people reach this server, such as https://deputy.example.com: login links lead there, and \
                  its /auth/callback must be among the App's callback URLs. Without it the address it listens on, if \
                  that is loopback.",
    },
    Field {
        key: "mention",
        variable: "DEPUTY_MENTION",
        default: Some("deputy"),
        meaning: "The name that commands are addressed to: @deputy or /deputy.",
    },
    Field {
        key: "admins",
        variable: "DEPUTY_ADMINS",
        default: None,
        meaning: "Who may operate this server with deputyctl: GitHub logins, or account numbers as id:583231, which stay \
                  with the person when an account is renamed. In the variable, separated by commas. Nobody by default.",
    },
    Field {
        key: "settings",
        variable: "DEPUTY_SETTINGS",
        default: None,
        meaning: "A file like a repository's .github/deputy.toml, which holds for every repository: what restricts adds \
                  up, and for the rest the organization's and the repository's own come first.",
    },
    Field {
        key: "data",
        variable: "DEPUTY_DATA",
        default: Some("data"),
        meaning: "The data folder: deliveries, queues, archive. Made if missing. One server at a time.",
    },
    Field {
        key: "workflows",
        variable: "DEPUTY_WORKFLOWS",
        default: None,
        meaning: "A folder of workflows, one folder each, that become commands beside those built in.",
    },
    Field {
        key: "archive_days",
        variable: "DEPUTY_ARCHIVE_DAYS",
        default: Some("90"),
        meaning: "How many days payloads are kept.",
    },
    Field {
        key: "dedup_hours",
        variable: "DEPUTY_DEDUP_HOURS",
        default: Some("72"),
        meaning: "How many hours a delivery is remembered, so that a second one is a duplicate. At least 24.",
    },
    Field {
        key: "github.url",
        variable: "DEPUTY_GITHUB_URL",
        default: Some("https://github.com"),
        meaning: "GitHub, as people open it: https://HOST for a GitHub Enterprise Server.",
    },
    Field {
        key: "github.client_id",
        variable: "DEPUTY_GITHUB_CLIENT_ID",
        default: None,
        meaning: "The App's client id, from its settings page. This or app_id; people can log in only with this.",
    },
    Field {
        key: "github.app_id",
        variable: "DEPUTY_GITHUB_APP_ID",
        default: None,
        meaning: "The App's number, from its settings page. This or client_id.",
    },
    Field {
        key: "github.private_key_file",
        variable: "DEPUTY_GITHUB_PRIVATE_KEY_FILE",
        default: None,
        meaning: "The App's private key, the PEM file that GitHub made. Or DEPUTY_GITHUB_PRIVATE_KEY, the PEM itself.",
    },
    Field {
        key: "github.client_secret_file",
        variable: "DEPUTY_GITHUB_CLIENT_SECRET_FILE",
        default: None,
        meaning: "The App's client secret, with which people can log in. Or DEPUTY_GITHUB_CLIENT_SECRET, the secret \
                  itself.",
    },
    Field {
        key: "github.webhook_secret_files",
        variable: "DEPUTY_WEBHOOK_SECRET_FILES",
        default: None,
        meaning: "Files with one webhook secret each; several are valid at once, for rotation. In the variable, \
                  separated by colons. Or DEPUTY_WEBHOOK_SECRETS, the secrets themselves, one a line.",
    },
    Field {
        key: "github.rate_limit_alarm_percent",
        variable: "DEPUTY_GITHUB_RATE_LIMIT_ALARM_PERCENT",
        default: Some("10"),
        meaning: "An alarm is logged, and shown in the metrics, when an installation has less than this share of its hour's \
                  requests left. 0 for none.",
    },
    Field {
        key: "vault.passphrase_file",
        variable: "DEPUTY_VAULT_PASSPHRASE_FILE",
        default: None,
        meaning: "A file with the passphrase that seals the key ring, so that a copy of the data folder opens no grant. \
                  Without one the ring is only private. Or DEPUTY_VAULT_PASSPHRASE, the passphrase itself.",
    },
    Field {
        key: "log.filter",
        variable: "DEPUTY_LOG",
        default: Some("info"),
        meaning: "A level, or pairs: info,deputy=debug. The log handler's own lines have the target deputy::events.",
    },
    Field {
        key: "log.format",
        variable: "DEPUTY_LOG_FORMAT",
        default: Some("human"),
        meaning: "human, or json: one object a line.",
    },
];

/// What stands in the file alone.
pub const FURTHER_APPS: &str = "[apps.NAME]  (in the file alone)
    A further App whose credentials administrators can have from this server, under a name of your choice: client_id (or
    app_id) and private_key_file. Its webhooks do not come here.
";

/// Variables that hold a secret itself, so the file has no key for them.
pub(super) const PRIVATE_KEY_VARIABLE: &str = "DEPUTY_GITHUB_PRIVATE_KEY";
pub(super) const CLIENT_SECRET_VARIABLE: &str = "DEPUTY_GITHUB_CLIENT_SECRET";
pub(super) const VAULT_PASSPHRASE_VARIABLE: &str = "DEPUTY_VAULT_PASSPHRASE";
pub(super) const WEBHOOK_SECRETS_VARIABLE: &str = "DEPUTY_WEBHOOK_SECRETS";

pub(super) fn field(key: &str) -> &'static Field {
    FIELDS.iter().find(|field| field.key == key).expect("only listed fields are asked for")
}
