//! Recordings of real programs (`tests/streams`), cut at random places.

use super::Oracle;
use super::Random;
use super::Step;
use super::describe;
use super::first_difference;
use super::fresh;
use super::oracle::tests;
use super::take;
use crate::term::filter::Filter;
use crate::term::screen::Heard;
use serde::Deserialize;
use std::path::Path;

const CUTS: usize = 40;
/// A snapshot and what follows is compared so many cuts later.
const LATER: usize = 8;

#[derive(Deserialize)]
struct About {
    cols: usize,
    rows: usize,
    /// Byte, columns and rows: the size from that byte on.
    #[serde(default)]
    resizes: Vec<(usize, usize, usize)>,
}

struct Recording {
    name: String,
    about: About,
    stream: Vec<u8>,
}

fn recordings() -> Vec<Recording> {
    let home = tests().join("streams");
    let mut paths: Vec<_> = std::fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "stream"));
    paths.sort();
    assert!(paths.len() >= 19, "{} has {} streams", home.display(), paths.len());
    let read = |path: &Path| {
        let about = std::fs::read(path.with_extension("json")).unwrap();
        Recording {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            about: serde_json::from_slice(&about).unwrap(),
            stream: std::fs::read(path).unwrap(),
        }
    };
    paths.iter().map(|path| read(path)).collect()
}

impl Recording {
    /// The bytes `from..to` and the resizes among them; one at `from` comes first, one at `to` is not of them.
    fn steps(&self, from: usize, to: usize) -> Vec<Step> {
        let (mut steps, mut at) = (Vec::new(), from);
        for &(place, cols, rows) in self.about.resizes.iter().filter(|(place, ..)| (from..to).contains(place)) {
            steps.push(Step::Write(self.stream[at..place].to_vec()));
            steps.push(Step::Resize(cols, rows));
            at = place;
        }
        steps.push(Step::Write(self.stream[at..to].to_vec()));
        steps
    }

    fn cuts(&self) -> Vec<usize> {
        let mut random = Random::new(self.stream.len() as u64);
        let mut cuts: Vec<_> = (0..CUTS).map(|_| random.below(self.stream.len() + 1)).collect();
        cuts.sort_unstable();
        cuts
    }
}

/// A place that cuts no character: xterm.js loses some that are cut (those with a byte 0x80 before the cut).
fn whole(stream: &[u8], cut: usize) -> usize {
    let is_inside = |at: &usize| matches!(stream.get(*at), Some(0x80..=0xbf));
    (cut.saturating_sub(3)..=cut).rev().find(|at| !is_inside(at)).unwrap_or(cut)
}

/// Bytes as lines that can be shown.
fn lines(snapshot: &[u8]) -> Vec<String> {
    snapshot.split_inclusive(|&b| b == b'H').map(|part| part.escape_ascii().to_string()).collect()
}

/// How many of its cuts hold: the screen, a snapshot of it, that and the rest of the stream, a snapshot of the snapshot.
fn equal(recording: &Recording, oracle: &mut Oracle) -> [usize; 4] {
    let Recording { name, about, stream } = recording;
    let cuts = recording.cuts();
    let mut steps = Vec::new();
    let mut from = 0;
    for &cut in &cuts {
        let whole = whole(stream, cut).max(from);
        steps.extend(recording.steps(from, whole));
        steps.push(Step::Look);
        from = whole;
    }
    steps.extend(recording.steps(from, stream.len()));
    let mut expected = oracle.states(about.cols, about.rows, &steps);
    let at_the_end = expected.pop().unwrap();
    assert_eq!(expected.len(), CUTS, "{name}: {}", at_the_end.concat());
    let ends: Vec<_> = cuts.iter().copied().chain([stream.len(); LATER]).collect();
    expected.extend(vec![at_the_end; LATER]);
    let (mut equal, mut from) = ([0; 4], 0);
    let mut screen = fresh(about.cols, about.rows);
    for (at, &cut) in cuts.iter().enumerate() {
        take(&mut screen, &recording.steps(from, cut));
        from = cut;
        let what = |what: &str| format!("{name} at {cut}, {what}");
        let ours = describe(&screen);
        equal[0] += usize::from(first_difference(&what("screen"), &ours, &expected[at]));
        let (rows, cols) = (screen.rows, screen.cols);
        let (mut ground, mut snapshot, mut again) = (Vec::new(), Vec::new(), Vec::new());
        screen.snapshot_without_held(&mut ground);
        screen.snapshot(&mut snapshot);
        let mut rest = recording.steps(cut, whole(stream, ends[at + LATER]).max(cut));
        if let Some(Step::Write(bytes)) = rest.first_mut() {
            bytes.splice(..0, snapshot[ground.len()..].iter().copied());
        }
        let mut states = oracle.states(cols, rows, &[vec![Step::Write(ground.clone()), Step::Look], rest].concat());
        let continued = states.pop().unwrap();
        equal[1] += usize::from(first_difference(&what("snapshot"), &ours, &states.concat()));
        equal[2] += usize::from(first_difference(&what("rest"), &continued, &expected[at + LATER]));
        let mut second = fresh(cols, rows);
        take(&mut second, &[Step::Write(snapshot.clone())]);
        second.snapshot(&mut again);
        equal[3] += usize::from(first_difference(&what("again"), &lines(&again), &lines(&snapshot)));
    }
    equal
}

