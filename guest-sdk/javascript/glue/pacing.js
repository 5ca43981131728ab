import { bind } from "../curricle.js";
import { answering, log, onlyLogging, plugin, start } from "./shared.js";

bind({ log });

export function exported(source, description) {
  const made = plugin(source, ["difficulty"]);
  let instance;
  const pacing = {
    describe: () => description,
    configure: answering((config) => {
      instance = start(made, config);
    }),
    difficulty: onlyLogging((step) => instance.difficulty(Number(step))),
  };
  return { pacing };
}
