import * as dataset from "curricle:plugin/dataset@0.1.0";
import * as pacings from "curricle:plugin/pacings@0.1.0";
import * as plan from "curricle:plugin/plan@0.1.0";
import * as streams from "curricle:plugin/streams@0.1.0";
import { Plan, bind } from "../curricle.js";
import { answering, log, onlyLogging, plugin, start } from "./shared.js";

bind({ dataset, pacings, plan, streams, log });

export function exported(source, description, remembers = false) {
  const made = plugin(source, remembers ? ["fill", "save", "restore"] : ["fill"]);
  let instance;
  const policy = {
    describe: () => description,
    configure: answering((config) => {
      instance = start(made, config);
    }),
    fill: answering(({ index, consumedSamples, consumedTokens }) => {
      const tokens = consumedTokens === undefined ? undefined : Number(consumedTokens);
      instance.fill({ index: Number(index), consumedSamples: Number(consumedSamples), consumedTokens: tokens }, new Plan());
    }),
  };
  if (!remembers) return { policy };
  const snapshot = {
    save: onlyLogging(() => instance.save()),
    restore: answering((state) => instance.restore(state)),
  };
  return { policy, snapshot };
}
