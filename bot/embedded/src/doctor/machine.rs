//! This machine: its data folder, and whether its public address leads here.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use deputy_web::auth::PublicUrl;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};

use super::Finding;
use crate::config::Config;
use crate::outside;

/// For the whole way to our public address and back.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) async fn examine(config: &Config, say: &mut impl FnMut(Finding)) {
    say(data_folder(&config.data));
    let url = config.login.as_ref().and_then(|login| login.public_url.as_ref());
    match url {
        Some(url) => say(public_address(url).await),
        None if config.listen.ip().is_loopback() => say(Finding::warning(
            "public_url",
            "nobody but this machine reaches the server",
            "put a proxy with TLS in front and configure public_url; for development, use `deputy serve --forward`",
        )),
        None => say(Finding::warning(
            "public_url",
            format!("the server listens on {} without TLS", config.listen),
            "put a proxy with TLS in front, listen on loopback, and configure public_url",
        )),
    }
}

fn data_folder(folder: &Path) -> Finding {
    const CHECK: &str = "data";
    let shown = folder.display();
    let found = match fs::metadata(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return missing_folder(folder),
        Err(error) => {
            return Finding::problem(
                CHECK,
                format!("{shown}: {error}"),
                "mend its rights, or choose another folder as data",
            );
        }
    };
    if let Err(error) = try_to_write(folder) {
        return Finding::problem(
            CHECK,
            format!("{shown} cannot be written to: {error}"),
            "run this as the user who runs the server; or give the folder to that user, or choose another as data",
        );
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Finding::problem(
            CHECK,
            format!("others can look into {shown}, where payloads and keys are (mode {mode:o})"),
            format!("chmod 700 {shown}"),
        );
    }
    Finding::good(CHECK, format!("{shown} is there, writable and private"))
}

fn missing_folder(folder: &Path) -> Finding {
    let above = folder.ancestors().skip(1).find(|path| path.as_os_str().is_empty() || path.exists());
    let above = above.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let shown = folder.display();
    match try_to_write(above) {
        Ok(()) => Finding::good("data", format!("{shown} is not there yet, and can be made")),
        Err(error) => Finding::problem(
            "data",
            format!("{shown} is not there, and cannot be made in {}: {error}", above.display()),
            "make it, owned by the user who runs the server; or choose another folder as data",
        ),
    }
}

/// Making something is the only test that counts for everything that can forbid it.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".deputy-doctor-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(path)
}

/// Asks for `/healthz` as anybody on the internet would, as far as that can be done from here.
async fn public_address(url: &PublicUrl) -> Finding {
    const CHECK: &str = "public_url";
    let shown = url.as_str();
    let answered = match tokio::time::timeout(PATIENCE, ask(url)).await {
        Ok(answered) => answered,
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    match answered {
        Ok((StatusCode::OK, body)) if &body[..] == br#"{"status":"alive"}"# => {
            Finding::good(CHECK, format!("{shown} leads to a Deputy"))
        }
        Ok((StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT, _)) => {
            Finding::warning(
                CHECK,
                format!("what stands at {shown} does not reach the server"),
                "start the server, and check the proxy's address for it",
            )
        }
        Ok((status, _)) => Finding::problem(
            CHECK,
            format!("{shown} answers, but not as a Deputy does ({status} for /healthz)"),
            "let the proxy pass on every path to the server, unchanged; or mend public_url",
        ),
        Err(why) => Finding::problem(
            CHECK,
            format!("{shown} cannot be reached from here: {why}"),
            "check its DNS entry, certificate and proxy, and whether the server runs",
        ),
    }
}

async fn ask(url: &PublicUrl) -> Result<(StatusCode, Bytes), String> {
    let mut request = Request::new(Full::<Bytes>::default());
    *request.uri_mut() =
        format!("{}/healthz", url.as_str()).parse().map_err(|_| "it is no address".to_owned())?;
    let client = outside::client(url.is_encrypted());
    let answer = client.request(request).await.map_err(|error| outside::innermost(&error))?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, 64 * 1024).collect().await.map_err(|error| outside::innermost(&*error))?;
    Ok((head.status, body.to_bytes()))
}
