use super::*;

#[test]
fn the_message_that_ends_any_release_keeps_its_form() {
    let json = serde_json::to_string(&Request::from(Shutdown { replace: true })).unwrap();
    assert_eq!(json, r#"{"call":"shutdown","replace":true}"#);
}

#[test]
fn an_answer_of_nothing_and_a_refusal_are_told_apart() {
    let ok = serde_json::to_string(&Answer::Ok(())).unwrap();
    assert!(matches!(serde_json::from_str::<Answer<()>>(&ok).unwrap(), Answer::Ok(())));
    let no = serde_json::to_string(&Answer::<()>::Error(Refusal::new(RefusalCode::NoPty, "x"))).unwrap();
    assert!(
        matches!(serde_json::from_str::<Answer<()>>(&no).unwrap(), Answer::Error(r) if r.code == RefusalCode::NoPty)
    );
}
