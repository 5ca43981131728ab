use super::*;

fn state() -> SamplerState {
    let streams = vec![StreamState { name: "all".into(), position: 1 << 40, identity: 7 }];
    let policy = Some(vec![0, 255]);
    let progress = Progress { step: 3, consumed_samples: 96, consumed_tokens: Some(5000), streams, policy, ..Progress::default() };
    let identity = Identity {
        dataset: "9f3a".into(),
        plugin: "uniform 0.1.0".into(),
        plugin_sha256: "ab".into(),
        config: Identity::hash(&serde_json::json!({ "b": 1, "a": [1.5, null] })),
        columns: BTreeMap::from([("length".into(), "00".into())]),
        seed: 5,
    };
    SamplerState { progress: Arc::new(progress), identity: Arc::new(identity), changes: Arc::default(), origin: None }
}

#[test]
fn a_state_reads_back_to_the_same_bytes() {
    let json = state().to_json();
    assert_eq!(SamplerState::from_json(&json, "x").unwrap().to_json(), json);
}

#[test]
fn tokens_of_layers_are_in_a_state_only_where_they_are_counted() {
    assert!(!state().to_json().contains("layer_tokens"));
    let progress = Progress { layer_tokens: Some(1 << 60), ..(*state().progress).clone() };
    let counted = SamplerState { progress: Arc::new(progress), ..state() };
    assert_eq!(SamplerState::from_json(&counted.to_json(), "x").unwrap().layer_tokens(), Some(1 << 60));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let json = state().to_json().into_bytes();
    for bit in 0..json.len() * 8 {
        let mut flipped = json.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(text) = String::from_utf8(flipped) else { continue };
        // Hexadecimal digits in the other case are the same number.
        let same = text.eq_ignore_ascii_case(std::str::from_utf8(&json).unwrap());
        assert!(same || SamplerState::from_json(&text, "x").is_err(), "bit {bit} of {text}");
    }
}

#[test]
fn a_state_of_a_later_version_is_refused_by_number() {
    let error = SamplerState::from_json(r#"{"format":"curricle-state","version":9}"#, "s.json").unwrap_err().to_string();
    assert_eq!(error, "state `s.json`: its version is 9, this release reads 1 to 2; resume with the release that saved it, or a later one");
}
