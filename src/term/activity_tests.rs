use super::*;
use proptest::prelude::*;

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A program that has worked and fallen silent, at 10 seconds.
fn idle() -> ActivityMonitor {
    let mut monitor = ActivityMonitor::default();
    monitor.on_output(at(0));
    monitor.tick(at(10_000));
    assert_eq!(monitor.activity(), &Activity::Idle);
    monitor
}

fn shown(monitor: &ActivityMonitor) -> String {
    monitor.activity().to_string()
}

/// Base64, by the dullest way there is.
fn encoded(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String = text.bytes().map(|byte| format!("{byte:08b}")).collect();
    let digit = |six: &[u8]| {
        let six = format!("{:0<6}", std::str::from_utf8(six).unwrap());
        char::from(DIGITS[usize::from_str_radix(&six, 2).unwrap()])
    };
    let digits: String = bits.as_bytes().chunks(6).map(digit).collect();
    let padding = "=".repeat((4 - digits.len() % 4) % 4);
    digits + &padding
}

/// What a fresh terminal shows after these reports.
fn said(reports: &[&str]) -> String {
    let mut monitor = ActivityMonitor::default();
    for report in reports {
        monitor.on_status(report.as_bytes(), at(0));
    }
    shown(&monitor)
}

#[test]
fn output_is_work_and_silence_after_it_is_idleness() {
    let mut monitor = ActivityMonitor::default();
    assert_eq!((monitor.activity(), monitor.deadline()), (&Activity::Unknown, None));
    assert!(monitor.on_output(at(0)));
    assert!(!monitor.on_output(at(2_000)), "working is no news while it works");
    assert_eq!(monitor.deadline(), Some(at(2_000) + QUIET));
    assert!(!monitor.tick(at(3_000)), "a timer that ran out early changes nothing");
    assert!(monitor.tick(at(2_000) + QUIET));
    assert_eq!((monitor.activity(), monitor.deadline()), (&Activity::Idle, None));
}

#[test]
fn the_echo_of_typing_is_no_work_but_typing_ahead_is_no_pause() {
    let mut monitor = idle();
    monitor.on_input(at(10_000));
    assert!(!monitor.on_output(at(10_020)), "an echo");
    assert!(monitor.on_output(at(10_400)), "an answer");
    for key in 0..30 {
        monitor.on_input(at(10_400 + key * 200));
        monitor.on_output(at(10_401 + key * 200));
    }
    assert_eq!(monitor.activity(), &Activity::Working);
}

#[test]
fn a_bell_waits_for_somebody_until_somebody_types() {
    let mut monitor = idle();
    assert!(monitor.on_bell(at(11_000)));
    assert_eq!((shown(&monitor).as_str(), monitor.deadline()), ("waiting: bell", None));
    assert!(!monitor.on_output(at(12_000)), "a menu that redraws itself still waits");
    assert!(monitor.on_input(at(20_000)));
    assert_eq!(monitor.activity(), &Activity::Idle);
}

#[test]
fn a_bell_that_answers_a_key_calls_nobody() {
    let mut monitor = idle();
    monitor.on_input(at(20_000));
    assert!(!monitor.on_bell(at(20_050)));
}

#[test]
fn a_notification_outranks_a_bell_in_either_order() {
    for bell_first in [true, false] {
        let mut monitor = idle();
        if bell_first {
            monitor.on_bell(at(11_000));
        }
        monitor.on_notification("Claude Code", "Claude needs your permission to use Bash", at(11_000));
        monitor.on_bell(at(11_000));
        assert_eq!(shown(&monitor), "waiting: notification: Claude needs your permission to use Bash");
    }
}

#[test]
fn a_progress_bar_is_no_notification() {
    let mut monitor = idle();
    for text in ["4;3;0", "4;0", "9;/home/me", "12"] {
        assert!(!monitor.on_notification("", text, at(11_000)), "{text}");
    }
    assert!(monitor.on_notification("", "4 tests failed", at(11_000)));
}

#[test]
fn a_program_that_begins_to_work_again_waits_no_longer() {
    let mut monitor = idle();
    monitor.on_title("✳ coop", at(11_000));
    monitor.on_bell(at(12_000));
    monitor.on_title("✳ coop", at(13_000));
    assert_eq!(shown(&monitor), "waiting: bell");
    assert!(monitor.on_title("⠂ coop", at(14_000)));
    assert_eq!(monitor.activity(), &Activity::Working);
    monitor.on_bell(at(15_000));
    assert!(!monitor.on_title("⠐ coop", at(16_000)), "a spinner that goes on says nothing");
}

