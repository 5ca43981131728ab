// Between the author's class and the contract: what all worlds share.
//
// The text of an exception is lost when it ends a call in a trap. So every one is logged here, line by line, and thrown again: a defect is
// no refusal, and the host shows the last lines that a call logged before it trapped.

import { log as logLine } from "curricle:plugin/logging@0.1.0";
import { ConfigError, Exhausted, Refusal, StateError } from "../curricle.js";
import { lines } from "./lines.js";

// With the exception's own line as many as the host shows of a fault.
const FRAMES = 7;

/** The engine's `console`, and ours. */
export function log(level, message) {
  for (const line of message.split("\n")) logLine(level, line);
}

const show = (value) => (typeof value === "object" && value !== null && !(value instanceof Error) ? JSON.stringify(value) : String(value));
for (const [name, level] of [["debug", "debug"], ["log", "info"], ["info", "info"], ["warn", "warn"], ["error", "error"]]) {
  console[name] = (...values) => log(level, values.map(show).join(" "));
}

function variant(refusal) {
  if (refusal instanceof Exhausted) return { tag: "exhausted" };
  const tag = refusal instanceof ConfigError ? "config" : refusal instanceof StateError ? "state" : "data";
  return { tag, val: refusal.message };
}

/** A function of the plugin whose refusals are answers, and whose other exceptions are logged. */
export function answering(answer) {
  return (...values) => {
    try {
      return answer(...values);
    } catch (error) {
      // What has a payload is what the contract gives back.
      if (error instanceof Refusal) throw Object.assign(new Error(error.message), { payload: variant(error) });
      throw logged(error);
    }
  };
}

/** A function of the plugin that the contract gives no way to refuse. */
export function onlyLogging(answer) {
  return (...values) => {
    try {
      return answer(...values);
    } catch (error) {
      throw logged(error);
    }
  };
}

function logged(error) {
  for (const line of traceback(error)) log("error", line);
  return error instanceof Error ? error : new Error(String(error));
}

/** One line a frame of the author's code, outermost first, and the exception. */
function traceback(error) {
  const frames = [];
  for (const frame of (error?.stack ?? "").split("\n")) {
    const found = /^(.*)@(?:.*\/)?source\/(.+):(\d+):\d+$/.exec(frame);
    if (!found) continue;
    const [, name, file, number] = found;
    const map = lines[file];
    const place = map ? `${map.file}:${map.lines[number - 1] ?? number}` : `${file}:${number}`;
    frames.unshift(name ? `${place}, in ${name}` : place);
  }
  const left = frames.length - FRAMES;
  const shown = left > 0 ? [frames[0], `… ${left + 1} more`, ...frames.slice(2 - FRAMES)] : frames;
  return [...shown, String(error)];
}

/** The author's class: the default export of the module. */
export function plugin(source, methods) {
  const made = source.default;
  if (typeof made !== "function") throw new Error("the source must have a class as its default export: `export default class … {}`");
  for (const method of methods) {
    if (typeof made.prototype?.[method] !== "function") throw new Error(`the class \`${made.name}\` has no method \`${method}\``);
  }
  return made;
}

/** A fresh instance, configured. */
export function start(plugin, config) {
  const instance = new plugin();
  instance.configure?.(JSON.parse(config));
  return instance;
}
