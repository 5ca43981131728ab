"use strict";
// Reads the numbers beside it, unpacks the plotting library and draws. `runs` are what the same run always gives, `measured` what a clock said.
const read = id => JSON.parse(document.getElementById(id).textContent);
const runs = read("fixed"), measured = read("measured");
const byId = id => document.getElementById(id);

// Colours that stay apart for people who see few, after Okabe and Ito, then others.
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#7878c8", "#96be6e", "#be8c6e", "#4fa3a0", "#a65d8a",
  "#7f9c3a", "#c0605c"];
const colour = i => COLOURS[i % COLOURS.length];
const GREY = "#9aa0a6";

// Steps of each bin, at the middle of the bin.
const middles = run => run.samples.map((_, i) => {
  const start = run.first + i * run.span, end = Math.min(start + run.span, run.first + run.steps);
  return (start + end - 1) / 2;
});
const percent = x => x == null ? "–" : (100 * x).toFixed(x < 0.1 ? 2 : 1) + " %";
const number = x => x == null ? "–" : x.toLocaleString("en", { maximumSignificantDigits: 6 }).replaceAll(",", " ");
const micro = ns => ns == null ? "–" : (ns / 1000).toLocaleString("en", { maximumSignificantDigits: 4 }) + " µs";
const mean = values => { const there = values.filter(x => x != null); return there.length ? there.reduce((a, b) => a + b, 0) / there.length : null; };
const ends = values => { const there = values.filter(x => x != null); return [there[0], there[there.length - 1]]; };

const stack = (run, entries) => entries.map((entry, i) => ({
  x: middles(run), y: entry.shares, name: entry.name, stackgroup: "one", mode: "lines", line: { width: 0.5, color: entry.grey ? GREY : colour(i) },
  fillcolor: entry.grey ? GREY : colour(i), hovertemplate: "%{y:.2%}",
}));
// The mean, and how far the steps of a bin lie apart.
const banded = (run, band, name, i, scale = 1, hover = "%{y:,.6~g}") => {
  const x = middles(run), to = values => values.map(v => v == null ? null : v * scale);
  const edge = { x, mode: "lines", line: { width: 0, color: colour(i) }, legendgroup: name, showlegend: false, hoverinfo: "skip" };
  const spread = run.span > 1 ? [{ ...edge, y: to(band.low) }, { ...edge, y: to(band.high), fill: "tonexty", fillcolor: colour(i) + "40" }] : [];
  return [...spread, { x, y: to(band.mean), name, legendgroup: name, mode: "lines", line: { width: 1.5, color: colour(i) }, hovertemplate: hover }];
};
const line = (run, values, name, i, hover, dash) => ({ x: middles(run), y: values, name, mode: "lines", line: { width: 1.5, color: colour(i), dash },
  hovertemplate: hover });

const chosen = run => run.columns.find(column => column.name === byId("column").value) ?? run.columns[0];
const annotationKinds = run => run.annotations.map((a, i) => ({ ...a, i }));