#[test]
fn titles_are_read_as_agents_write_them() {
    let cases = [
        ("⠋ build", "working"),
        ("⠋⠙ | session", "working"),
        ("  ⠂ Fix the tests", "working"),
        ("◐ Fix the tests", "working"),
        ("✳ Fix the tests", "idle"),
        ("◇  Ready (coop)                 ", "idle"),
        ("⏲  Working… (coop)", "working"),
        ("✦  Reading the source (coop)", "working"),
        ("✋  Action Required (coop)", "waiting: Action Required (coop)"),
        ("[ ! ] Action Required | coop", "waiting: Action Required | coop"),
        ("Ready", "idle"),
        ("Working", "working"),
    ];
    for (title, expected) in cases {
        let mut monitor = idle();
        monitor.on_title(title, at(20_000));
        assert_eq!(shown(&monitor), expected, "{title}");
    }
    for title in ["", "vim notes.md", "Ready Player One", "Workingman", "~/src", "- x", "me@host: ~"] {
        assert_eq!(title_says(title), None, "{title}");
    }
}

#[test]
fn a_title_outranks_silence_until_it_is_stale() {
    let mut monitor = idle();
    monitor.on_title("⠋ build", at(20_000));
    assert_eq!(monitor.deadline(), Some(at(20_000) + TITLE_STALE));
    assert!(!monitor.tick(at(30_000)));
    assert!(monitor.tick(at(50_000)));
    assert_eq!((monitor.activity(), monitor.deadline()), (&Activity::Idle, None));
    monitor.on_input(at(60_000));
    assert!(!monitor.on_output(at(60_010)), "the title of a dead program does not come back to life");
}

#[test]
fn what_the_program_reports_outranks_every_guess() {
    let mut monitor = idle();
    monitor.on_title("⠋ build", at(20_000));
    let message = format!("state=blocked:kind=permission:app=claude-code:msg={}", encoded("Run rm?"));
    assert!(monitor.on_status(message.as_bytes(), at(20_000)));
    assert_eq!((shown(&monitor).as_str(), monitor.deadline()), ("waiting: permission: Run rm?", None));
    assert!(!monitor.on_input(at(21_000)), "the program says itself when it has its answer");
    assert!(!monitor.on_bell(at(23_000)));
    assert!(monitor.on_status(b"state=working", at(24_000)));
    assert_eq!(monitor.deadline(), None, "silence says nothing about a program that speaks");
    assert!(!monitor.tick(at(900_000)));
    assert!(monitor.on_status(b"state=done", at(900_000)));
    assert_eq!(monitor.activity(), &Activity::Done);
    monitor.on_status(b"state=clear", at(901_000));
    assert_eq!(shown(&monitor), "waiting: bell", "guesses count again");
}

#[test]
fn reports_are_read_by_the_rules_of_the_protocol() {
    let long = |bytes: usize| encoded(&"x".repeat(bytes));
    let (fits, too_long) = (long(2048), long(2049));
    let cases: &[(&str, &str)] = &[
        ("state=idle", "idle"),
        ("state=working:progress=40", "working"),
        ("state=blocked", "waiting"),
        ("state=blocked:kind=question", "waiting: question"),
        ("state=blocked:kind=auth:title=U2lnbiBpbg", "waiting: auth: Sign in"),
        ("state=blocked:kind=other:msg=SGk=", "waiting: Hi"),
        ("state=error:msg=SGk=", "waiting: error: Hi"),
        ("state=working:kind=question", "working"),
        (" state = blocked : kind= auth ", "waiting: auth"),
        ("state=idle:id=a//b:id=c", "working"),
        ("state=idle:msg=SGk==", "working"),
        ("state=idle:state=working", "working"),
        ("nonsense:state=working:novel=1:bad=a;b", "working"),
        ("state=working:app=not/one", "working"),
        ("?", "working"),
        ("", "working"),
        ("state=resting", "working"),
        ("kind=question", "working"),
        ("state=blocked:msg=S", "working"),
        ("state=blocked:msg=S*Gk", "waiting"),
        ("state=blocked:msg=S_Gk", "working"),
        // A control character in the message: ESC.
        ("state=blocked:msg=Gw==", "working"),
        ("state=idle:msg=/w==", "working"),
        ("state=idle:id=a//b", "working"),
        ("state=idle:id=1/2/3/4/5/6/7/8/9", "working"),
        ("state=idle:averyveryverylongkey=1", "working"),
        ("state=idle:app=abcdefghijklmnopqrstuvwxyz0123456", "working"),
    ];
    for (report, expected) in cases {
        assert_eq!(said(&["state=working", report]), *expected, "{report}");
    }
    assert_eq!(said(&[&format!("state=idle:msg={fits}")]), "idle");
    assert_eq!(said(&[&format!("state=idle:msg={too_long}")]), "working", "only as any output is");
    assert_eq!(said(&[&format!("state=idle:x={}", "y".repeat(4096 - 8 - 13))]), "idle");
    assert_eq!(said(&[&format!("state=idle:x={}", "y".repeat(4096 - 8 - 12))]), "working");
}

