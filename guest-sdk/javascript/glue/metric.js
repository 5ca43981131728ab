import { Samples, bind } from "../curricle.js";
import { answering, log, onlyLogging, plugin, start } from "./shared.js";

bind({ log });

const arrays = {
  float32: (values) => Float32Array.from(values),
  float64: (values) => Float64Array.from(values),
  uint32: (values) => Uint32Array.from(values),
  uint64: (values) => BigUint64Array.from(values, BigInt),
};

export function exported(source, description) {
  const made = plugin(source, []);
  let instance, values;
  const metric = {
    describe: () => description,
    configure: answering((config) => {
      instance = start(made, config);
      values = made.values === undefined ? "float64" : made.values;
      if (values !== null && !arrays[values]) {
        throw new Error(`${made.name}.values is ${values}; it must be one of ${Object.keys(arrays).join(", ")} or null`);
      }
      return { passes: made.passes ?? 0, tokens: made.tokens ?? true, values: values !== null };
    }),
    accumulate: answering((pass, samples) => instance.accumulate(pass, new Samples(samples))),
    partial: onlyLogging((pass) => instance.partial(pass)),
    merge: answering((pass, partials) => instance.merge(pass, partials)),
    finish: answering((pass, merged) => instance.finish(pass, merged)),
    totals: onlyLogging(() => Float64Array.from(instance.totals?.() ?? [])),
    measure: answering((samples) => ({ tag: values, val: arrays[values](instance.measure(new Samples(samples))) })),
  };
  return { metric };
}
