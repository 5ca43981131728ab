// Says plainly what a plugin does not have. Without this a clock or a random number would be one that was drawn when the plugin was built,
// the same in every run and another in every build.

function lacking(name, instead) {
  return () => {
    throw new Error(`\`${name}\` is not for plugins: ${instead}`);
  };
}

const CLOCK = "no clock may reach a result; count steps";
const CHANCE = "it would be the same in every run; let a stream shuffle";

const replace = (object, name, value) => Object.defineProperty(object, name, { value, configurable: true, writable: true });

replace(Math, "random", lacking("Math.random", CHANCE));
replace(globalThis, "crypto", new Proxy({}, { get: (_, name) => lacking(`crypto.${String(name)}`, CHANCE) }));
replace(globalThis, "performance", { now: lacking("performance.now", CLOCK) });
const clock = {
  get: (date, name) => (name === "now" ? lacking("Date.now", CLOCK) : Reflect.get(date, name)),
  apply: lacking("Date()", CLOCK),
  construct: (date, values) => (values.length === 0 ? lacking("new Date()", CLOCK)() : Reflect.construct(date, values)),
};
replace(globalThis, "Date", new Proxy(Date, clock));
for (const name of ["setTimeout", "setInterval", "queueMicrotask", "fetch"]) {
  replace(globalThis, name, lacking(name, "a call answers before it returns, and nothing runs afterwards"));
}
