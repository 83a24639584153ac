//! "Something in the list of sessions is different": whoever shows the list looks again. No event is queued, so nobody who
//! is slow can make the daemon remember anything.

use tokio::sync::watch;

#[derive(Clone, Debug)]
pub struct Changes(watch::Sender<u64>);

impl Default for Changes {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Changes {
    pub fn announce(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    pub fn listen(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
