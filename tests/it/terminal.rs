//! A terminal as a user has it: a real PTY, a program on it, and a screen that shows what the program drew.

use crate::picture;
use crate::processes;
use crate::ran::shell_code;
use crate::wait::LIMIT;
use crate::wait::wait_or;
use crate::wait::wait_until;
use nix::errno::Errno;
use nix::fcntl::FcntlArg;
use nix::fcntl::OFlag;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::pty::Winsize;
use nix::sys::signal::Signal;
use nix::sys::termios::LocalFlags;
use nix::sys::termios::Termios;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

pub const ROWS: u16 = 24;
pub const COLS: u16 = 80;
/// Lines that the terminal keeps of what has left its screen.
const SCROLLBACK: usize = 5000;
/// How long the reader waits before it looks whether it is to stop, in milliseconds.
const LOOK_MS: u8 = 20;

/// Whoever takes what the program writes.
type Sink = Box<dyn FnMut(&[u8]) + Send>;

pub struct Terminal {
    master: Arc<OwnedFd>,
    child: Child,
    seen: Arc<Mutex<Seen>>,
    /// While a test holds it, nothing is read.
    gate: Arc<Mutex<()>>,
    stop: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

struct Seen {
    screen: vt100::Parser,
    raw: Vec<u8>,
}

impl Terminal {
    /// Starts `command`, which must begin with `setsid -c` ([`crate::home::Home::on_terminal`]), on a terminal of its own.
    pub fn run(command: Command) -> Self {
        Self::sized(ROWS, COLS, command)
    }

    /// As [`Terminal::run`], with a size of one's own.
    pub fn sized(rows: u16, cols: u16, command: Command) -> Self {
        Self::with_sink((rows, cols), command, None)
    }

    /// As [`Terminal::run`], but what is written goes to `sink` only: there is no screen.
    pub fn feeding(command: Command, sink: impl FnMut(&[u8]) + Send + 'static) -> Self {
        Self::with_sink((ROWS, COLS), command, Some(Box::new(sink)))
    }

