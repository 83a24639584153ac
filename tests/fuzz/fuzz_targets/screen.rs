//! Whatever a program writes, cut anywhere, on a terminal that changes its size: nothing panics, the cuts change nothing, a
//! snapshot makes the same screen, and memory has its bounds.
#![no_main]

use arbitrary::Arbitrary;
use coop::name::WinSize;
use coop::term::screen::Form;
use coop::term::screen::Heard;
use coop::term::screen::Screen;
use libfuzzer_sys::fuzz_target;

/// As `heard.rs` says.
const ANSWERS_MAX_BYTES: usize = 64 * 1024;
const SIGNALS_MAX: usize = 256;

#[derive(Arbitrary, Debug)]
struct Story<'a> {
    rows: u8,
    cols: u8,
    piece: u8,
    history: bool,
    scenes: Vec<Scene<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Scene<'a> {
    Output(&'a [u8]),
    Resize { rows: u8, cols: u8 },
}

/// Of two columns at least, as in xterm.js.
fn size(rows: u8, cols: u8) -> WinSize {
    WinSize::clamped(u16::from(rows % 32) + 1, u16::from(cols) + 2)
}

fn run(story: &Story<'_>) {
    let fresh = || {
        let mut screen = Screen::new(size(story.rows, story.cols));
        if story.history {
            screen.keep_history(Form::Ansi, usize::MAX);
        }
        screen
    };
    let (mut whole, mut pieces) = (fresh(), fresh());
    let (mut heard, mut heard_in_pieces) = (Heard::default(), Heard::default());
    for scene in &story.scenes {
        match scene {
            Scene::Output(output) => {
                whole.feed(output, &mut heard);
                let parts = output.chunks(usize::from(story.piece).max(1));
                parts.for_each(|part| pieces.feed(part, &mut heard_in_pieces));
            }
            Scene::Resize { rows, cols } => {
                whole.resize(size(*rows, *cols));
                pieces.resize(size(*rows, *cols));
            }
        }
        check(&whole);
    }
    assert_eq!(heard, heard_in_pieces, "the cuts matter");
    assert!(heard.answers.len() <= ANSWERS_MAX_BYTES && heard.signals.len() <= SIGNALS_MAX);
    assert_eq!(whole.take_history(), pieces.take_history(), "the cuts matter");
    let snapshot = snapshot(&whole);
    assert_eq!(snapshot, self::snapshot(&pieces), "the cuts matter");
    let is_plain = |scene: &Scene<'_>| !matches!(scene, Scene::Output(output) if !output.is_ascii());
    // What cannot be restored has to do with wide characters and marks: `snapshot.rs` tells of it.
    let copy = restored(&whole, &snapshot);
    for y in 0..usize::from(whole.size().rows()) {
        if story.scenes.iter().all(is_plain) {
            assert_eq!(copy.row_text(y).trim_end(), whole.row_text(y).trim_end(), "row {y} of a snapshot");
        }
    }
}

fn restored(screen: &Screen, snapshot: &[u8]) -> Screen {
    let mut copy = Screen::new(screen.size());
    let mut heard = Heard::default();
    copy.feed(snapshot, &mut heard);
    assert!(heard.answers.is_empty(), "a snapshot asks something");
    assert_eq!((copy.size(), copy.in_alternate_screen()), (screen.size(), screen.in_alternate_screen()));
    assert_eq!(copy.title(), screen.title());
    assert_eq!(copy.keyboard_flags(), screen.keyboard_flags());
    copy
}

fn snapshot(screen: &Screen) -> Vec<u8> {
    let mut out = Vec::new();
    screen.snapshot(&mut out);
    out
}

fn check(screen: &Screen) {
    let (rows, cols) = (usize::from(screen.size().rows()), usize::from(screen.size().cols()));
    let (y, x, _) = screen.cursor();
    assert!(y < rows && x < cols, "the cursor is at {x}, {y}");
    let mut out = Vec::new();
    for y in 0..rows {
        screen.paint_row(y, 0..cols, &mut out);
    }
}

fuzz_target!(|story: Story<'_>| run(&story));
