//! A Prometheus of its own: Debian's program on this project's configuration, scraping what a test runs.

use super::files::root;
use serde_json::Value;
use std::{
    fmt::Write as _,
    fs,
    io::{self, Read, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Deadline of one question.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);

/// Ended when dropped.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    at: SocketAddr,
}

impl Prometheus {
    /// Starts `program` in `folder` on `deploy/prometheus`' configuration and alerts, with `targets` in place of the
    /// default one and a second between two scrapes. Waits until it is ready.
    ///
    /// # Errors
    /// The program does not start, or is not ready in time.
    pub fn start(program: &Path, folder: &Path, targets: &[SocketAddr]) -> io::Result<Self> {
        let deployed = root().join("deploy/prometheus");
        let targets: Vec<String> = targets.iter().map(|t| format!("\"{t}\"")).collect();
        let config = fs::read_to_string(deployed.join("prometheus.yml"))?
            .replace("\"127.0.0.1:9464\"", &targets.join(", "))
            .replace("scrape_interval: 5s", "scrape_interval: 1s")
            .replace("evaluation_interval: 15s", "evaluation_interval: 1s");
        fs::write(folder.join("prometheus.yml"), config)?;
        fs::copy(deployed.join("alerts.yml"), folder.join("alerts.yml"))?;
        let at = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(program)
            .current_dir(folder)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", "--log.level=warn"])
            .arg(format!("--web.listen-address={at}"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("prometheus.log"))?)
            .spawn()?;
        let this = Self { child, at };
        let started = Instant::now();
        while this.get("/-/ready", &[]).is_err() {
            if started.elapsed() > ASK_TIMEOUT {
                let log = fs::read_to_string(folder.join("prometheus.log")).unwrap_or_default();
                return Err(io::Error::other(format!("Prometheus is not ready: {log}")));
            }
            std::thread::sleep(Duration::from_millis(100)); // it tells nobody when it is
        }
        Ok(this)
    }

    /// Waits for the first scrape.
    ///
    /// # Errors
    /// It does not come, or what Prometheus says.
    pub fn scraped(&self) -> io::Result<()> {
        let started = Instant::now();
        while !self.label_values("__name__")?.iter().any(|name| name.starts_with("causeway_")) {
            if started.elapsed() > ASK_TIMEOUT {
                return Err(io::Error::other("no scrape succeeded"));
            }
            std::thread::sleep(Duration::from_millis(100)); // it tells nobody when it has scraped
        }
        Ok(())
    }

    /// Values of each series of `expr`, second by second over the last `seconds`.
    ///
    /// # Errors
    /// What Prometheus says of the expression.
    pub fn range(&self, expr: &str, end: u64, seconds: u64) -> io::Result<Vec<Vec<f64>>> {
        let (start, end) = ((end - seconds).to_string(), end.to_string());
        let fields = [("query", expr), ("start", &*start), ("end", &*end), ("step", "1")];
        let answer = self.ask("/api/v1/query_range", &fields)?;
        let number = |pair: &Value| pair[1].as_str().and_then(|v| v.parse().ok()).unwrap_or(f64::NAN);
        let values = |series: &Value| series["values"].as_array().into_iter().flatten().map(number).collect();
        Ok(answer["data"]["result"].as_array().into_iter().flatten().map(values).collect())
    }

    /// Values of a label.
    ///
    /// # Errors
    /// What Prometheus says.
    pub fn label_values(&self, label: &str) -> io::Result<Vec<String>> {
        let answer = self.ask(&format!("/api/v1/label/{label}/values"), &[])?;
        let texts = answer["data"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Ok(texts.map(str::to_owned).collect())
    }

    /// Rules with their health, as (name, health, last error).
    ///
    /// # Errors
    /// What Prometheus says.
    pub fn rules(&self) -> io::Result<Vec<(String, String, String)>> {
        let answer = self.ask("/api/v1/rules", &[])?;
        let groups = answer["data"]["groups"].as_array().into_iter().flatten();
        let rules = groups.flat_map(|g| g["rules"].as_array().into_iter().flatten());
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        Ok(rules.map(|r| (text(&r["name"]), text(&r["health"]), text(&r["lastError"]))).collect())
    }

    fn ask(&self, path: &str, fields: &[(&str, &str)]) -> io::Result<Value> {
        Ok(serde_json::from_str(&self.get(path, fields)?)?)
    }

    fn get(&self, path: &str, fields: &[(&str, &str)]) -> io::Result<String> {
        let query: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={}", encoded(v))).collect();
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) };
        let mut stream = TcpStream::connect_timeout(&self.at, ASK_TIMEOUT)?;
        stream.set_read_timeout(Some(ASK_TIMEOUT))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.at).as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if !head.contains(" 200 ") {
            return Err(io::Error::other(format!("{}: {body}", head.lines().next().unwrap_or_default())));
        }
        Ok(body.to_owned())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}"); // a String takes everything
        }
        out
    })
}