// Each figure: what it is called, how its numbers came about, the traces of a run, the axes, and the numbers as a table.
const FIGURES = [
  {
    id: "streams", title: "Where the samples come from", tall: true, steps: true,
    how: run => `Share of each stream in the batches.${run.span > 1 ? ` A point is ${run.span} steps.` : ""} Exact.`,
    traces: run => stack(run, run.streams), y: { tickformat: ".0%", range: [0, 1] },
    table: run => [["stream", "samples", "share", "length", "epochs"],
      ...run.streams.map(s => [s.name, number(s.drawn), percent(s.share), number(s.length), s.epochs == null ? "–" : number(s.epochs)])],
  },
  {
    id: "categories", title: "Categories", tall: true, steps: true, there: run => run.columns.length > 0,
    how: run => `Share of each category of column “${chosen(run)?.name}” in the batches. ${run.how.looked_up}`,
    traces: run => stack(run, chosen(run)?.categories ?? []), y: { tickformat: ".0%", range: [0, 1] },
    table: run => [["category", "share of the batches", "share of the data"],
      ...(chosen(run)?.categories ?? []).map(c => [c.name, percent(c.share), percent(c.of_data)])],
  },
  {
    id: "annotations", title: "Numbers beside the batch", steps: true, there: run => run.annotations.length > 0,
    how: run => `What the policy and the run file annotate, such as difficulties${run.span > 1 ? "; the band goes from the least to the most of a point's steps" : ""}. Exact.`,
    traces: run => annotationKinds(run).flatMap(a => banded(run, a, a.name, a.i)), y: {},
    table: run => [["annotation", "first", "last"], ...run.annotations.map(a => [a.name, ...ends(a.mean).map(number)])],
  },
  {
    id: "lengths", title: "Lengths", steps: true,
    how: run => `Tokens of a sample after truncation; percentiles to within 3 %. ${run.how.looked_up}`,
    traces: run => {
      const x = middles(run), edge = { x, mode: "lines", line: { width: 0, color: colour(0) }, legendgroup: "b", hovertemplate: "%{y:,}" };
      return [{ ...edge, y: run.lengths.p10, name: "10th percentile", showlegend: false },
        { ...edge, y: run.lengths.p90, name: "10th to 90th percentile", fill: "tonexty", fillcolor: colour(0) + "40" },
        line(run, run.lengths.p50, "median", 0, "%{y:,}"), line(run, run.lengths.mean, "mean", 5, "%{y:,.5~g}", "dot")];
    },
    y: { rangemode: "tozero", title: { text: "tokens" } },
    table: run => [["of all", "tokens"], ...["least", "10th percentile", "median", "90th percentile", "most"].map((name, i) =>
      [name, number(run.lengths.percentiles[i])]), ["mean", number(run.lengths.overall_mean)]],
  },
  {
    id: "padding", title: "Padding", steps: true, there: run => run.padding.share != null,
    how: run => `Share of the places in memory that no token of a sample fills, over all ranks. ${run.how.padding}`,
    traces: run => [line(run, run.padding.shares, "padding", 5, "%{y:.2%}")], y: { tickformat: ".0%", rangemode: "tozero" },
    table: run => [["", "padding"], ["of all steps", percent(run.padding.share)]],
  },
  {
    id: "unseen", title: "Not seen yet", steps: true,
    how: run => `Share of the dataset that no batch had so far. ${run.how.seen}`,
    traces: run => [line(run, run.unseen, "unseen", 2, "%{y:.2%}")], y: { tickformat: ".0%", range: [0, 1] },
    table: run => [["", "unseen"], ["after the last step", percent(ends(run.unseen)[1])]],
  },
  {
    id: "seen", title: "How often samples were given out",
    how: run => `Samples by the number of times. ${run.how.seen}`,
    traces: run => [{ type: "bar", name: "samples", x: run.seen.times.map(([times]) => times === 0 ? 0 : times + (run.seen.width - 1) / 2),
      y: run.seen.times.map(([, n]) => n), text: run.seen.times.map(([times]) => label(run, times)), textposition: "none",
      width: run.seen.times.map(([times]) => times === 0 ? Math.max(1, run.seen.width * 0.9) : run.seen.width * 0.9),
      hovertemplate: "%{text} times: %{y:,} samples<extra></extra>", marker: { color: run.seen.times.map(([times]) => times === 0 ? GREY : colour(0)) } }],
    x: { title: { text: "times" }, rangemode: "tozero" }, y: { title: { text: "samples" } }, log: true,
    table: run => [["times", "samples", "share"], ...run.seen.times.map(([times, n]) => [label(run, times), number(n), percent(n / run.seen.counted)])],
  },
  {
    id: "fuel", title: "Fuel of a step", steps: true,
    how: run => `Work of the policy, about one unit an instruction; the same on every machine. It holds ${number(run.memory)} bytes of memory at most. Exact.`,
    traces: run => banded(run, run.fuel, "fuel", 3), y: { rangemode: "tozero", title: { text: "fuel" } },
    table: run => [["percentile", "fuel"], ...percentiles(run.fuel_percentiles, number)],
  },
  {
    id: "time", title: "Time of a step", steps: true, measured: true, there: () => measured != null,
    how: (run, r) => `Planning took ${number(measured[r].seconds)} s in all. The policy is the call into the sandbox; the whole adds the host's drawing and counting.`,
    traces: (run, r) => [...banded(run, measured[r].whole.band, "whole", 4, 0.001), ...banded(run, measured[r].policy.band, "policy", 5, 0.001)],
    y: { type: "log", dtick: "D2", tickformat: ",.3~r", title: { text: "µs" } },
    table: (run, r) => [["percentile", "policy", "whole"], ...percentiles(measured[r].policy.percentiles, micro).map(([name, value], i) =>
      [name, value, micro(measured[r].whole.percentiles?.[i])])],
  },
];
const label = (run, times) => times === 0 || run.seen.width === 1 ? `${times}` : `${times}–${times + run.seen.width - 1}`;
const percentiles = (values, show) => ["50th", "90th", "99th", "largest"].map((name, i) => [name, show(values?.[i])]);