    fn with_sink((rows, cols): (u16, u16), mut command: Command, sink: Option<Sink>) -> Self {
        let size = Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = nix::pty::openpty(Some(&size), None).unwrap();
        for end in [&pty.master, &pty.slave] {
            nix::fcntl::fcntl(end, FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC)).unwrap();
        }
        let ends = [(); 3].map(|()| pty.slave.try_clone().unwrap());
        let [input, output, errors] = ends;
        let child = command.stdin(input).stdout(output).stderr(errors).spawn().unwrap();
        // Neither the command nor this process may keep the program's side open: its end must be seen.
        drop((command, pty.slave));
        nix::fcntl::fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK)).unwrap();
        let seen = Arc::new(Mutex::new(Seen { screen: vt100::Parser::new(rows, cols, SCROLLBACK), raw: Vec::new() }));
        let (master, gate, stop) = (Arc::new(pty.master), Arc::default(), Arc::default());
        let reader = Reader {
            master: Arc::clone(&master),
            gate: Arc::clone(&gate),
            stop: Arc::clone(&stop),
            sink: sink.unwrap_or_else(|| screen_sink(Arc::clone(&seen))),
        };
        let reader = Some(std::thread::spawn(move || reader.run()));
        Self { master, child, seen, gate, stop, reader }
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// What the screen shows now, without the empty ends of its lines.
    pub fn screen(&self) -> String {
        let contents = self.seen.lock().unwrap().screen.screen().contents();
        let lines: Vec<&str> = contents.lines().map(str::trim_end).collect();
        lines.join("\n")
    }

    /// The lines that have left the screen, oldest first.
    pub fn history(&self) -> Vec<String> {
        let mut seen = self.seen.lock().unwrap();
        let screen = seen.screen.screen_mut();
        screen.set_scrollback(usize::MAX);
        let mut lines = Vec::new();
        while screen.scrollback() > 0 {
            let cols = screen.size().1;
            lines.push(screen.rows(0, cols).next().unwrap_or_default().trim_end().to_owned());
            screen.set_scrollback(screen.scrollback() - 1);
        }
        lines
    }

    /// Waits until cells, cursor and modes are as they are told by [`picture::of`].
    #[track_caller]
    pub fn wait_for_picture(&self, what: &str, wanted: &str) {
        if wait_or(LIMIT, || (self.ask(picture::of) == wanted).then_some(())).is_none() {
            panic!(
                "{what}:\n{}\n-- last written:\n{:?}",
                picture::difference(&self.ask(picture::of), wanted),
                self.tail()
            );
        }
    }

    fn tail(&self) -> String {
        let text = self.text();
        text.chars().skip(text.chars().count().saturating_sub(2000)).collect()
    }

    /// A question to the screen itself: modes, cursor, size.
    pub fn ask<T>(&self, question: impl FnOnce(&vt100::Screen) -> T) -> T {
        question(self.seen.lock().unwrap().screen.screen())
    }

    /// All that was ever written.
    pub fn raw(&self) -> Vec<u8> {
        self.seen.lock().unwrap().raw.clone()
    }

    /// All that was ever written, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw()).into_owned()
    }

    pub fn type_keys(&self, keys: &str) {
        self.type_bytes(keys.as_bytes());
    }

    /// Waits as long as the program does not take what is typed.
    pub fn type_bytes(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let wrote = wait_until("the terminal takes what is typed", LIMIT, || {
                match nix::unistd::write(&*self.master, bytes) {
                    Ok(n) => Some(n),
                    Err(Errno::EAGAIN) => None,
                    Err(error) => panic!("cannot type: {error}\n{}", self.screen()),
                }
            });
            bytes = &bytes[wrote..];
        }
    }

    #[track_caller]
    pub fn wait_for_text(&self, text: &str, limit: Duration) {
        self.wait_for(text, limit, |screen| screen.contains(text));
    }

    /// Waits until these bytes were written, whatever they show.
    #[track_caller]
    pub fn wait_for_written(&self, bytes: &str) {
        let found = wait_or(LIMIT, || self.text().contains(bytes).then_some(()));
        assert!(found.is_some(), "{bytes:?} is not in what was last written:\n{:?}", self.tail());
    }

    /// Waits until the screen is as `fact` says.
    #[track_caller]
    pub fn wait_for(&self, what: &str, limit: Duration, fact: impl Fn(&str) -> bool) {
        let found = wait_or(limit, || fact(&self.screen()).then_some(()));
        let tail = self.tail();
        assert!(
            found.is_some(),
            "no {what:?} after {limit:?}; the screen:\n{}\n-- last written:\n{tail:?}",
            self.screen()
        );
    }

    /// Waits for the program's end and gives its code, as a shell says it.
    #[track_caller]
    pub fn exit_code(&mut self, limit: Duration) -> i32 {
        let status = wait_or(limit, || self.child.try_wait().unwrap());
        let status = status.unwrap_or_else(|| panic!("still running after {limit:?}; the screen:\n{}", self.screen()));
        shell_code(status)
    }

    /// Nothing is read while the guard lives: the program sees a terminal that takes nothing.
    pub fn stop_reading(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap()
    }

    /// The terminal's settings. (Of the pair's other side: Linux keeps them there.)
    /// A client has taken over: what is typed before it does, the terminal itself may act on.
    pub fn wait_until_raw(&self) {
        self.wait_for("a raw terminal", LIMIT, |_| !self.settings().local_flags.contains(LocalFlags::ICANON));
    }

    pub fn settings(&self) -> Termios {
        nix::sys::termios::tcgetattr(&*self.master).unwrap()
    }

    pub fn resize(&self, rows: u16, cols: u16) {
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
        // What the program draws for the new size must not come to the old one.
        let mut seen = self.seen.lock().unwrap();
        rustix::termios::tcsetwinsize(&*self.master, size).unwrap();
        // What a terminal of next to no size shows, or of one that fits into no memory, is nobody's business.
        if (2..=1000).contains(&rows) && (2..=1000).contains(&cols) {
            seen.screen.screen_mut().set_size(rows, cols);
        }
    }

    /// Closes the window: the program is hung up. Gives the program.
    pub fn close(mut self) -> i32 {
        self.stop_reader();
        let pid = self.pid();
        let (master, _) = nix::unistd::pipe().unwrap();
        // The last one who holds the master goes.
        self.master = Arc::new(master);
        let status = wait_until("the client ends with its terminal", LIMIT, || self.child.try_wait().unwrap());
        assert!(!processes::is_alive(pid));
        shell_code(status)
    }

    fn stop_reader(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            assert!(reader.join().is_ok() || std::thread::panicking(), "what the terminal showed was wrong: see above");
        }
    }

    /// Fails now if the sink has.
    pub fn check_sink(&self) {
        assert!(self.reader.as_ref().is_some_and(|r| !r.is_finished()), "the terminal's reader has ended: see above");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            processes::send(self.pid(), Signal::SIGKILL);
            if let Err(error) = self.child.wait() {
                eprintln!("cannot wait for {}: {error}", self.child.id());
            }
        }
        self.stop_reader();
    }
}

fn screen_sink(seen: Arc<Mutex<Seen>>) -> Sink {
    Box::new(move |bytes| {
        let mut seen = seen.lock().unwrap();
        seen.screen.process(bytes);
        seen.raw.extend_from_slice(bytes);
    })
}

struct Reader {
    master: Arc<OwnedFd>,
    gate: Arc<Mutex<()>>,
    stop: Arc<AtomicBool>,
    sink: Sink,
}

impl Reader {
    /// Until it is told to stop, or the last holder of the program's side is gone.
    fn run(mut self) {
        let mut bytes = vec![0; 64 << 10];
        while !self.stop.load(Ordering::Relaxed) {
            let mut wanted = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            let ready = nix::poll::poll(&mut wanted, PollTimeout::from(LOOK_MS));
            if matches!(ready, Ok(0) | Err(Errno::EINTR)) {
                continue;
            }
            let open = self.gate.lock().unwrap();
            let read = nix::unistd::read(&*self.master, &mut bytes);
            drop(open);
            match read {
                Ok(0) | Err(Errno::EIO) => return,
                Ok(n) => (self.sink)(&bytes[..n]),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(error) => panic!("cannot read the terminal: {error}"),
            }
        }
    }
}
