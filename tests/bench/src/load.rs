//! The load generator: one thread, non-blocking sockets, one request under way on each.
//!
//! It shares the machine with the server it measures, so that it must cost little: a request is one `write` of
//! bytes that were made before, an answer is one `read`, and one `epoll_wait` serves many of both.
//!
//! The loop is closed: a slow server gets fewer requests. Latencies are what one of so many patient clients
//! sees, and no statement about a fixed rate of arrival.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::deliveries::{Guids, Prepared, prepare};
use crate::http::Answer;
use crate::process::{Usage, fine_cpu, usage};
use crate::report::{Report, WINDOW, Window};

/// Whom to load, and with what.
pub struct Plan {
    addr: SocketAddr,
    requests: Vec<Prepared>,
    guids: Guids,
    connections: usize,
    /// How many of a hundred deliveries repeat one before.
    pub duplicates: u8,
}

/// When to stop.
#[derive(Clone, Copy)]
pub enum Until {
    /// After so long.
    Elapsed(Duration),
    /// After so many answers.
    Requests(u64),
}

/// How long an answer may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);

impl Plan {
    pub fn new(url: &url::Url, secret: &str, connections: usize) -> anyhow::Result<Self> {
        if url.scheme() != "http" {
            bail!("only http:// can be loaded; TLS would be what is measured");
        }
        let (host, port) = (url.host_str().context("the URL has no host")?, url.port_or_known_default());
        let addr = (host, port.unwrap_or(80)).to_socket_addrs()?.next().context("the host has no address")?;
        let requests = prepare(url, secret)?;
        Ok(Self { addr, requests, guids: Guids::new(), connections: connections.max(1), duplicates: 0 })
    }

    /// Loads the server and reports. With its process id, its memory and processor time as well.
    pub fn run(&mut self, until: Until, pid: Option<u32>) -> anyhow::Result<Report> {
        let before = pid.map(usage).transpose()?;
        let me_before = usage(std::process::id())?;
        let mut run = Run::start(self, until, pid)?;
        run.finish()?;
        let Run { latencies, statuses, broken, elapsed, windows, .. } = run;
        let after = pid.map(usage).transpose()?;
        let me = usage(std::process::id())?.since(&me_before);
        let server: Option<Usage> = before.zip(after).map(|(before, after)| after.since(&before));
        Ok(Report::new(latencies, statuses, broken, elapsed, me.cpu, server, &windows))
    }
}

/// One connection and what is under way on it.
struct Connection {
    stream: TcpStream,
    /// Whether a request is under way.
    asked: bool,
    sent_at: Instant,
    guid: u128,
    /// What the kernel did not take of the request at once. Nearly always empty.
    unsent: Vec<u8>,
    answer: Vec<u8>,
}

struct Run<'a> {
    plan: &'a mut Plan,
    until: Until,
    poll: Poll,
    connections: Vec<Connection>,
    started: Instant,
    sent: u64,
    under_way: usize,
    latencies: Vec<u32>,
    statuses: BTreeMap<u16, u64>,
    broken: u64,
    elapsed: Duration,
    pid: Option<u32>,
    windows: Vec<Window>,
    /// When the window began, and the answers and the server's processor time until then.
    window_began: (Instant, usize, Duration),
}

impl<'a> Run<'a> {
    fn start(plan: &'a mut Plan, until: Until, pid: Option<u32>) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let count = match until {
            Until::Requests(requests) => {
                plan.connections.min(usize::try_from(requests).unwrap_or(usize::MAX))
            }
            Until::Elapsed(_) => plan.connections,
        };
        let connections = (0..count)
            .map(|index| connect(plan.addr, &poll, index))
            .collect::<anyhow::Result<Vec<_>>>()
            .with_context(|| format!("nobody answers at {}", plan.addr))?;
        Ok(Self {
            plan,
            until,
            poll,
            connections,
            started: Instant::now(),
            sent: 0,
            under_way: 0,
            latencies: Vec::with_capacity(1 << 20),
            statuses: BTreeMap::new(),
            broken: 0,
            elapsed: Duration::ZERO,
            pid,
            windows: Vec::new(),
            window_began: (Instant::now(), 0, Duration::ZERO),
        })
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(self.connections.len().max(16));
        self.started = Instant::now();
        for index in 0..self.connections.len() {
            self.send(index, self.started)?;
        }
        while self.under_way > 0 {
            events.clear();
            match self.poll.poll(&mut events, Some(PATIENCE)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            if events.is_empty() {
                bail!("no answer for {PATIENCE:?}: the server is stuck");
            }
            for event in &events {
                let Token(index) = event.token();
                if event.is_writable() && !self.connections[index].unsent.is_empty() {
                    let unsent = std::mem::take(&mut self.connections[index].unsent);
                    self.write(index, &unsent);
                }
                if event.is_readable() || event.is_read_closed() {
                    self.read(index)?;
                }
            }
            self.end_window()?;
        }
        self.elapsed = self.started.elapsed();
        Ok(())
    }

