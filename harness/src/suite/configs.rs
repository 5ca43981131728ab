//! What plugins of every kind are held to: their description and their configuration.

use curricle::{Error, FaultKind, plugin::inspect};
use serde_json::Value;

use super::{
    Checked, QUICK, Stop,
    bench::Bench,
    metric, of_samples, pacing, packer, policy, shell_word,
    stop::{is_ours, is_refusal},
};
use crate::{Failure, schema};

/// `describe` answers the same whenever it is asked, and its schema is one.
pub(super) fn describes_itself(bench: &Bench<'_>) -> Checked {
    let said = &bench.subject.description;
    let again = inspect(&bench.subject.path)?.description;
    if again != *said {
        let failure = Failure::new("`describe` answers otherwise when it is asked again", "let it say the same always");
        return Err(failure.with_diff(format!("{said:#?}"), format!("{again:#?}")).into());
    }
    // Both loading and the schema are judged by the host, with any configuration.
    match bench.start_with(&Value::Object(serde_json::Map::new())) {
        Err(Stop::Error(Error::Plugin(fault))) if fault.call == "load" => {
            return Err(Failure::new(fault.problem.clone(), "see `description.config-schema` in wit/types.wit").into());
        }
        _ => {}
    }
    let schema = if said.config_schema.is_empty() { "no schema: any configuration is accepted" } else { "with a schema" };
    Ok(format!("{} {}, {schema}", said.name, said.version))
}

/// It starts with the configuration that the other checks use.
pub(super) fn starts(bench: &Bench<'_>) -> Checked {
    let config = bench.config();
    match bench.start_with(config) {
        Ok(()) => Ok(shortened(config)),
        Err(Stop::Error(error)) if is_ours(&error) => Err(error.into()),
        Err(stop) => {
            let mut failure = stop.into_failure();
            if bench.setting.config.is_none() {
                failure.remedy =
                    "give a configuration with `--config`, a scenario whose configuration and columns fit, or an example in the \
                                  schema (`examples`)"
                        .into();
            }
            Err(failure.at(format!("{}, configuration {config}", of_samples(QUICK))).into())
        }
    }
}

/// With every configuration that the schema allows it works or refuses in words.
pub(super) fn configurations(bench: &Bench<'_>) -> Checked {
    let Some(schema) = bench.schema() else { return Err(Stop::Skipped("there is no schema to draw configurations from".into())) };
    let (mut works, mut refused, mut large) = (0, 0, 0);
    for case in schema::allowed(&schema, &bench.setting.names(), bench.config()) {
        bench.breathe()?;
        match try_out(bench, &case.config) {
            Ok(()) => works += 1,
            // What the schema itself refuses was not allowed after all.
            Err(Stop::Error(Error::Config { .. })) => {}
            Err(Stop::Error(error)) if is_ours(&error) => return Err(error.into()),
            Err(Stop::Error(error)) if is_refusal(&error) => refused += 1,
            Err(Stop::Error(error)) if wants_memory(&error) => large += 1,
            Err(stop) => return Err(with_config(stop, &case)),
        }
    }
    let large = if large > 0 { format!(", {large} need more memory than is allowed") } else { String::new() };
    Ok(format!("{works} work, {refused} are refused in words{large}"))
}

/// What the schema forbids is refused by it or by the plugin.
pub(super) fn forbidden_configurations(bench: &Bench<'_>) -> Checked {
    let Some(schema) = bench.schema() else { return Err(Stop::Skipped("there is no schema that could forbid anything".into())) };
    let mut refused = 0;
    for case in schema::forbidden(&schema, bench.config()) {
        bench.breathe()?;
        match bench.start_with(&case.config) {
            Err(Stop::Error(Error::Config { .. })) => refused += 1,
            Err(Stop::Error(error)) if is_refusal(&error) => refused += 1,
            Err(Stop::Error(error)) if is_ours(&error) => return Err(error.into()),
            Err(stop) => return Err(with_config(stop, &case)),
            Ok(()) => {
                let remedy = if case.why.starts_with("unknown key") {
                    "a misspelt key would be ignored: say `\"additionalProperties\": false` in the schema"
                } else {
                    "say in the schema what is accepted, or refuse the rest with `error.config`"
                };
                let failure = Failure::new("a configuration that must be refused was accepted", remedy);
                return Err(with_config(failure.into(), &case));
            }
        }
    }
    Ok(format!("{refused} refused"))
}

fn with_config(stop: Stop, case: &schema::Case) -> Stop {
    let config = case.config.to_string();
    stop.at(&format!("{}: configuration {config}", case.why)).again(&format!(" --config {}", shell_word(&config)))
}

/// A short trial of everything that it does.
fn try_out(bench: &Bench<'_>, config: &Value) -> Result<(), Stop> {
    use curricle::plugin::Kind;
    match bench.subject.kind {
        Kind::Policy | Kind::StatefulPolicy => policy::try_out(bench, config),
        Kind::Metric => metric::try_out(bench, config),
        Kind::Pacing => pacing::try_out(bench, config),
        _ => packer::try_out(bench, config),
    }
}

/// Whether a plugin would have needed more memory than its limit: what a schema allows may be more than this machine should give.
fn wants_memory(error: &Error) -> bool {
    matches!(error, Error::Plugin(fault) if fault.kind == FaultKind::Limit && fault.remedy.contains("`limits.memory`"))
}

fn shortened(config: &Value) -> String {
    let text = format!("configuration {config}");
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
