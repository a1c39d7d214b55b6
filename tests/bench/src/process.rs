//! What a process costs, from `/proc`; and servers that are started, measured and ended.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Memory and processor time of a process.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Resident memory now, in bytes.
    pub rss: u64,
    /// The most it ever was, in bytes.
    pub peak_rss: u64,
    /// Processor time of all its threads, in user and kernel mode.
    pub cpu: Duration,
}

impl Usage {
    /// Memory as it is now, processor time since `before`.
    pub fn since(self, before: &Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(before.cpu), ..self }
    }
}

/// What `pid` uses now.
pub fn usage(pid: u32) -> anyhow::Result<Usage> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    };
    let status = read("status")?;
    let kilobytes = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().ok()
    };
    let stat = read("stat")?;
    // The second field is the program's name in parentheses, and may hold anything; behind it, utime and stime
    // are the 12th and 13th, in ticks of 10 ms on every Linux that there is.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        fields.split_ascii_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Usage {
        rss: kilobytes("VmRSS").context("no VmRSS")? * 1024,
        peak_rss: kilobytes("VmHWM").context("no VmHWM")? * 1024,
        cpu: Duration::from_millis(ticks * 10),
    })
}

/// Processor time of a process's living threads, in nanoseconds and not in ticks.
pub fn fine_cpu(pid: u32) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("the process is gone")? {
        // A thread may end between the two steps.
        let Ok(schedstat) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        nanos += schedstat.split(' ').next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}

/// A server that ends with this value.
pub struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Server {
    /// Starts `command` and waits until something listens on `addr`.
    pub fn start(mut command: Command, addr: SocketAddr) -> anyhow::Result<Self> {
        let program = command.get_program().to_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut server = Self { child, addr };
        let begun = Instant::now();
        while TcpStream::connect(addr).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("{} ended before it listened on {addr}: {status}", program.display());
            }
            if begun.elapsed() > Duration::from_secs(30) {
                bail!("{} does not listen on {addr} after 30 s", program.display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its deliveries go.
    pub fn url(&self, path: &str) -> anyhow::Result<url::Url> {
        Ok(format!("http://{}{path}", self.addr).parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It was measured; what it leaves behind is deleted anyway.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_addr() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