const element = (tag, attributes = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
};
const plots = [];

// Words for those who cannot see the picture: what its table says.
const inWords = (figure, run, r) => {
  const [head, ...rows] = figure.table(run, r);
  return `${figure.title}, ${run.name}. ` + rows.slice(0, 12).map(row => row.map((cell, i) => i && head[i] ? `${head[i]} ${cell}` : cell).join(", ")).join("; ");
};
const fillTable = plot => {
  const { figure, run, r } = plot;
  const [head, ...rows] = figure.table(run, r);
  const table = element("table", {}, element("tr", {}, ...head.map(cell => element("th", { scope: "col", textContent: cell }))));
  rows.forEach(row => table.append(element("tr", {}, ...row.map(cell => element("td", { textContent: cell })))));
  const switches = element("p", {}, ...switchesOf(plot));
  plot.details.replaceChildren(element("summary", { textContent: "Numbers and lines" }), switches, element("div", { className: "scroll" }, table));
  plot.node.setAttribute("aria-label", inWords(figure, run, r));
};
// What a click on the legend does, for the keyboard.
const switchesOf = plot => [...new Set(plot.traces.filter(t => t.showlegend !== false).map(t => t.name))].map(name => {
  const box = element("input", { type: "checkbox", checked: plot.visible.get(name) ?? true });
  box.addEventListener("change", () => { plot.visible.set(name, box.checked); draw(plot); });
  return element("label", {}, box, ` ${name} `);
});

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let steps = null; // The steps that are shown, if not all.
const allSteps = () => [Math.min(...runs.map(run => run.first)), Math.max(...runs.map(run => run.first + run.steps))];

const layout = plot => {
  const { figure } = plot;
  const axis = { gridcolor: css("--line"), linecolor: css("--line"), zerolinecolor: css("--line"), automargin: true };
  const x = figure.steps ? { ...axis, range: steps ?? allSteps() } : { ...axis, ...figure.x };
  const y = { ...axis, ...figure.y, ...(figure.log && byId("log").checked ? { type: "log" } : {}) };
  const shared = plot.yRange ?? sharedRange(figure, y);
  if (shared) y.range = shared;
  // Inside, where no legend comes.
  const unit = { text: "step", xref: "paper", yref: "paper", x: 1, y: 0, xanchor: "right", yanchor: "bottom", showarrow: false, bgcolor: css("--paper") };
  return { paper_bgcolor: css("--paper"), plot_bgcolor: css("--paper"), font: { color: css("--ink"), size: 12 }, margin: { l: 55, r: 10, t: 28, b: 40 },
    hovermode: figure.steps ? "x unified" : "closest", hoverlabel: { bgcolor: css("--panel"), font: { color: css("--ink") } },
    showlegend: plot.traces.filter(t => t.showlegend !== false).length > 1, legend: { orientation: "h", y: -0.12, traceorder: "normal" }, annotations: figure.steps ? [unit] : [],
    xaxis: x, yaxis: y };
};
// Two runs have one scale.
const sharedRange = (figure, y) => {
  if (runs.length < 2 || y.range || y.type === "log") return y.range;
  const of = plots.filter(p => p.figure === figure).flatMap(p => p.traces.filter(t => t.visible !== "legendonly").flatMap(t => t.y)).filter(v => v != null);
  if (!of.length) return undefined;
  const [low, high] = of.reduce(([l, h], v) => [Math.min(l, v), Math.max(h, v)], [Infinity, -Infinity]);
  const room = (high - low) * 0.05 || Math.abs(high) * 0.1 || 1;
  return [y.rangemode === "tozero" || figure.id === "seen" ? Math.min(0, low) : low - room, high + room];
};
const make = plot => {
  plot.traces = plot.figure.traces(plot.run, plot.r).map(t => ({ ...t, visible: plot.visible.get(t.name) === false ? "legendonly" : true }));
};
// The plotting library reads names as markup; here they are what a plugin or the data calls something.
const plain = name => name?.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const drawn = (plot, t) => ({ ...t, name: plain(t.name), legendgroup: plain(t.legendgroup), visible: plot.visible.get(t.name) === false ? "legendonly" : true });
const draw = plot => Plotly.react(plot.node, plot.traces.map(t => drawn(plot, t)), layout(plot),
  { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] });
const drawAll = () => { plots.forEach(make); return Promise.all(plots.map(draw)); };

