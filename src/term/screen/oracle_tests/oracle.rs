//! The oracle's process.

use std::io::BufRead;
use std::io::BufReader;
use std::io::ErrorKind;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

/// `tests` of the repository, or a copy of it.
pub fn tests() -> PathBuf {
    std::env::var_os("COOP_TESTS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), PathBuf::from)
}

/// One process, that answers one job after the other.
pub struct Oracle {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Oracle {
    pub fn start() -> Option<Self> {
        let home = tests().join("oracle");
        let mut node = Command::new("node");
        node.arg("oracle.js").current_dir(&home).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = match node.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("skipped: node is not installed");
                return None;
            }
            Err(error) => panic!("node: {error}"),
        };
        assert!(home.join("node_modules").is_dir(), "xterm.js is missing: npm ci --prefix {}", home.display());
        let (stdin, stdout) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        Some(Self { child, stdin, stdout })
    }

    pub fn ask(&mut self, job: &serde_json::Value) -> Vec<Vec<String>> {
        let job = job.to_string();
        write!(self.stdin, "{}\n{job}", job.len()).unwrap();
        self.stdin.flush().unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// The state at each [`Step::Look`], and at the end.
    pub fn states(&mut self, cols: usize, rows: usize, steps: &[Step]) -> Vec<Vec<String>> {
        let steps: Vec<_> = steps
            .iter()
            .map(|step| match step {
                Step::Write(bytes) => serde_json::json!(base64(bytes)),
                Step::Resize(cols, rows) => serde_json::json!([cols, rows]),
                Step::Look => serde_json::json!(null),
            })
            .collect();
        self.ask(&serde_json::json!({ "cols": cols, "rows": rows, "steps": steps }))
    }

    pub fn state(&mut self, cols: usize, rows: usize, steps: &[Step]) -> Vec<String> {
        self.states(cols, rows, steps).pop().unwrap()
    }

    /// What the terminal would have typed into the program.
    pub fn answers(&mut self, output: &[u8]) -> String {
        self.ask(&serde_json::json!({ "cols": 80, "rows": 24, "steps": [base64(output)], "answers": true }))
            .concat()
            .concat()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[derive(Clone)]
pub enum Step {
    Write(Vec<u8>),
    /// Columns and rows.
    Resize(usize, usize),
    Look,
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, &b| bits << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            out.push(if at > chunk.len() { '=' } else { char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]) });
        }
    }
    out
}
