//! An init facing whatever claims to be its daemon: every order is understood or refused, and orders to build make a
//! plan or an error.
#![no_main]

use coop::proto::control;
use coop::proto::control::Build;
use coop::proto::control::PARCEL_BYTES_MAX;
use coop::proto::control::ToInit;
use coop::sandbox::plan::Places;
use coop::sandbox::plan::plan;
use coop::sandbox::view::HostView;
use coop::sys::memory;
use libfuzzer_sys::fuzz_mutator;
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn run(json: &[u8]) {
    if let Some(ToInit::Spawn { size, .. }) = understood::<ToInit>(json) {
        assert!(size.rows() > 0 && size.cols() > 0, "{size:?} came in unclamped");
    }
    let Some(build) = understood::<Build>(json) else { return };
    let parcel = memory::parcel(json).expect("memory is there");
    assert_eq!(memory::open_parcel(parcel, PARCEL_BYTES_MAX).expect("a parcel opens"), json);
    let places =
        Places { session: &build.directory, coop_home: &build.coop_home, hostname: build.session.name.as_str() };
    let hidden = build.boxed.hidden.clone();
    let tool_links = build.boxed.tools.iter().map(|tool| (tool.clone(), build.directory.clone())).collect();
    let view = HostView { hidden, tool_links, ..HostView::default() };
    assert!(!plan(&build.boxed, &view, &places).is_empty());
}

fn understood<T: Serialize + DeserializeOwned>(json: &[u8]) -> Option<T> {
    let message: T = control::decode(json).ok()?;
    let said = control::encode(&message);
    let again: T = control::decode(&said).expect("what was understood is understood again");
    assert_eq!(said, control::encode(&again));
    Some(message)
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    coop::fuzz_json::mutate(data, size, max_size, seed)
});

fuzz_target!(|json: &[u8]| run(json));