#[test]
fn of_several_records_the_one_that_holds_everything_up_is_shown() {
    let blocked = "state=blocked:kind=question:id=root/a";
    assert_eq!(said(&["state=working:id=root", blocked, "state=idle:id=root/b"]), "waiting: question");
    assert_eq!(said(&["state=working", "state=done:id=a", "state=error:id=b"]), "working");
    assert_eq!(said(&["state=idle", "state=done:id=a"]), "done");
    assert_eq!(said(&["state=idle:id=rootless", blocked, "state=clear:id=root"]), "idle");
    assert_eq!(said(&["state=idle", blocked, "state=idle:id=root/a"]), "idle", "a report replaces its record");
    let many: Vec<_> = (0..1000).map(|n| format!("state=working:id=n{n}")).collect();
    let mut many: Vec<_> = many.iter().map(String::as_str).collect();
    many.insert(0, blocked);
    assert_eq!(said(&many), "working", "only so many are kept, the latest");
}

#[test]
fn a_record_without_an_app_has_its_ancestors() {
    let mut monitor = ActivityMonitor::default();
    monitor.on_status(b"state=working:app=codex", at(0));
    monitor.on_status(b"state=blocked:id=a/b", at(0));
    let app = monitor.activity().reason().and_then(|reason| reason.app.as_ref());
    assert_eq!(app.map(PlainText::as_str), Some("codex"));
}

#[test]
fn a_prompt_ends_what_ran_before_it_and_typing_there_ends_its_results() {
    let mut monitor = ActivityMonitor::default();
    monitor.on_status(b"state=blocked", at(0));
    monitor.on_prompt(at(1_000));
    assert_eq!(monitor.activity(), &Activity::Working);
    monitor.on_status(b"state=error", at(2_000));
    monitor.on_prompt(at(3_000));
    assert_eq!(shown(&monitor), "waiting: error");
    monitor.on_input(at(20_000));
    assert_eq!(monitor.activity(), &Activity::Idle);
}

#[test]
fn a_reset_terminal_forgets_what_was_said() {
    let mut monitor = ActivityMonitor::default();
    monitor.on_status(b"state=done", at(0));
    monitor.on_reset(at(0));
    assert_eq!(monitor.activity(), &Activity::Working);
}

#[test]
fn an_exit_is_final() {
    let mut monitor = idle();
    monitor.on_status(b"state=blocked", at(20_000));
    assert!(monitor.on_exit(at(21_000)));
    assert!(!monitor.on_output(at(22_000)));
    assert!(!monitor.on_status(b"state=working", at(22_000)));
    assert_eq!((monitor.activity(), monitor.deadline()), (&Activity::Done, None));
}

#[test]
fn reasons_cannot_move_hide_or_reorder_anything() {
    let cases = [
        ("a\u{1b}[31mb\nc\t\u{9b}d", "a [31mb c d"),
        ("\u{202e}cba\u{2069}\u{200b}\u{feff}", "cba"),
        ("  two   words  ", "two words"),
        ("👩\u{200d}👧 日本 می\u{200c}خواهم", "👩\u{200d}👧 日本 می\u{200c}خواهم"),
        ("\0\u{7f}", ""),
    ];
    for (text, expected) in cases {
        assert_eq!(PlainText::new(text).as_str(), expected, "{text:?}");
    }
    let long = PlainText::new(&"é".repeat(REASON_MAX_CHARS + 1));
    assert_eq!(long.as_str().chars().count(), REASON_MAX_CHARS);
    assert!(long.as_str().ends_with("é…"));
    assert_eq!(PlainText::new(&"é".repeat(REASON_MAX_CHARS)).as_str(), "é".repeat(REASON_MAX_CHARS));
}

