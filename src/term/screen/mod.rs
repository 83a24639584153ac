//! The screen of a terminal: what a program's output makes of it, and bytes that make another terminal the same.
//!
//! It does what xterm.js 6 does with the `unicode11` addon and no scrollback, which runs in the page and is the oracle of
//! its tests, hidden state included. Where it differs on purpose: SGR 59 is the default underline colour; what lies right
//! of a narrowed alternate screen is lost, and so is half a wide character there; when a narrowed main screen is too small
//! for what is wrapped anew, its upper lines go (xterm.js may show others then); a mark at a pending wrap with nothing to join does not
//! leave the screen; REP is capped; and a cell holds at most [`clusters::MARKS_MAX`] combining marks.
//!
//! All of it is untrusted: every table, stack and string has a cap. Memory is 8 bytes a cell; some 60 bytes for each style
//! and some 100 for each character with marks that cells have of their own, a quarter more of both; and at most 200 KiB of
//! titles, links and an unfinished string.

#![allow(clippy::cast_possible_truncation)] // every coordinate is below 4097, every code point below 2^21

mod answers;
mod buffer;
mod charset;
mod clusters;
mod colours;
mod control;
mod edit;
mod flood;
mod grid;
mod heard;
mod history;
mod links;
mod mode;
mod osc;
mod paint;
mod pen;
mod print;
mod reflow;
mod resize;
mod snapshot;
mod style;
mod width;

pub use colours::Special as SpecialColours;
pub use heard::Heard;
pub use heard::Signal;
pub use history::Form;
pub use mode::Mouse;
pub use mode::MouseEncoding;

use crate::name::WinSize;
use crate::term::framer::Framer;
use crate::term::framer::Unit;
use crate::term::framer::What;
use buffer::Buffer;
use charset::Charset;
use clusters::Clusters;
use colours::Colours;
use grid::Cell;
use grid::Grid;
use history::History;
use links::Links;
use mode::Modes;
use osc::Titles;
use pen::Pen;
use style::Styles;

/// A cell's width and height, for who asks: no client tells its own.
const CELL_PIXELS: (usize, usize) = (8, 16);

/// A terminal without a window.
#[derive(Clone, Debug)]
pub struct Screen {
    framer: Framer,
    rows: usize,
    cols: usize,
    /// Main and alternate.
    buffers: [Buffer; 2],
    /// Which of them is shown.
    active: usize,
    /// Column; the number of columns while a wrap is pending.
    x: usize,
    y: usize,
    pen: Pen,
    /// The pen's word, while nothing has changed it.
    pen_word: Option<u32>,
    charsets: [Charset; 4],
    level: usize,
    /// The one in use, which ESC 8 sets without the level.
    charset: Charset,
    modes: Modes,
    /// Width of the character printed last, 0 when something else came since.
    last_width: usize,
    styles: Styles,
    clusters: Clusters,
    links: Links,
    titles: Titles,
    colours: Colours,
    history: Option<History>,
    generation: u64,
    /// The generation in which each row changed last.
    changed: Vec<u64>,
    all_changed: u64,
}

impl Screen {
    pub fn new(size: WinSize) -> Self {
        // A size that came over a wire may not have been looked at.
        let size = WinSize::clamped(size.rows(), size.cols());
        let (rows, cols) = (usize::from(size.rows()), usize::from(size.cols()));
        Self {
            framer: Framer::default(),
            rows,
            cols,
            buffers: [
                Buffer::new(rows, cols, Some(Grid::new(rows, cols, Cell::null(0)))),
                Buffer::new(rows, cols, None),
            ],
            active: 0,
            x: 0,
            y: 0,
            pen: Pen::default(),
            pen_word: None,
            charsets: [0; 4],
            level: 0,
            charset: 0,
            modes: Modes::default(),
            last_width: 0,
            styles: Styles::new(),
            clusters: Clusters::default(),
            links: Links::default(),
            titles: Titles::default(),
            colours: Colours::default(),
            history: None,
            generation: 1,
            changed: vec![1; rows],
            all_changed: 1,
        }
    }

    /// Takes the next bytes of the output, cut anywhere. What they ask and tell is added to `heard`.
    pub fn feed(&mut self, bytes: &[u8], heard: &mut Heard) {
        self.feed_some(bytes, usize::MAX, heard);
    }

    /// The same with the first of `bytes`: until `most` of them or a few more were drawn. How many it took.
    pub fn feed_some(&mut self, bytes: &[u8], most: usize, heard: &mut Heard) -> usize {
        self.generation += 1;
        let mut framer = std::mem::take(&mut self.framer);
        let (mut rest, mut left) = (bytes, most);
        while !rest.is_empty() && left > 0 {
            let (skipped, searched) = if framer.at_start() { self.skip_flood(rest) } else { (0, 0) };
            // Where there was none, the next is not looked for at once.
            let drawn = (searched - skipped + flood::LEAST_BYTES).min(left).min(rest.len() - skipped);
            self.draw(&mut framer, &rest[skipped..skipped + drawn], heard);
            rest = &rest[skipped + drawn..];
            left -= drawn;
        }
        self.framer = framer;
        bytes.len() - rest.len()
    }

