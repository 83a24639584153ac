//! What was typed. What it means is each verb's own business.

use crate::name::PtyId;
use crate::name::SessionName;
use clap::Args;
use clap::Parser;
use clap::Subcommand;
use std::path::PathBuf;

/// Run AI coding agents in boxes they cannot leave; their terminals survive everything.
///
/// Without a command: attach to this workspace's session, start it again if it has ended, or create it.
#[derive(Debug, Parser)]
#[command(name = "coop", version, term_width = 80)]
#[command(override_usage = "coop [OPTIONS] [-- CMD...]\n       coop COMMAND ...")]
pub struct Command {
    #[command(flatten)]
    pub open: Open,
    #[command(flatten)]
    pub own: Own,
    #[command(flatten)]
    pub daemon: Daemon,
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

#[derive(Debug, Args)]
pub struct Global {
    /// The daemon's socket, instead of ~/.coop/sock
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Say more; a daemon that this command starts logs more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Say nothing but what was asked for, and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// Of the commands that start a session, or say what one would be.
#[derive(Debug, Args)]
pub struct Own {
    /// Your own settings, instead of ~/.config/coop/default.toml
    #[arg(long, value_name = "PATH")]
    pub config: Option<PathBuf>,
}

/// Of the commands that speak to the daemon.
#[derive(Debug, Args)]
pub struct Daemon {
    /// Let the daemon end after so many seconds without sessions and clients [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=31_536_000))]
    pub idle_exit: Option<u64>,
}

#[derive(Debug, Args)]
pub struct Open {
    /// Do not attach
    #[arg(short, long)]
    pub detach: bool,
    /// The project directory [default: the current one]
    #[arg(short, long, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// The session's name [default: from the workspace's]
    #[arg(short, long, value_name = "NAME")]
    pub name: Option<SessionName>,
    /// Run this instead of the agent
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Attach to a session's terminal
    Attach {
        /// A name or a workspace's path [default: this workspace's session]
        session: Option<String>,
        /// The terminal: 0 is the agent's
        #[arg(long, value_name = "N", default_value = "0", value_parser = pty)]
        pty: PtyId,
        /// Only look: nothing is typed, and the size is not changed
        #[arg(long)]
        view: bool,
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Open a new shell in a session's box
    Shell {
        /// A name or a workspace's path [default: this workspace's session]
        session: Option<String>,
        /// Run this command instead of an interactive shell
        #[arg(short, long, value_name = "COMMAND")]
        command: Option<String>,
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Show what a terminal shows now
    Screen {
        /// A name or a workspace's path [default: this workspace's session]
        session: Option<String>,
        /// The terminal: 0 is the agent's
        #[arg(long, value_name = "N", default_value = "0", value_parser = pty)]
        pty: PtyId,
        /// As plain text (the default)
        #[arg(long, group = "form")]
        text: bool,
        /// With colours and attributes
        #[arg(long, group = "form")]
        ansi: bool,
        /// As JSON, with cursor, title, modes, state and activity (docs/protocol.md)
        #[arg(long, group = "form")]
        json: bool,
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Show what a terminal has shown: the last MiB of its output
    Output {
        /// A name or a workspace's path [default: this workspace's session]
        session: Option<String>,
        /// The terminal: 0 is the agent's
        #[arg(long, value_name = "N", default_value = "0", value_parser = pty)]
        pty: PtyId,
        /// Go on showing what is added
        #[arg(short, long)]
        follow: bool,
        /// Only so many lines
        #[arg(short = 'n', value_name = "LINES")]
        lines: Option<usize>,
        /// The program's own bytes, instead of lines of text
        #[arg(long)]
        raw: bool,
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Type into a terminal: text, keys and pastes, as its user would
    ///
    /// A CHUNK is a text, `key:NAME` (enter, up, f5, ctrl+c, shift+tab, ...), `key:hex:1b5b41`,
    /// `paste:@FILE`, or `-` to paste standard input. `text:...` is a text that looks like none of these.
    Send {
        /// A name or a workspace's path; `.` is this workspace's session
        session: String,
        /// What to type, in this order
        #[arg(required = true, allow_hyphen_values = true, value_name = "CHUNK")]
        chunks: Vec<String>,
        /// The terminal: 0 is the agent's
        #[arg(long, value_name = "N", default_value = "0", value_parser = pty)]
        pty: PtyId,
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Wait until something holds of a terminal: exit code 0 when it does, 1 when the time is over
    Wait {
        /// A name or a workspace's path [default: this workspace's session]
        session: Option<String>,
        /// waiting, idle, exit, text:REGEX (on the screen), quiet:DURATION (without output)
        #[arg(long = "for", value_name = "CONDITION")]
        condition: String,
        /// How long at most: 500ms, 5s, 2m, 1h [default: for ever]
        #[arg(long, value_name = "DURATION")]
        timeout: Option<String>,
        /// The terminal: 0 is the agent's
        #[arg(long, value_name = "N", default_value = "0", value_parser = pty)]
        pty: PtyId,
        #[command(flatten)]
        daemon: Daemon,
    },
    /// List sessions
    Ls {
        /// As JSON (docs/protocol.md)
        #[arg(long)]
        json: bool,
        /// Go on, and show the list again whenever it has changed
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        daemon: Daemon,
    },
    /// End a session: every process of its box, and what it wrote outside of the workspace
    Kill {
        /// A name or a workspace's path [default: this workspace's session]
        #[arg(conflicts_with = "all")]
        session: Option<String>,
        /// All sessions
        #[arg(long)]
        all: bool,
        /// Without the 5 seconds of grace
        #[arg(short, long)]
        force: bool,
        /// Also what persists, such as agents' logins; of a killed session too
        #[arg(long)]
        forget: bool,
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Start a session's agent afresh, in the same box
    Restart {
        /// A name or a workspace's path [default: this workspace's session]
        session: Option<String>,
        #[command(flatten)]
        own: Own,
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Show what runs and what a new session here would be
    Status {
        /// As JSON (docs/protocol.md)
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        own: Own,
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Show what a project's coop.toml asks for, and allow it
    Trust {
        /// The project [default: the current directory]
        #[arg(value_name = "DIR")]
        workspace: Option<PathBuf>,
        /// Allow it without asking
        #[arg(short, long)]
        yes: bool,
        #[command(flatten)]
        own: Own,
    },
    /// Find out what this machine can hold, and attack a box to see whether it holds
    Doctor {
        /// As JSON (docs/protocol.md)
        #[arg(long)]
        json: bool,
    },
    /// End the daemon; sessions live on, and the next command finds them
    Shutdown,
    /// Show the daemon's log
    Logs {
        /// Go on showing what is added
        #[arg(short, long)]
        follow: bool,
        /// How many lines
        #[arg(short = 'n', value_name = "LINES", default_value_t = 50)]
        lines: usize,
    },
    /// Print a completion script
    Completions { shell: clap_complete::Shell },
    /// Print the manual page, or write all of them into a directory
    Man {
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Build the root file system from the Coopfile (not in this build)
    Init {
        /// The Coopfile
        #[arg(short, long, value_name = "PATH", default_value = "./coop.toml")]
        file: PathBuf,
        /// Use nothing that was built or fetched before
        #[arg(long)]
        no_cache: bool,
    },
    /// Build the root file system anew (not in this build)
    Rebuild,
    /// Open the web interface (not in this build)
    Serve {
        #[arg(short, long, default_value_t = 8888)]
        port: u16,
        #[arg(short = 'H', long, default_value = "127.0.0.1")]
        host: String,
        #[arg(long)]
        token: Option<String>,
        #[arg(long)]
        stop: bool,
    },
    /// Reach sessions from a phone (not in this build)
    Tunnel {
        #[arg(long, value_name = "URL")]
        stun: Option<String>,
        #[arg(long)]
        no_stun: bool,
        #[arg(long)]
        no_qr: bool,
    },
}

impl Verb {
    /// Takes what was said behind the verb, for the options that it has; `None` where it has no such option.
    pub fn own(&mut self) -> Option<&mut Own> {
        match self {
            Self::Restart { own, .. } | Self::Status { own, .. } | Self::Trust { own, .. } => Some(own),
            _ => None,
        }
    }

    /// As [`Verb::own`].
    pub fn daemon(&mut self) -> Option<&mut Daemon> {
        match self {
            Self::Attach { daemon, .. }
            | Self::Shell { daemon, .. }
            | Self::Screen { daemon, .. }
            | Self::Output { daemon, .. }
            | Self::Send { daemon, .. }
            | Self::Wait { daemon, .. }
            | Self::Ls { daemon, .. }
            | Self::Kill { daemon, .. }
            | Self::Restart { daemon, .. }
            | Self::Status { daemon, .. } => Some(daemon),
            _ => None,
        }
    }
}

impl Command {
    /// Options may stand before the verb or behind it; behind it they count more. Gives one that this verb has no use for,
    /// with who has: none is ignored in silence.
    pub fn gather(&mut self) -> Result<(), (&'static str, &'static str)> {
        let Some(verb) = &mut self.verb else { return Ok(()) };
        match verb.own() {
            Some(own) => self.own.config = own.config.take().or(self.own.config.take()),
            None if self.own.config.is_some() => {
                return Err((
                    "--config",
                    "it counts where a session is started: `coop`, `coop restart`, `coop status`, `coop trust`",
                ));
            }
            None => {}
        }
        match verb.daemon() {
            Some(daemon) => self.daemon.idle_exit = daemon.idle_exit.or(self.daemon.idle_exit),
            None if self.daemon.idle_exit.is_some() => {
                return Err(("--idle-exit", "it counts where the daemon is spoken to or started"));
            }
            None => {}
        }
        Ok(())
    }
}

impl Open {
    /// The first option that was given although it says nothing to a subcommand.
    pub fn given(&self) -> Option<&'static str> {
        let given = [
            (self.detach, "--detach"),
            (self.workspace.is_some(), "--workspace"),
            (self.name.is_some(), "--name"),
            (!self.command.is_empty(), "-- CMD"),
        ];
        given.iter().find(|(is_given, _)| *is_given).map(|(_, option)| *option)
    }
}

fn pty(text: &str) -> Result<PtyId, String> {
    text.parse().map(PtyId).map_err(|_| "a terminal is a number, as `coop ls --json` shows it".to_owned())
}
