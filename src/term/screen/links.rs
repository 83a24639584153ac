//! Hyperlinks (OSC 8, <https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda>).

/// Most links that are known at once.
const LINKS_MAX: usize = 512;
/// Longest address and identifier in bytes: VTE's limits.
const URI_MAX_BYTES: usize = 2083;
const ID_MAX_BYTES: usize = 250;
/// Most bytes of all of them.
const ALL_MAX_BYTES: usize = 64 * 1024;

#[derive(Clone, Debug, Default)]
pub struct Links {
    /// Identifier and address of link 1 and on.
    known: Vec<Option<(String, String)>>,
    /// How many bytes those have.
    pub(super) bytes: usize,
    /// Refusals since there was room.
    refused: u32,
}

impl Links {
    pub fn get(&self, link: u16) -> Option<(&str, &str)> {
        let (id, uri) = self.known.get(usize::from(link).checked_sub(1)?)?.as_ref()?;
        Some((id, uri))
    }

    /// The number of a link; `None` when it is too long or there are too many.
    pub fn number(&mut self, id: &str, uri: &str) -> Option<u16> {
        if uri.len() > URI_MAX_BYTES || id.len() > ID_MAX_BYTES {
            return None;
        }
        let same = |link: &Option<(String, String)>| link.as_ref().is_some_and(|link| link.0 == id && link.1 == uri);
        let at = match self.known.iter().position(same) {
            Some(at) => at,
            None if self.is_out_of_room(id.len() + uri.len()) => return None,
            None => {
                self.bytes += uri.len() + id.len();
                self.refused = 0;
                let new = Some((id.to_owned(), uri.to_owned()));
                match self.known.iter().position(Option::is_none) {
                    Some(at) => {
                        self.known[at] = new;
                        at
                    }
                    None => {
                        self.known.push(new);
                        self.known.len() - 1
                    }
                }
            }
        };
        u16::try_from(at + 1).ok()
    }

    fn is_out_of_room(&self, bytes: usize) -> bool {
        let has_place = self.known.len() < LINKS_MAX || self.known.iter().any(Option::is_none);
        !has_place || self.bytes + bytes > ALL_MAX_BYTES
    }

    /// Whether those that are not in use should be forgotten after a refusal; not each time, for all cells are looked at.
    pub fn may_sweep(&mut self) -> bool {
        const EACH: u32 = 64;
        self.refused = (self.refused + 1) % EACH;
        self.refused == 1
    }

    /// Forgets the links that are not in `used`.
    pub fn sweep(&mut self, used: impl Iterator<Item = u16>) {
        let mut keep = vec![false; self.known.len() + 1];
        for link in used {
            if let Some(kept) = keep.get_mut(usize::from(link)) {
                *kept = true;
            }
        }
        for (link, kept) in self.known.iter_mut().zip(&keep[1..]) {
            if !kept && let Some((id, uri)) = link.take() {
                self.bytes -= id.len() + uri.len();
            }
        }
    }
}