#[test]
fn a_recording_cut_anywhere_goes_on_from_its_snapshot() {
    let Some(mut oracle) = Oracle::start() else { return };
    let recordings = recordings();
    let mut sum = [0; 4];
    for recording in &recordings {
        let equal = equal(recording, &mut oracle);
        eprintln!("{:10} {equal:?} of {CUTS}", recording.name);
        sum = std::array::from_fn(|at| sum[at] + equal[at]);
    }
    let all = recordings.len() * CUTS;
    let [screens, snapshots, rests, agains] = sum;
    eprintln!(
        "recordings, {all} cuts: screen {screens}, snapshot {snapshots}, snapshot and rest {rests}, snapshot of snapshot {agains}"
    );
    assert_eq!(sum, [all; 4]);
}

fn filtered(stream: &[u8], piece: usize) -> Vec<u8> {
    let (mut filter, mut out) = (Filter::new(false), Vec::new());
    stream.chunks(piece).for_each(|piece| filter.pass(piece, &mut out, |_| {}));
    out
}

#[test]
fn no_question_of_a_recording_passes_the_filter() {
    let Some(mut oracle) = Oracle::start() else { return };
    let mut asked = 0;
    for Recording { name, stream, .. } in recordings() {
        let passed = filtered(&stream, stream.len());
        asked += oracle.answers(&stream).matches('\x1b').count();
        assert_eq!(oracle.answers(&passed), "", "{name}");
        let mut heard = Heard::default();
        fresh(80, 24).feed(&passed, &mut heard);
        assert_eq!(heard.answers.escape_ascii().to_string(), "", "{name}");
        assert!(filtered(&stream, 1) == passed, "{name}: the cuts matter");
        assert!(filtered(&passed, stream.len()) == passed, "{name}: a second pass changes something");
    }
    assert!(asked > 30, "only {asked} questions");
}

/// The strings that begin and end so.
fn strings<'a>(stream: &'a [u8], start: &[u8]) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = stream[at..].windows(start.len()).position(|part| part == start) {
        let rest = &stream[at + begin..];
        let Some(end) = rest.windows(2).position(|part| part == b"\x1b\\") else { break };
        found.push(&rest[..end + 2]);
        at += begin + end + 2;
    }
    found
}

#[test]
fn images_of_recordings_pass_the_filter_unharmed() {
    for (name, start) in [("sixel", &b"\x1bP"[..]), ("kitty", b"\x1b_G")] {
        let recording = recordings().into_iter().find(|recording| recording.name == name).unwrap();
        let mut images = strings(&recording.stream, start);
        images.retain(|image| {
            let keys = image.split(|&b| b == b';').next().unwrap_or_default();
            !keys.windows(3).any(|key| key == b"a=q")
                && !image.starts_with(b"\x1bP$q")
                && !image.starts_with(b"\x1bP+q")
        });
        let passed = filtered(&recording.stream, 1000);
        assert!(!images.is_empty(), "{name}");
        assert!(strings(&passed, start) == images, "{name}");
    }
}
