"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const REFERENCE = "1 3"; // the dashes of what is no entrant
  const dashes = (lengths) => (lengths ? lengths.split(" ").map((each) => `${each}px`).join(",") : "solid");
  const narrow = () => window.innerWidth < 640;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // Plotly reads a few tags in labels; names and rules are text and nothing else.
  const text = (value) => String(value).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const faded = (hex, alpha) => {
    const part = (from) => parseInt(hex.slice(from, from + 2), 16);
    return `rgba(${part(1)},${part(3)},${part(5)},${alpha})`;
  };
  const three = (value) => value.toFixed(3);

  function layout(extra) {
    const axis = () => ({
      gridcolor: css("--grid"), zeroline: false, linecolor: css("--line"), tickcolor: css("--line"), automargin: true,
      title: { standoff: 10, font: { size: 13, color: css("--muted") } }, tickfont: { color: css("--muted"), size: 12 },
    });
    const base = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 8, r: 12, t: 12, b: 8 },
      font: { family: css("--sans"), color: css("--ink"), size: 13 }, dragmode: false, hovermode: "closest",
      hoverlabel: { bgcolor: css("--raised"), bordercolor: css("--line"), font: { color: css("--ink"), family: css("--sans"), size: 13 }, align: "left" },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, xanchor: "left", groupclick: "togglegroup", font: { color: css("--ink") } },
      xaxis: axis(), yaxis: axis(),
    };
    for (const [name, value] of Object.entries(extra)) {
      const own = base[name] && typeof base[name] === "object" && !Array.isArray(base[name]);
      base[name] = own ? { ...base[name], ...value, ...(value.title ? { title: { ...base[name].title, text: value.title } } : {}) } : value;
    }
    return base;
  }

  function stairs(x, y) { // a curve that holds its value until it changes, as the corners of a line
    const xs = [], ys = [];
    x.forEach((at, place) => {
      if (place) { xs.push(at); ys.push(y[place - 1]); }
      xs.push(at); ys.push(y[place]);
    });
    return [xs, ys];
  }

  // All searches climb from chance within a few children; what tells them apart is higher up.
  function close(chart, chosen) {
    if (chart.straight) return late(chart, chosen);
    if (chart.falls) return fallen(chart, chosen);
    const from = chart.budget * 0.15, early = [], all = [];
    chart.series.forEach((each, key) => {
      let last = 0;
      each.median.x.forEach((x, place) => { if (x <= from) last = place; all.push(each.high[place], each.median.y[place]); });
      early.push(each.median.y[last]);
      if (chosen.has(key)) each.median.x.forEach((x, place) => { if (x > from) early.push(each.low[place]); });
    });
    const low = Math.min(...early), high = Math.max(...all), room = 0.06 * (high - low || 0.1);
    return [low - room, high + room];
  }

  // Regret falls steeply at first; what tells searches apart is what is left after a twentieth of the budget.
  function fallen(chart, chosen) {
    const from = chart.budget * 0.05, late = [0];
    chart.series.forEach((each, key) => each.median.x.forEach((x, place) => {
      const next = each.median.x[place + 1];
      if (next === undefined || next > from) late.push(chosen.has(key) ? each.high[place] : each.median.y[place]);
    }));
    const high = Math.max(...late), room = 0.06 * (high || 0.1);
    return [-room, high + room];
  }

  // Training changes most at first; what tells candidates apart is what is left after a sixth of the epochs.
  function late(chart, chosen) {
    const from = chart.budget / 6, found = [];
    chart.series.forEach((each, key) => each.median.x.forEach((x, place) => {
      if (x >= from) found.push(each.median.y[place], ...(chosen.has(key) ? [each.low[place], each.high[place]] : []));
    }));
    const scaled = found.filter((y) => y !== null && (!chart.logarithmic || y > 0)).map((y) => (chart.logarithmic ? Math.log10(y) : y));
    if (!scaled.length) return undefined;
    const low = Math.min(...scaled), high = Math.max(...scaled), room = 0.06 * (high - low || 0.1);
    return [low - room, high + room];
  }

  function decades(end) { // 1, 2, 5, 10, 20 … as far as there is room for
    const steps = narrow() || end > 5000 ? [1] : [1, 2, 5], found = [];
    for (let power = 1; power <= end; power *= 10) found.push(...steps.map((each) => each * power).filter((each) => each <= end));
    return found;
  }

  // A median a searcher; those brought out lie on top with their bands, and the others step back.
  function entrant(chart, each, key, state, out) {
    const tint = css(`--s${each.colour}`), label = text(each.label), back = out.size > 0 && !out.has(key), traces = [];
    const drawn = chart.straight ? (x, y) => [[...x], [...y]] : stairs, unit = chart.unit || "child";
    const [x, middle] = drawn(each.median.x, each.median.y);
    const common = { meta: key, mode: x.length > 1 ? "lines" : "markers", showlegend: false, marker: { color: tint, size: 7 } };
    if (out.has(key) && each.many) {
      const [, low] = drawn(each.median.x, each.low), [, high] = drawn(each.median.x, each.high);
      traces.push({ ...common, x: [...x, ...[...x].reverse()], y: [...high, ...low.reverse()], fill: "toself", fillcolor: faded(tint, 0.16), line: { width: 0 }, hoverinfo: "skip" });
    }
    if (state.seeds && !back) {
      for (const one of each.seeds) {
        const [xs, ys] = drawn(one.x, one.y);
        traces.push({ ...common, x: xs, y: ys, line: { color: faded(tint, 0.55), width: 1 }, hovertemplate: `${label}, seed ${one.seed}<br>${unit} %{x}: %{y:${chart.format}}<extra></extra>` });
      }
    }
    traces.push({ ...common, x, y: middle, name: label, opacity: back ? 0.28 : 1, line: { color: tint, width: out.has(key) ? 3.2 : 2.2, dash: dashes(each.dashes) },
      hovertemplate: `${label}<br>${unit} %{x}: %{y:${chart.format}}<extra></extra>` });
    return traces;
  }

  const draw = {
    curves(chart, state) {
      const out = new Set(state.hover === null ? state.out : [...state.out, state.hover]), alone = chart.series.length === 1;
      if (alone) out.add(0);
      const traces = chart.references.map((each, place) => ({ x: each.x, y: each.y, name: text(each.label), mode: "lines", meta: chart.series.length + place, showlegend: false,
        opacity: out.size && !alone && !out.has(chart.series.length + place) ? 0.28 : 1, line: { color: css("--muted"), width: 1.4, dash: dashes(REFERENCE) }, hovertemplate: `${text(each.label)}<br>child %{x}: %{y:${chart.format}}<extra></extra>` }));
      const order = [...chart.series.keys()].reverse().sort((a, b) => out.has(a) - out.has(b)); // the first on top
      for (const key of order) traces.push(...entrant(chart, chart.series[key], key, state, out));
      const shown = chart.share ? { range: [-0.03, 1.03], tickformat: ".0%" } : state.whole ? {} : { range: close(chart, alone ? out : state.out) };
      const along = chart.log ? { title: "children trained (log scale)", type: "log", tickvals: decades(chart.budget), range: [0, Math.log10(Math.max(2, chart.budget))] } : { title: chart.along || "children trained", range: [chart.from ?? 1, Math.max(chart.budget, 1.5)], dtick: chart.straight && chart.budget <= 12 ? 1 : undefined };
      return [traces, layout({ xaxis: along, yaxis: { title: narrow() ? "" : chart.figure, ...(chart.logarithmic ? { type: "log" } : {}), ...shown }, height: narrow() ? 340 : 470 })];
    },
    rewards(chart) {
      const traces = chart.series.map((each) => ({
        type: "box", x: each.rewards, name: text(each.label), orientation: "h", boxpoints: "all", jitter: 0.55, pointpos: 0,
        marker: { size: 3.5, opacity: 0.4, color: css(`--s${each.colour}`) }, line: { color: css(`--s${each.colour}`), width: 1.5 }, fillcolor: "rgba(0,0,0,0)",
        hovertemplate: "%{x:.3f}<extra></extra>", showlegend: false,
      })).reverse();
      return [traces, layout({ xaxis: { title: "reward" }, height: Math.max(300, 70 * traces.length + 70) })];
    },
    size(chart) {
      const rest = chart.points.filter((each) => !each.front), front = chart.points.filter((each) => each.front);
      const said = (each) => `${text(each.rule)}<br>${three(each.y)} over ${each.seeds} seed${each.seeds > 1 ? "s" : ""}, ${each.x} nodes<br>${text(each.by)}`;
      const shape = (points) => ({ x: points.map((p) => p.x), y: points.map((p) => p.y), text: points.map(said), hovertemplate: "%{text}<extra></extra>" });
      return [[
        { ...shape(rest), mode: "markers", name: "other functions", marker: { color: css("--muted"), size: 5, opacity: 0.4 } },
        { ...shape(front), mode: "lines+markers", name: "front", line: { color: css("--accent"), width: 1.6, shape: "hv" }, marker: { color: css("--accent"), size: 9, symbol: "diamond" } },
      ], layout({ xaxis: { title: "nodes of the canonical expression", dtick: chart.points.length && Math.max(...chart.points.map((p) => p.x)) < 16 ? 1 : undefined }, yaxis: { title: narrow() ? "" : "mean reward" }, height: 380 })];
    },
    confirmed(chart) {
      const side = (known) => {
        const points = chart.points.filter((each) => each.known === known);
        const reach = (each, end) => (end === null ? 0 : Math.abs(end - each.y));
        return { x: points.map((p) => p.x + (known ? 0.12 : -0.12)), y: points.map((p) => p.y), mode: "markers", name: known ? "known optimizers" : "other rules",
          error_y: { type: "data", symmetric: false, array: points.map((p) => reach(p, p.high)), arrayminus: points.map((p) => reach(p, p.low)), thickness: 1.1, width: 0, color: faded(known ? css("--ink") : css("--accent"), 0.5) },
          text: points.map((p) => `${text(p.rule)}<br>${three(p.y)}${p.low === null ? "" : `, ${three(p.low)} to ${three(p.high)}`}<br>${p.x} nodes`), hovertemplate: "%{text}<extra></extra>",
          marker: { size: 9, symbol: known ? "square" : "circle", color: known ? css("--ink") : css("--accent") } };
      };
      const front = [];
      for (const each of [...chart.points].sort((a, b) => a.x - b.x || b.y - a.y)) if (!front.length || each.y > front[front.length - 1].y) front.push(each);
      return [[
        { x: front.map((p) => p.x), y: front.map((p) => p.y), mode: "lines", line: { color: css("--muted"), width: 1.2, shape: "hv", dash: "dot" }, name: "front", hoverinfo: "skip" },
        side(false), side(true),
      ], layout({ xaxis: { title: "nodes of the canonical expression", dtick: 1 }, yaxis: { title: narrow() ? "" : chart.figure }, height: 400 })];
    },
    words(chart, state) {
      const chosen = chart.series[state.chosen] || { shares: [] };
      const used = chart.vocabulary.map((word, place) => [text(word), chosen.shares[place] || []]).filter(([, row]) => row.some((share) => share > 0)).reverse();
      const parts = used.length ? used[0][1].map((_, place) => `${place * 10}–${place * 10 + 10}%`) : [];
      return [[{ type: "heatmap", z: used.map(([, row]) => row), y: used.map(([word]) => word), x: parts, xgap: 2, ygap: 2, zmin: 0, hoverongaps: false,
        zmax: Math.max(0.3, ...chart.series.flatMap((each) => each.shares.flat())),
        colorscale: [[0, css("--scale-low")], [0.5, css("--scale-mid")], [1, css("--scale-high")]],
        colorbar: { thickness: 10, outlinewidth: 0, tickformat: ".0%", tickfont: { color: css("--muted") }, len: 0.5, y: 1, yanchor: "top" }, showscale: !narrow(),
        hovertemplate: "%{y}: %{z:.0%} of proposals<br>at %{x} of the run<extra></extra>" }],
      layout({ xaxis: { title: "part of the run", showgrid: false }, yaxis: { showgrid: false, type: "category", dtick: 1, tickfont: { family: css("--mono"), size: 12, color: css("--ink") } }, height: 90 + 22 * Math.max(4, used.length) })];
    },
    trajectories(chart, state) { // above a function with its points, below the points by step
      const one = chart.series[state.chosen] || { runs: [] }, run = one.runs[state.at] || { x: [], y: [] }, steps = run.x.map((_, place) => place + 1);
      const said = run.x.map((x, place) => `step ${place + 1}: f(${x}) = ${run.y[place]}`), hover = { text: said, hovertemplate: "%{text}<extra></extra>", showlegend: false };
      const common = { gridcolor: css("--grid"), zeroline: false, linecolor: css("--line"), automargin: true, tickfont: { color: css("--muted"), size: 12 } };
      const title = (name) => ({ text: narrow() ? "" : name, font: { size: 13, color: css("--muted") }, standoff: 10 });
      return [[
        { x: chart.grid, y: chart.functions[state.at], mode: "lines", line: { color: css("--accent"), width: 2, shape: "spline" }, hoverinfo: "skip", showlegend: false },
        { x: run.x, y: run.y, mode: "markers", marker: { symbol: "x-thin", size: 8, line: { width: 1.8, color: css("--worse") } }, ...hover },
        { x: run.x, y: steps, yaxis: "y2", mode: "lines+markers", line: { color: css("--worse"), width: 1.2 }, marker: { size: 4, color: css("--worse") }, ...hover },
      ], layout({ xaxis: { title: "x", range: [-0.02, 1.02], anchor: "y2" }, yaxis: { title: narrow() ? "" : "f(x)", domain: [0.56, 1] },
        yaxis2: { ...common, domain: [0, 0.48], autorange: "reversed", title: title("step") }, height: narrow() ? 460 : 560 })];
    },
    sweep(chart) { return lines(chart, { xaxis: { title: "learning rate", type: "log", dtick: 1, exponentformat: "power" } }); },
    epochs(chart) { return lines(chart, { xaxis: { title: "epoch", dtick: chart.x.length > 12 ? undefined : 1 } }); },
  };

  function lines(chart, axes) {
    const traces = chart.lines.map((line) => ({ x: chart.x, y: line, mode: "lines", line: { color: faded(css("--accent"), 0.28), width: 1 }, hoverinfo: "skip", showlegend: false }));
    traces.push({ x: chart.x, y: chart.mean, mode: "lines+markers", line: { color: css("--accent"), width: 2.4 }, marker: { size: 6 }, hovertemplate: "%{x}: %{y:.3f}<extra></extra>", showlegend: false });
    return [traces, layout({ ...axes, height: 230 })];
  }

  const states = new Map();
  function paint(figure) {
    const chart = charts[figure.id], place = figure.querySelector(".plot"), state = states.get(figure.id);
    const [traces, frame] = draw[chart.kind](chart, state);
    return Plotly.react(place, traces, frame, { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false, showTips: false }).then(() => { figure.dataset.drawn = "1"; });
  }

  function button(label, pressed, act) {
    const made = document.createElement("button");
    made.type = "button"; made.textContent = label; made.setAttribute("aria-pressed", String(pressed));
    made.addEventListener("click", () => { const now = made.getAttribute("aria-pressed") !== "true"; made.setAttribute("aria-pressed", String(now)); act(now); });
    return made;
  }

  function sample(tint, lengths) { // of a line, as it is drawn
    const drawing = document.getElementById("sample").content.firstElementChild.cloneNode(true);
    drawing.style.setProperty("--own", `var(${tint})`);
    drawing.firstElementChild.setAttribute("stroke-dasharray", lengths || "none");
    return drawing;
  }

  function point(figure, key) { // at an entrant for a while, or at none
    const state = states.get(figure.id);
    if (state.hover === key) return;
    state.hover = key;
    paint(figure);
  }

  function prepare(figure) {
    const chart = charts[figure.id], controls = figure.querySelector(".controls");
    const state = { seeds: false, whole: false, chosen: 0, at: 0, out: new Set(), hover: null };
    states.set(figure.id, state);
    if (chart.kind === "curves" && chart.series.some((each) => each.seeds.length > 1)) {
      controls.append(button("Single seeds", false, (now) => { state.seeds = now; paint(figure); }));
    }
    if (chart.kind === "curves") {
      if (!chart.share) controls.append(button("Whole range", false, (now) => { state.whole = now; paint(figure); }));
      const lines = [...chart.series.map((each) => [each.label, `--s${each.colour}`, each.dashes]), ...chart.references.map((each) => [each.label, "--muted", REFERENCE])];
      lines.forEach(([label, tint, lengths], key) => { // the names are the legend
        const name = button(label, false, (now) => { if (now) state.out.add(key); else state.out.delete(key); paint(figure); });
        name.prepend(sample(tint, lengths));
        name.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") point(figure, key); });
        name.addEventListener("pointerleave", () => point(figure, null));
        controls.append(name);
      });
    }
    const choice = (labels, name) => { // buttons of which one is pressed
      const all = labels.map((label, place) => button(label, place === 0, () => {
        state[name] = place;
        all.forEach((other, number) => other.setAttribute("aria-pressed", String(number === place)));
        paint(figure);
      }));
      controls.append(...all);
    };
    if (chart.kind === "words" || chart.kind === "trajectories") choice(chart.series.map((each) => each.label), "chosen");
    if (chart.kind === "trajectories" && chart.functions.length > 1) choice(chart.functions.map((_, place) => `Function ${place + 1}`), "at");
  }

  function begin(figure) {
    paint(figure).then(() => {
      if (charts[figure.id].kind !== "curves") return;
      const place = figure.querySelector(".plot");
      let soon = 0; // a repaint under the pointer says at once that it is over nothing, then over what it was: the last word counts
      const later = (key) => { clearTimeout(soon); soon = setTimeout(() => point(figure, key), 50); };
      place.on("plotly_hover", (event) => later(event.points[0].data.meta));
      place.on("plotly_unhover", () => later(null));
    });
  }

  const figures = [...document.querySelectorAll("figure.chart")];
  figures.forEach(prepare);
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); begin(entry.target); }
  }, { rootMargin: "400px" });
  figures.forEach((figure) => seen.observe(figure));
  const repaint = () => figures.filter((figure) => figure.dataset.drawn).forEach(paint);

  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

  const sized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const over = target.scrollWidth > target.clientWidth + 2;
      target.classList.toggle("scrolls", over);
      target.previousElementSibling.hidden = !over;
    }
  });
  for (const table of document.querySelectorAll(".table")) {
    const hint = document.createElement("p");
    hint.className = "hint"; hint.textContent = "Scroll sideways for more columns →"; hint.hidden = true;
    table.before(hint);
    sized.observe(table);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    heads.forEach((head, column) => {
      const press = head.querySelector("button");
      if (!press) return;
      press.addEventListener("click", () => {
        const numbers = head.dataset.kind === "number";
        const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : numbers;
        const key = (row) => (numbers ? Number(row.cells[column].dataset.v ?? row.cells[column].textContent) : row.cells[column].textContent.trim().toLowerCase());
        const rows = [...body.rows].map((row, place) => [key(row), place, row]);
        rows.sort(([a, i], [b, j]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1) || i - j);
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        body.append(...rows.map(([, , row]) => row));
      });
    });
  }

  const [first, ...others] = document.querySelectorAll("a.download");
  others.forEach((link) => { link.href = first.href; });
  for (const press of document.querySelectorAll(".open-all")) {
    press.addEventListener("click", () => {
      const cards = [...document.querySelectorAll(`#${press.dataset.of} .card`)], open = cards.some((card) => !card.open);
      cards.forEach((card) => { card.open = open; });
      press.textContent = open ? "Close all" : "Open all";
    });
  }
  const follow = () => { const card = document.getElementById(location.hash.slice(1)); if (card && card.matches("details")) card.open = true; };
  window.addEventListener("hashchange", follow);
  follow();
})();
