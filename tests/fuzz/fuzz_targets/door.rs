//! What a client says to the daemon, and the daemon to a client: whatever is understood is within its bounds and means
//! the same when it is said again.
#![no_main]

use coop::name::NAME_MAX_BYTES;
use coop::name::SessionName;
use coop::name::WinSize;
use coop::proto::door::Answer;
use coop::proto::door::ClientSays;
use coop::proto::door::Created;
use coop::proto::door::DaemonSays;
use coop::proto::door::DaemonStatus;
use coop::proto::door::Hello;
use coop::proto::door::Request;
use coop::proto::door::Row;
use coop::proto::door::Welcome;
use coop::proto::frame::Frame;
use coop::proto::frame::parse_control;
use libfuzzer_sys::fuzz_mutator;
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn run(json: &[u8]) {
    understood::<Hello>(json);
    if let Some(request) = understood::<Request>(json) {
        check(&request);
    }
    if let Some(ClientSays::Resize { size }) = understood(json) {
        check_size(size);
    }
    understood::<Welcome>(json);
    understood::<DaemonSays>(json);
    understood::<Answer<()>>(json);
    understood::<Answer<Created>>(json);
    understood::<Answer<DaemonStatus>>(json);
    if let Some(Answer::Ok(rows)) = understood::<Answer<Vec<Row>>>(json) {
        rows.iter().for_each(|row| check_name(&row.name));
    }
}

fn understood<T: Serialize + DeserializeOwned>(json: &[u8]) -> Option<T> {
    let message: T = parse_control(json).ok()?;
    let said = encoded(&message);
    let again: T = parse_control(&said).expect("what was understood is understood again");
    assert_eq!(said, encoded(&again));
    Some(message)
}

fn encoded<T: Serialize>(message: &T) -> Vec<u8> {
    match Frame::control(message) {
        Frame::Control(json) => json.to_vec(),
        Frame::Bytes(_) => panic!("a message became terminal bytes"),
    }
}

fn check(request: &Request) {
    match request {
        Request::Create(create) => {
            check_name(&create.session.name);
            check_size(create.size);
        }
        Request::Attach(attach) => {
            check_name(&attach.session);
            check_size(attach.size);
        }
        Request::Shell(shell) => {
            check_name(&shell.session);
            check_size(shell.size);
        }
        Request::Kill(kill) => check_name(&kill.session),
        Request::Restart(restart) => check_name(&restart.session),
        Request::List(_) | Request::Watch(_) | Request::Status(_) | Request::Shutdown(_) => {}
    }
}

fn check_name(name: &SessionName) {
    let name = name.as_str();
    assert!((1..=NAME_MAX_BYTES).contains(&name.len()) && !name.starts_with('.') && !name.contains(['/', '\0']));
}

fn check_size(size: WinSize) {
    let side = 1..=WinSize::MAX_CELLS_A_SIDE;
    assert!(side.contains(&size.rows()) && side.contains(&size.cols()), "{size:?} came in unclamped");
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    coop::fuzz_json::mutate(data, size, max_size, seed)
});

fuzz_target!(|json: &[u8]| run(json));
