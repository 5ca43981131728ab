//! From a saved state to a policy that goes on.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use curricle::{
    batch::Plan,
    columns::Columns,
    plugin::{self, Limits, PolicyPlugin, Step},
};
use curricle_tests::bench::{
    Row,
    timing::{median, pretty},
};
use serde_json::json;

use super::{
    python,
    step::{context, numbers},
};

const STEP: Step = Step { index: 100, consumed_samples: 102_400, consumed_tokens: None };

pub(crate) fn from_state() -> Result<Vec<Row>> {
    let columns = numbers()?;
    let mut rows = Vec::new();
    for (name, path, config) in [
        ("`uniform`", plugin::find("uniform")?, json!({})),
        ("`curriculum`", plugin::find("curriculum")?, json!({ "metrics": [] })),
        ("Python", python::plugin()?, json!({ "column": "first", "share": 0.3 })),
    ] {
        let plugin = PolicyPlugin::load(name, &path, &config, &Limits::interpreted())?;
        let mut policy = plugin.start(context(&columns), None)?;
        policy.fill(STEP, &mut Plan::new(1024))?;
        let state = policy.save()?;
        drop(policy);
        restart(&plugin, &columns, &state).context(name)?;
        let time = median(31, || restart(&plugin, &columns, &state).is_ok());
        rows.push(Row {
            work: format!("from a state to a policy that has filled its next batch, {name}"),
            measured: pretty(time),
            target: "≤ 20 ms",
            met: time <= Duration::from_millis(20),
        });
    }
    Ok(rows)
}

fn restart(plugin: &PolicyPlugin, columns: &Arc<Columns>, state: &[u8]) -> Result<()> {
    let mut policy = plugin.start(context(columns), Some(state))?;
    policy.fill(STEP, &mut Plan::new(1024))?;
    Ok(())
}