#[test]
fn json_says_it_in_words_and_a_reason_read_back_is_plain() {
    let reason = Reason { kind: Some(Kind::Permission), app: None, text: PlainText::new("Run rm?") };
    let cases = [
        (Activity::Working, r#""working""#),
        (Activity::Waiting(reason), r#"{"waiting":{"kind":"permission","text":"Run rm?"}}"#),
    ];
    for (activity, json) in cases {
        assert_eq!(serde_json::to_string(&activity).unwrap(), json);
        assert_eq!(serde_json::from_str::<Activity>(json).unwrap(), activity);
    }
    let hostile: Activity = serde_json::from_str(r#"{"waiting":{"text":"a\u001b]0;x\u0007"}}"#).unwrap();
    assert_eq!(hostile.to_string(), "waiting: a ]0;x");
}

#[derive(Clone, Debug)]
enum Event {
    Output,
    Input,
    Bell,
    Notification(String),
    Title(String),
    Status(Vec<u8>),
    Prompt,
    Reset,
    Tick,
}

fn event() -> impl Strategy<Value = Event> {
    let title =
        prop_oneof![Just("⠋ x".to_owned()), Just("✳ x".to_owned()), Just("Action Required".to_owned()), ".{0,9}"];
    let status = prop_oneof![
        "state=(idle|working|blocked|done|error|clear)(:id=[ab](/[ab])?)?(:msg=[A-Za-z]{0,8})?"
            .prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop_oneof![
        Just(Event::Output),
        Just(Event::Input),
        Just(Event::Bell),
        ".{0,300}".prop_map(Event::Notification),
        title.prop_map(Event::Title),
        status.prop_map(Event::Status),
        Just(Event::Prompt),
        Just(Event::Reset),
        Just(Event::Tick),
    ]
}

proptest! {
    #[test]
    fn every_change_is_told_and_silence_ends_all_wake_ups(events in prop::collection::vec((event(), 0_u64..40_000), 0..40)) {
        let (mut monitor, mut now) = (ActivityMonitor::default(), 0);
        for (event, pause) in events {
            now += pause;
            let before = monitor.activity().clone();
            let changed = match event {
                Event::Output => monitor.on_output(at(now)),
                Event::Input => monitor.on_input(at(now)),
                Event::Bell => monitor.on_bell(at(now)),
                Event::Notification(text) => monitor.on_notification("", &text, at(now)),
                Event::Title(title) => monitor.on_title(&title, at(now)),
                Event::Status(payload) => monitor.on_status(&payload, at(now)),
                Event::Prompt => monitor.on_prompt(at(now)),
                Event::Reset => monitor.on_reset(at(now)),
                Event::Tick => monitor.tick(at(now)),
            };
            prop_assert_eq!(changed, before != *monitor.activity());
            prop_assert!(monitor.deadline().is_none_or(|deadline| deadline > at(now)));
        }
        let mut wake_ups = 0;
        while let Some(deadline) = monitor.deadline() {
            monitor.tick(deadline);
            wake_ups += 1;
            prop_assert!(wake_ups <= 2);
        }
        let settled = monitor.activity().clone();
        monitor.tick(at(now + 1_000_000));
        prop_assert_eq!(settled, monitor.activity().clone());
    }
}

#[test]
fn what_a_terminal_is_told_means_the_same_there() {
    let reason = |kind, app: Option<&str>, text| {
        Activity::Waiting(Reason { kind, app: app.map(PlainText::new), text: PlainText::new(text) })
    };
    let activities = [
        Activity::Working,
        Activity::Idle,
        Activity::Done,
        reason(Some(Kind::Permission), Some("claude"), "Run `ls`?"),
        reason(Some(Kind::Question), None, "Wörter, 日本語"),
        reason(Some(Kind::Auth), None, ""),
        reason(Some(Kind::Error), None, "a"),
    ];
    for activity in activities {
        let sequence = status::sequence(&activity);
        let payload = sequence.strip_prefix("\x1b]7501;").and_then(|rest| rest.strip_suffix("\x1b\\")).unwrap();
        let mut monitor = ActivityMonitor::default();
        monitor.on_status(payload.as_bytes(), at(0));
        assert_eq!(*monitor.activity(), activity, "{payload}");
    }
}