// A zoom along the steps is one of all figures, and one of the scale that of both runs.
let linking = false;
const zoomed = async (plot, event) => {
  if (linking) return;
  linking = true;
  try {
    const { figure } = plot;
    if (figure.steps && (event["xaxis.range[0]"] != null || event["xaxis.range"])) await zoomTo(event["xaxis.range"] ?? [event["xaxis.range[0]"], event["xaxis.range[1]"]]);
    if (figure.steps && event["xaxis.autorange"]) await zoomTo(null);
    if (event["yaxis.range[0]"] != null) {
      const range = [event["yaxis.range[0]"], event["yaxis.range[1]"]];
      for (const other of plots.filter(p => p.figure === figure)) { other.yRange = range; await draw(other); }
    }
    if (event["yaxis.autorange"]) for (const other of plots.filter(p => p.figure === figure)) { other.yRange = null; await draw(other); }
  } finally { linking = false; }
};
const zoomTo = async range => {
  steps = range;
  const [from, to] = range ?? allSteps();
  byId("from").value = Math.round(from);
  byId("to").value = Math.round(to);
  for (const plot of plots.filter(p => p.figure.steps)) await draw(plot);
};

const build = () => {
  document.body.classList.toggle("two", runs.length > 1);
  for (const figure of FIGURES) {
    const there = runs.map((run, r) => figure.there ? figure.there(run, r) : true);
    const section = element("section", { id: figure.id, className: figure.measured ? "measured" : "" }, element("h2", { textContent: figure.title }));
    const how = figure.id === "padding" && !there.some(Boolean) ? runs.map(run => run.how.padding) : runs.map((run, r) => there[r] ? figure.how(run, r) : "");
    if (!there.some(Boolean)) {
      if (figure.id === "padding") byId("figures").append(section);
      section.append(element("p", { className: "how", textContent: [...new Set(how)].join(" ") }));
      continue;
    }
    const told = element("p", { className: "how" });
    section.append(told);
    const grid = element("div", { className: "plots" });
    runs.forEach((run, r) => {
      const box = element("figure");
      if (runs.length > 1) box.append(element("figcaption", { textContent: `${r + 1}. ${run.name}` }));
      if (!there[r]) { box.append(element("p", { className: "how", textContent: "None." })); grid.append(box); return; }
      const node = element("div", { className: "plot" + (figure.tall ? " tall" : "") });
      node.setAttribute("role", "img");
      const plot = { figure, run, r, node, details: element("details"), traces: [], visible: new Map(), yRange: null };
      box.append(node, plot.details);
      grid.append(box);
      plots.push(plot);
    });
    section.append(grid);
    byId("figures").append(section);
    section.tell = () => { told.textContent = [...new Set(runs.map((run, r) => there[r] ? figure.how(run, r) : "").filter(Boolean))].join(" / "); };
    section.tell();
  }
};
const start = async () => {
  const columns = [...new Set(runs.flatMap(run => run.columns.map(column => column.name)))];
  columns.forEach(name => byId("column").append(element("option", { textContent: name })));
  byId("column").closest("label").hidden = columns.length === 0;
  build();
  plots.forEach(make);
  plots.forEach(fillTable);
  [byId("from").value, byId("to").value] = allSteps();

  byId("controls").addEventListener("submit", event => {
    event.preventDefault();
    const [from, to] = ["from", "to"].map(id => byId(id).valueAsNumber);
    if (from < to) zoomTo([from, to]);
  });
  byId("reset").addEventListener("click", () => { plots.forEach(plot => { plot.yRange = null; }); steps = null; zoomTo(null).then(drawAll); });
  byId("column").addEventListener("change", () => { document.querySelectorAll("section").forEach(s => s.tell?.()); drawAll().then(() => plots.forEach(fillTable)); });
  byId("log").addEventListener("change", drawAll);
  byId("theme").addEventListener("change", () => { document.documentElement.dataset.theme = byId("theme").value; drawAll(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

  const packed = Uint8Array.from(atob(byId("library").textContent), letter => letter.charCodeAt(0));
  const source = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  document.head.append(element("script", { textContent: source }));
  await drawAll();
  for (const plot of plots) {
    plot.node.on("plotly_relayout", event => zoomed(plot, event));
    // A legend's click is a switch's.
    plot.node.on("plotly_legendclick", event => {
      const name = plot.traces[event.curveNumber].name;
      plot.visible.set(name, plot.visible.get(name) === false);
      fillTable(plot);
      draw(plot);
      return false;
    });
  }
  byId("state").textContent = "";
  document.documentElement.dataset.ready = "yes";
};
start().catch(error => { byId("state").textContent = `The pictures cannot be drawn: ${error.message}`; throw error; });