    fn draw(&mut self, framer: &mut Framer, mut bytes: &[u8], heard: &mut Heard) {
        loop {
            if framer.usual(&mut bytes, |raw, what| self.act(raw, what, heard)) {
                continue;
            }
            let Some(Unit { raw, controls, what, .. }) = framer.next(&mut bytes) else { return };
            controls.iter().for_each(|&control| self.control(control, heard));
            self.act(raw, what, heard);
        }
    }

    #[inline(always)]
    fn act(&mut self, raw: &[u8], what: What<'_>, heard: &mut Heard) {
        match what {
            What::Text { is_ascii } => return self.print(raw, is_ascii),
            What::Control(control) => return self.control(control, heard),
            What::Escape { intermediate, last } => self.escape(intermediate, last, heard),
            What::Csi { prefix, intermediate, last, params } => {
                self.csi(prefix, intermediate, last, params, heard);
            }
            What::String { kind, body, ended_by_bell } => self.string(kind, body, ended_by_bell, heard),
            What::Piece { is_last: false, .. } => return,
            What::Piece { .. } => {}
            // Only CAN and SUB do something by themselves: they end a character.
            What::Nothing if !raw.ends_with(b"\x18") && !raw.ends_with(b"\x1a") => return,
            What::Nothing => {}
        }
        self.last_width = 0;
    }

    pub fn size(&self) -> WinSize {
        WinSize::clamped(self.rows as u16, self.cols as u16)
    }

    /// Row and column from 0, and whether it is shown. The column is the last one while a wrap is pending.
    pub fn cursor(&self) -> (usize, usize, bool) {
        (self.y, self.x.min(self.cols - 1), !self.modes.cursor_is_hidden)
    }

    pub fn title(&self) -> &str {
        &self.titles.window
    }

    pub fn in_alternate_screen(&self) -> bool {
        self.active == 1
    }

    /// Whether the output ends outside of any sequence and character.
    #[allow(dead_code)] // for tests
    pub fn at_ground(&self) -> bool {
        self.framer.at_ground()
    }

    /// The bytes of the unfinished sequence or character; of a long string those behind its last piece.
    pub fn held(&self) -> &[u8] {
        self.framer.held()
    }

    pub fn has_application_cursor_keys(&self) -> bool {
        self.modes.is_on(1)
    }

    pub fn has_application_keypad(&self) -> bool {
        self.modes.is_on(66)
    }

    /// DECBKM: the backspace key sends BS.
    pub fn backspace_sends_bs(&self) -> bool {
        self.modes.is_on(67)
    }

    /// LNM: the enter key sends CR LF.
    pub fn enter_sends_crlf(&self) -> bool {
        self.modes.returns
    }

    pub fn has_bracketed_paste(&self) -> bool {
        self.modes.is_on(2004)
    }

    pub fn reports_focus(&self) -> bool {
        self.modes.is_on(1004)
    }

    pub fn mouse(&self) -> (Mouse, MouseEncoding) {
        (self.modes.mouse, self.modes.mouse_encoding)
    }

    /// The flags of kitty's keyboard protocol.
    pub fn keyboard_flags(&self) -> u8 {
        self.buffers[self.active].keyboard.flags()
    }

    /// xterm's modifyOtherKeys.
    pub fn other_keys(&self) -> u8 {
        self.modes.other_keys
    }

    /// Foreground, background and cursor of the terminal that this one is shown in: what a program hears that asks, unless
    /// it has set others.
    pub fn set_outer_colours(&mut self, colours: SpecialColours) {
        self.colours.outer = colours;
    }

    /// Whether the program asked that nothing be shown until it is done (2026).
    pub fn is_synchronizing(&self) -> bool {
        self.modes.is_on(2026)
    }

    /// Counts the calls of [`feed`](Self::feed) and [`resize`](Self::resize).
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The generation in which row `y` changed last.
    pub fn row_changed(&self, y: usize) -> u64 {
        self.changed.get(y).map_or(0, |&changed| changed.max(self.all_changed))
    }

    /// Keeps lines that leave the top of the main screen, from now on.
    pub fn keep_history(&mut self, form: Form, most: usize) {
        self.history = Some(History::new(form, most));
    }

    /// The lines that left since the last call.
    pub fn take_history(&mut self) -> Vec<u8> {
        self.history.as_mut().map(History::take).unwrap_or_default()
    }

    /// How many rows have left the screen since history is kept.
    pub fn history_rows(&self) -> u64 {
        self.history.as_ref().map_or(0, |history| history.rows)
    }

    fn buffer(&self) -> &Buffer {
        &self.buffers[self.active]
    }

    fn buffer_mut(&mut self) -> &mut Buffer {
        &mut self.buffers[self.active]
    }

    fn grid(&self) -> &Grid {
        &self.buffers[self.active].grid
    }

    fn grid_mut(&mut self) -> &mut Grid {
        &mut self.buffers[self.active].grid
    }

    /// An empty cell in the pen's background.
    fn blank(&mut self) -> Cell {
        Cell::null(self.background_word())
    }

    fn touch(&mut self, y: usize) {
        self.changed[y] = self.generation;
    }

    fn touch_rows(&mut self, from: usize, to: usize) {
        self.changed[from..=to].fill(self.generation);
    }

    fn touch_all(&mut self) {
        self.all_changed = self.generation;
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

#[cfg(test)]
mod oracle_tests;