    fn end_window(&mut self) -> anyhow::Result<()> {
        let Some(pid) = self.pid else { return Ok(()) };
        let (now, (began, answers, cpu)) = (Instant::now(), self.window_began);
        if now - began >= WINDOW {
            let server_cpu = fine_cpu(pid)?;
            if cpu > Duration::ZERO {
                let requests = (self.latencies.len() - answers) as u64;
                self.windows.push(Window { requests, server_cpu: server_cpu.saturating_sub(cpu) });
            }
            self.window_began = (now, self.latencies.len(), server_cpu);
        }
        Ok(())
    }

    fn is_over(&self, now: Instant) -> bool {
        match self.until {
            Until::Elapsed(duration) => now - self.started >= duration,
            Until::Requests(requests) => self.sent >= requests,
        }
    }

    /// Sends the next delivery, unless it is over.
    fn send(&mut self, index: usize, now: Instant) -> anyhow::Result<()> {
        if self.is_over(now) {
            return Ok(());
        }
        let connection = &mut self.connections[index];
        let repeats = self.sent % 100 < u64::from(self.plan.duplicates) && connection.guid != 0;
        if !repeats {
            connection.guid = self.plan.guids.fresh();
        }
        connection.asked = true;
        connection.sent_at = now;
        let which = usize::try_from(self.sent % self.plan.requests.len() as u64)?;
        let mut prepared = std::mem::take(&mut self.plan.requests[which]);
        self.write(index, prepared.as_delivery(self.connections[index].guid));
        self.plan.requests[which] = prepared;
        self.sent += 1;
        self.under_way += 1;
        Ok(())
    }

    /// Sends what the kernel takes, and keeps the rest for when it takes more.
    fn write(&mut self, index: usize, bytes: &[u8]) {
        let connection = &mut self.connections[index];
        let mut written = 0;
        while written < bytes.len() {
            match connection.stream.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The reading side tells what became of it.
                Err(_) => return,
            }
        }
        connection.unsent.extend_from_slice(&bytes[written..]);
    }

    fn read(&mut self, index: usize) -> anyhow::Result<()> {
        let connection = &mut self.connections[index];
        let mut chunk = [0; 4096];
        let closed = loop {
            match connection.stream.read(&mut chunk) {
                Ok(0) => break true,
                Ok(count) => {
                    connection.answer.extend_from_slice(&chunk[..count]);
                    // Less than asked for: there is no more, and the next bytes raise an event of their own.
                    if count < chunk.len() {
                        break false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break true,
            }
        };
        if !connection.asked {
            return Ok(());
        }
        match Answer::read(&connection.answer)? {
            Some(answer) => {
                connection.asked = false;
                let now = Instant::now();
                let micros = (now - connection.sent_at).as_micros();
                self.latencies.push(u32::try_from(micros).unwrap_or(u32::MAX));
                *self.statuses.entry(answer.status).or_default() += 1;
                connection.answer.drain(..answer.length);
                self.under_way -= 1;
                if closed || answer.closes {
                    self.reconnect(index)?;
                }
                self.send(index, now)
            }
            None if closed => {
                self.broken += 1;
                self.under_way -= 1;
                self.reconnect(index)?;
                self.send(index, Instant::now())
            }
            None => Ok(()),
        }
    }

    fn reconnect(&mut self, index: usize) -> anyhow::Result<()> {
        self.connections[index] = connect(self.plan.addr, &self.poll, index)?;
        Ok(())
    }
}

fn connect(addr: SocketAddr, poll: &Poll, index: usize) -> anyhow::Result<Connection> {
    let stream = std::net::TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream);
    poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
    Ok(Connection {
        stream,
        asked: false,
        sent_at: Instant::now(),
        guid: 0,
        unsent: Vec::new(),
        answer: Vec::new(),
    })
}
