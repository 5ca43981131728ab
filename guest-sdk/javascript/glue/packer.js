import { bind } from "../curricle.js";
import { answering, log, plugin, start } from "./shared.js";

bind({ log });

export function exported(source, description) {
  const made = plugin(source, ["pack"]);
  let instance;
  const packer = {
    describe: () => description,
    configure: answering((config) => {
      instance = start(made, config);
    }),
    pack: answering((lengths, capacity, maxSamples) => Uint32Array.from(instance.pack(lengths, capacity, maxSamples))),
  };
  return { packer };
}
