//! AdamW (Loshchilov and Hutter, arXiv:1711.05101) whose state can be saved: that of candle's cannot be reached.

use std::{collections::BTreeMap, sync::PoisonError};

use candle_core::{DType, Device, Result, Var, backprop::GradStore};
use candle_nn::VarMap;

const LEARNING_RATE: f64 = 3e-3;
const BETAS: [f64; 2] = [0.9, 0.99];
const EPSILON: f64 = 1e-8;
const WEIGHT_DECAY: f64 = 0.01;

/// The variables of a map in the order of their names, which its own order is not.
pub(crate) fn by_name(map: &VarMap) -> BTreeMap<String, Var> {
    let data = map.data().lock().unwrap_or_else(PoisonError::into_inner);
    data.iter().map(|(name, variable)| (name.clone(), variable.clone())).collect()
}

/// Each parameter with its two moments.
#[derive(Debug)]
struct Slot {
    parameter: Var,
    moments: [Var; 2],
}

/// Moves parameters along their gradients.
pub(crate) struct AdamW {
    slots: Vec<Slot>,
    /// The moments, to be saved and loaded; the number of steps is the run's.
    pub(crate) moments: VarMap,
}

impl AdamW {
    pub(crate) fn new(parameters: &VarMap) -> Result<AdamW> {
        let moments = VarMap::new();
        let moment = |parameter: &Var, name: String| -> Result<Var> {
            let moment = Var::zeros(parameter.shape(), DType::F32, &Device::Cpu)?;
            moments.data().lock().unwrap_or_else(PoisonError::into_inner).insert(name, moment.clone());
            Ok(moment)
        };
        let slot = |(name, parameter): (String, Var)| -> Result<Slot> {
            let moments = [moment(&parameter, format!("{name}.first"))?, moment(&parameter, format!("{name}.second"))?];
            Ok(Slot { parameter, moments })
        };
        let slots = by_name(parameters).into_iter().map(slot).collect::<Result<_>>()?;
        Ok(AdamW { slots, moments })
    }

    /// Takes step number `step`, counted from 0.
    pub(crate) fn step(&self, gradients: &GradStore, step: u64) -> Result<()> {
        let corrections = BETAS.map(|beta| 1.0 - beta.powf((step + 1) as f64));
        for Slot { parameter, moments: [first, second] } in &self.slots {
            let Some(gradient) = gradients.get(parameter) else { continue };
            first.set(&((first.as_tensor() * BETAS[0])? + (gradient * (1.0 - BETAS[0]))?)?)?;
            second.set(&((second.as_tensor() * BETAS[1])? + (gradient.sqr()? * (1.0 - BETAS[1]))?)?)?;
            let size = ((second.as_tensor() / corrections[1])?.sqrt()? + EPSILON)?;
            let change = ((first.as_tensor() / corrections[0])? / size)?;
            let decayed = (parameter.as_tensor() * (1.0 - LEARNING_RATE * WEIGHT_DECAY))?;
            parameter.set(&(decayed - (change * LEARNING_RATE)?)?)?;
        }
        Ok(())
    }
}
