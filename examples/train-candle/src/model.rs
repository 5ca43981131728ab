//! The model: bytes in, for each the logits of the next one out.

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::{Embedding, Linear, Module, VarBuilder, VarMap};

const BYTES: usize = 256;
const WIDTH: usize = 64;
/// How far back the second tap of each block reaches: 1 + 1 + 2 + 4 + 8 + 16 bytes are seen together.
const REACHES: [usize; 5] = [1, 2, 4, 8, 16];

/// Blocks of a causal convolution with two taps each, around which values go on unchanged.
#[derive(Debug)]
pub(crate) struct Model {
    embedding: Embedding,
    blocks: Vec<Linear>,
    head: Linear,
}

impl Model {
    /// A model whose parameters stand in `parameters`, drawn from `seed` alone: candle's own generator on CPUs takes no seed.
    pub(crate) fn new(parameters: &VarMap, seed: u64) -> Result<Model> {
        let builder = VarBuilder::from_varmap(parameters, DType::F32, &Device::Cpu);
        let blocks = (0..REACHES.len()).map(|i| candle_nn::linear(2 * WIDTH, WIDTH, builder.pp(format!("blocks.{i}"))));
        let model = Model {
            embedding: candle_nn::embedding(BYTES, WIDTH, builder.pp("embedding"))?,
            blocks: blocks.collect::<Result<_>>()?,
            head: candle_nn::linear(WIDTH, BYTES, builder.pp("head"))?,
        };
        draw(parameters, seed)?;
        Ok(model)
    }

    /// Mean loss of predicting each byte of the rows from those before it, in nats; `rows` has two dimensions.
    pub(crate) fn loss(&self, rows: &Tensor) -> Result<Tensor> {
        let last = rows.dim(1)? - 1;
        let logits = self.logits(&rows.narrow(1, 0, last)?)?;
        let targets = rows.narrow(1, 1, last)?.flatten_all()?;
        candle_nn::loss::cross_entropy(&logits.flatten(0, 1)?, &targets)
    }

    fn logits(&self, rows: &Tensor) -> Result<Tensor> {
        let n = rows.dim(1)?;
        let mut hidden = self.embedding.forward(rows)?;
        for (block, reach) in self.blocks.iter().zip(REACHES) {
            let earlier = hidden.pad_with_zeros(1, reach, 0)?.narrow(1, 0, n)?;
            let both = Tensor::cat(&[&hidden, &earlier], D::Minus1)?;
            hidden = (hidden + block.forward(&both)?.relu()?)?;
        }
        self.head.forward(&hidden)
    }
}

/// Draws weights uniformly, within the reach that keeps the size of what goes through them; biases are 0.
fn draw(parameters: &VarMap, seed: u64) -> Result<()> {
    let mut state = seed;
    let mut uniform = || {
        // SplitMix64 (Steele, Lea and Flood, 2014); 24 bits are what an f32 holds.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    for (name, variable) in crate::adamw::by_name(parameters) {
        let shape = variable.shape();
        let reach = if name.ends_with("bias") { 0.0 } else { (1.0 / shape.dims().last().copied().unwrap_or(1) as f32).sqrt() };
        let values: Vec<f32> = (0..shape.elem_count()).map(|_| reach * uniform()).collect();
        variable.set(&Tensor::from_vec(values, shape, &Device::Cpu)?)?;
    }
    Ok(())
}
