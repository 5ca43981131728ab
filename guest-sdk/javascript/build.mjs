// Run by `curricle build`: node build.mjs COMPONENTIZE-JS WORLD, in a folder that holds `wit/`, `entry.js`, `curricle.js`, `glue/`, the
// author's modules in `source/`, and gets `plugin.wasm`. What is wrong with the source goes to standard error, a line each, with a mark.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { posix } from "node:path";
import { pathToFileURL } from "node:url";

const [, , tool, world] = process.argv;
const need = createRequire(pathToFileURL(`${tool}/package.json`));
// By path: the version of CommonJS of either is not there to be required.
const { default: oxc } = await import(pathToFileURL(need.resolve("oxc-parser")));
const { componentize } = await import(pathToFileURL(`${tool}/src/componentize.js`));

const refuse = (line) => {
  console.error(`curricle: ${line}`);
  process.exitCode = 1;
};

/** Line of a place in UTF-16 units, from 1. */
const line = (text, at) => text.slice(0, at).split("\n").length;

const maps = {};
for (const name of readdirSync("source", { recursive: true }).sort()) {
  const path = `source/${name}`;
  if (name.endsWith(".js.map")) maps[name.slice(0, -4)] = lineTable(JSON.parse(readFileSync(path, "utf8")));
  if (!/\.m?js$/.test(name)) continue;
  const text = readFileSync(path, "utf8");
  const parsed = await oxc.parseAsync(name, text);
  for (const error of parsed.errors) {
    const at = error.labels[0]?.start;
    refuse(`${name}${at === undefined ? "" : `:${line(text, at)}`}: ${error.message}`);
  }
  writeFileSync(path, resolved(name, text, parsed.module));
}
// For tracebacks: from lines of what ran to lines of what was written.
writeFileSync("glue/lines.js", `export const lines = ${JSON.stringify(maps)};\n`);

if (!process.exitCode) {
  try {
    const disableFeatures = ["random", "clocks", "http", "stdio", "fetch-event"];
    const { component } = await componentize({ sourcePath: "entry.js", witPath: "wit", worldName: world, disableFeatures });
    writeFileSync("plugin.wasm", component);
  } catch (error) {
    const message = String(error.message ?? error);
    // What a module threw while it was read: `source/plugin.js:3:7 TypeError: …`.
    const thrown = /^(\S+?):(\d+):\d+ (\w+: .*)$/m.exec(message);
    if (thrown) refuse(told(...thrown.slice(1)));
    else console.error(message);
    process.exitCode = 1;
  }
}

/** An exception with its place in the source; what the glue says has none. */
function told(path, number, what) {
  if (!path.startsWith("source/")) return what.replace(/^Error: /, "");
  const name = path.slice("source/".length);
  const map = maps[name];
  return map ? `${map.file}:${map.lines[number - 1] ?? number}: ${what}` : `${name}:${number}: ${what}`;
}

/** The text with "curricle" as a path, since the engine knows paths alone. */
function resolved(name, text, module) {
  const up = "../".repeat(name.split("/").length);
  const requests = [...module.staticImports, ...module.staticExports.flatMap(({ entries }) => entries)];
  const found = new Map(requests.map(({ moduleRequest }) => moduleRequest).filter(Boolean).map((request) => [request.start, request]));
  for (const { start, end, value } of [...found.values()].sort((a, b) => b.start - a.start)) {
    if (value === "curricle") {
      text = `${text.slice(0, start)}${JSON.stringify(`${up}curricle.js`)}${text.slice(end)}`;
    } else if (!/^\.\.?\//.test(value)) {
      refuse(`${name}:${line(text, start)}: there is no module \`${value}\` for plugins; import "curricle" and files beside this one`);
    } else if (posix.normalize(`source/${posix.dirname(name)}/${value}`).startsWith("source/") === false) {
      refuse(`${name}:${line(text, start)}: \`${value}\` lies outside of the folder of the plugin's source; move it beside the source`);
    }
  }
  return text;
}

/** The first original line of each line of what was made, from a source map. */
function lineTable({ sources, mappings }) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  let original = 0;
  const lines = mappings.split(";").map((segments) => {
    let first;
    for (const segment of segments.split(",").filter(Boolean)) {
      const fields = [];
      let value = 0;
      let shift = 0;
      for (const digit of segment) {
        const bits = digits.indexOf(digit);
        value |= (bits & 31) << shift;
        shift += 5;
        if (bits & 32) continue;
        fields.push(value & 1 ? -(value >> 1) : value >> 1);
        value = shift = 0;
      }
      original += fields[2] ?? 0;
      first ??= original + 1;
    }
    return first;
  });
  return { file: posix.basename(sources[0]), lines };
}
