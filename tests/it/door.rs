//! A client that speaks the daemon's protocol itself, for what `coop` would never do.

use crate::home::Home;
use serde_json::Value;
use serde_json::json;
use std::io::Read;
use std::io::Write;
use std::os::unix::net::UnixStream;

pub struct Door(UnixStream);

impl Door {
    /// Greets a daemon that runs.
    pub fn open(home: &Home) -> Self {
        let mut door = Self(UnixStream::connect(home.coop_home().join("sock")).unwrap());
        door.0.set_read_timeout(Some(crate::wait::LIMIT)).unwrap();
        door.say(&json!({"protocol": 2, "version": "test", "build": "test", "any_build": true, "idle_exit_s": null}));
        let welcome = door.hear();
        assert_eq!(welcome["serves"], true, "{welcome}");
        door
    }

    pub fn say(&mut self, message: &Value) {
        self.frame(1, message.to_string().as_bytes());
    }

    pub fn type_keys(&mut self, keys: &str) {
        self.frame(0, keys.as_bytes());
    }

    fn frame(&mut self, tag: u8, payload: &[u8]) {
        let length = u32::try_from(payload.len() + 1).unwrap().to_be_bytes();
        self.0.write_all(&[&length[..], &[tag], payload].concat()).unwrap();
    }

    /// The next message; terminal bytes before it are passed over.
    pub fn hear(&mut self) -> Value {
        loop {
            let mut head = [0; 5];
            self.0.read_exact(&mut head).unwrap();
            let length = u32::from_be_bytes(head[..4].try_into().unwrap());
            let mut payload = vec![0; length as usize - 1];
            self.0.read_exact(&mut payload).unwrap();
            if head[4] == 1 {
                return serde_json::from_slice(&payload).unwrap();
            }
        }
    }

    /// Attaches with a keyboard, by way of the daemon.
    pub fn attach(&mut self, session: &str) {
        self.ask_to_attach(session);
        let attached = self.hear();
        assert!(attached["ok"].is_object(), "{attached}");
    }

    /// Without waiting for the answer.
    pub fn ask_to_attach(&mut self, session: &str) {
        self.say(&json!({"call": "attach", "session": session, "pty": 0, "role": "terminal",
            "size": {"rows": 24, "cols": 80}, "resume": null, "client": 77, "typed": 0}));
    }
}
