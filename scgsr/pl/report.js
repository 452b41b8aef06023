"use strict";
// Cells as points on the left, their pictures on the graph of neurons on the right. Nothing is fetched, and what comes
// from the data reaches the page as text only: `make` appends strings as text nodes.
(async () => {
const FADED = [222, 222, 222], UNKNOWN = [150, 150, 150], DEAD = "#b3b3b3", MARKED = "#f0a000";
// The code of no place, the largest of one, and the margin of the map.
const NOWHERE = 65535, PLACES = 4095, MARGIN = 0.03;
const TOP_MARKERS = 5, NEAR = 14;
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const find = id => document.getElementById(id);
const on = (node, types, act) => { for (const type of types.split(" ")) node.addEventListener(type, act); };
function make(tag, set = {}, ...children) {
  const node = document.createElement(tag);
  for (const name in set) typeof set[name] === "function" ? on(node, name, set[name]) : node.setAttribute(name, set[name]);
  node.append(...children);
  return node;
}
const range = length => Array.from({ length }, (_, i) => i);
const whole = value => Math.round(value).toLocaleString("en");
const put = (id, text) => { find(id).textContent = text; };
const say = text => put("status", text);
const clip = (value, low, high) => Math.min(Math.max(value, low), high);
const percent = share => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
const missing = value => Number.isNaN(value ?? NaN);
function format(value) {
  if (missing(value)) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return whole(value);
  return Math.abs(value) < 1e-3 ? value.toExponential(1) : value.toPrecision(3);
}

// ---- data
async function unpack(text) {
  const binary = atob(text.trim()), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer(), size = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  header.array = name => {
    const { type, start, length } = header.arrays[name];
    return new globalThis[type](buffer, 4 + size + start, length);
  };
  return header;
}
const data = await unpack(find("data").textContent);
const n = data.n_shown, nodes = data.n_neurons, everyone = Int32Array.from(range(n));
const [codes, steps, weight, ofNeurons, corners, starts, positions] =
  ["pictures", "steps", "weight", "modules", "corners", "starts", "positions"].map(data.array);
const levels = range(256).map(code => code - data.zero); // times the neuron's step
const row = data.array("rows").slice();
for (let i = 1; i < n; i++) row[i] += row[i - 1];

// ---- colours
const css = rgb => `rgb(${rgb.map(Math.round)})`;
// Where on a scale a number lies, 0 to 1, and its colour, between two of evenly spaced ones.
const scale = (low, high, stops) => ({ low, high, stops, share: value => clip((value - low) / (high - low || 1), 0, 1) });
function shade({ stops, share }, value) {
  const at = share(value) * (stops.length - 1), k = Math.min(Math.floor(at), stops.length - 2);
  return stops[k].map((from, channel) => from + (at - k) * (stops[k + 1][channel] - from));
}
const largest = values => values.reduce((most, value) => Math.max(most, Math.abs(value || 0)), 0) || 1;
const balanced = high => scale(-high, high, data.diverging);
const brightness = high => data.zero ? balanced(high) : scale(0, high, data.viridis);
function bar({ low, high, stops }) {
  return [format(low), painted("i", `linear-gradient(90deg, ${stops.map(css)})`), format(high)];
}
function painted(tag, background) {
  const node = make(tag);
  node.style.background = background;
  return node;
}
const dot = rgb => painted("b", css(rgb));

const groups = data.group.map((group, g) => ({ ...group, codes: data.array(`group ${g}`) }));
const modules = groups[0];
const numbers = data.number.map((number, k) => {
  const own = data.array(`number ${k}`), { means, low, step } = number;
  const value = means ? i => means[own[i]] : i => own[i] === NOWHERE ? NaN : low + step * own[i];
  return { ...number, codes: own, value, scale: scale(...number.shown, data.viridis) };
});
const markers = numbers.filter(number => number.means), others = numbers.filter(number => !number.means);
const moduleOf = neuron => ofNeurons[neuron] < 0 ? "dead" : modules.names[ofNeurons[neuron]];

// ---- tables
function copy(text, button) {
  const area = make("textarea", { class: "unseen" }, text);
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  say("Copied");
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1500);
}
function field(value) {
  const text = missing(value) ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
function csvButton(title, label, columns, rows) {
  const click = event => copy([columns, ...rows()].map(cells => cells.map(field).join(",") + "\n").join(""), event.target);
  return make("button", { class: "csv", "aria-label": `${label}: ${title}`, click }, label);
}
// A column whose name ends in % holds shares, which are drawn as bars too.
function table(title, columns, rows, mark = null) {
  const kinds = columns.map((name, j) => /%$/.test(name) ? "number share" : rows.some(cells => cells[j]?.toFixed) ? "number" : "");
  const body = rows.map((cells, i) => make("tr", {}, ...cells.map((value, j) => {
    const isShare = /share/.test(kinds[j]), cell = make("td", { class: kinds[j] }, isShare ? percent(value) : format(value));
    if (isShare) cell.style.backgroundSize = `${100 * value}% 100%`;
    if (mark && !j) cell.prepend(dot(mark(i)));
    return cell;
  })));
  const head = columns.map((name, j) => make("th", { scope: "col", class: kinds[j] }, name.replace(/ %$/, "")));
  return make("div", {},
    make("div", { class: "table", tabindex: 0, role: "region", "aria-label": title },
      make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body))),
    csvButton(title, "Copy as CSV", columns.map(name => name.replace(/ %$/, " (share)")), () => rows));
}
// Made when it is opened, and again when out of date.
function folded(summary, fill) {
  const place = make("div"), renew = () => { if (node.open) place.replaceChildren(fill()); };
  const node = make("details", { class: "more", toggle: renew }, make("summary", {}, summary), place);
  return { node, renew };
}

// ---- pictures on the graph of neurons
const { wide, high } = data, aspect = clip(wide / high, 1 / 3, 8);
const xOf = neuron => positions[2 * neuron], yOf = neuron => positions[2 * neuron + 1];
function trace(points) {
  const line = new Path2D();
  for (const point of points) line.lineTo(...point);
  line.closePath();
  return line;
}
const areas = range(nodes).map(neuron => trace(range(starts[neuron + 1] - starts[neuron])
  .map(c => corners.slice(2 * (starts[neuron] + c), 2 * (starts[neuron] + c) + 2))));
function sides(name) {
  const ends = data.array(name), path = new Path2D();
  for (let k = 0; k < ends.length; k += 4) {
    path.moveTo(ends[k], ends[k + 1]);
    path.lineTo(ends[k + 2], ends[k + 3]);
  }
  return path;
}
const borders = sides("borders"), outline = sides("outline");
function write(pen, text, x, y, size) {
  Object.assign(pen, { font: `600 ${size}px system-ui, sans-serif`, textAlign: "center", textBaseline: "middle",
    lineJoin: "round", lineWidth: size / 4, strokeStyle: "#ffffffe6", fillStyle: "#111" });
  pen.strokeText(text, x, y);
  pen.fillText(text, x, y);
}
function stroke(pen, path, width, colour) {
  Object.assign(pen, { lineWidth: width, strokeStyle: colour });
  pen.stroke(path);
}
function drawAreas(pen, pixel, fill, line) {
  areas.forEach((path, neuron) => {
    pen.fillStyle = fill(neuron);
    pen.fill(path);
    stroke(pen, path, 0.6 * pixel, pen.fillStyle); // hides the hairlines between neighbours
  });
  stroke(pen, borders, 1.5 * pixel, line);
  stroke(pen, outline, pixel, "#777");
}
function fit(canvas, shape) {
  const ratio = devicePixelRatio, width = Math.max(50, Math.round(canvas.clientWidth * ratio));
  const height = Math.max(20, Math.round(shape ? width / shape : canvas.clientHeight * ratio));
  Object.assign(canvas, { width, height });
  return ratio;
}
const within = (node, event) => {
  const box = node.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};
// The nearest point in a direction; from nowhere, the first.
function next(from, [dx, dy], x, y, count) {
  if (from < 0) return 0;
  let best = from, least = Infinity;
  for (let i = 0; i < count; i++) {
    const right = x(i) - x(from), down = y(i) - y(from), along = right * dx + down * dy, aside = Math.abs(right * dy - down * dx);
    if (along > 1e-6 && aside <= along && along + 2 * aside < least) [best, least] = [i, along + 2 * aside];
  }
  return best;
}
function keyboard(element, go, others) {
  on(element, "keydown", event => {
    const way = WAYS[event.key], act = way ? () => go(way) : { Escape: () => select(null), ...others }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
const sheets = [];
// A picture with its scale, neurons to point at and to click, and the table behind it.
function sheet(what) {
  const canvas = make("canvas", { tabindex: 0, role: "application", "aria-describedby": "sheet-keys" }), caption = make("figcaption");
  const strip = make("div", { class: "scale" });
  let title, values, shades, at = -1;
  const rows = () => values.map((value, neuron) => [neuron, moduleOf(neuron), value]);
  const fold = folded("Table of this picture", () => table(title, ["neuron", "module", what], rows()));
  function draw() {
    if (!values) return;
    const ratio = fit(canvas, aspect), pen = canvas.getContext("2d"), x = canvas.width / wide, y = canvas.height / high;
    pen.setTransform(x, 0, 0, y, 0, 0);
    const fill = neuron => ofNeurons[neuron] < 0 || missing(values[neuron]) ? DEAD : css(shade(shades, values[neuron]));
    drawAreas(pen, ratio / x, fill, shades.stops === data.viridis ? "#ffffffd9" : "#00000080");
    if (at >= 0) stroke(pen, areas[at], 3 * ratio / x, MARKED);
    pen.resetTransform();
    for (const [name, neuron] of data.numbered) write(pen, name, xOf(neuron) * x, yOf(neuron) * y, 11 * ratio);
    caption.textContent = at < 0 ? title : `neuron ${at}, module ${moduleOf(at)}: ${format(values[at])}`;
  }
  function show(...given) {
    [title, values, shades] = given;
    canvas.ariaLabel = `${title}, a picture on ${nodes} neurons`;
    strip.replaceChildren(...bar(shades));
    draw();
    fold.renew();
  }
  function point(neuron) {
    if (neuron === at) return;
    at = neuron;
    draw();
  }
  function under(event) {
    const [x, y] = within(canvas, event), pen = canvas.getContext("2d");
    return areas.findIndex(path => pen.isPointInPath(path, x * wide, y * high));
  }
  on(canvas, "pointermove", event => point(under(event)));
  on(canvas, "pointerleave blur", () => point(-1));
  on(canvas, "click", event => selectNeuron(under(event)));
  keyboard(canvas, way => {
    point(next(at, way, xOf, yOf, nodes));
    say(caption.textContent);
  }, { Enter: () => selectNeuron(at) });
  sheets.push(draw);
  return { show, node: make("figure", { class: aspect > 2 ? "long" : "" }, caption, canvas, strip, fold.node) };
}

// ---- one cell
const cellSheet = sheet("activation");
find("cell-facts").before(cellSheet.node);
let current = -1;
const nameOf = (group, i) => group.names[group.codes[i]];
function showCell(i) {
  current = i;
  put("cell-title", `Cell in row ${whole(row[i])}`);
  cellSheet.show("activations of this cell", range(nodes).map(neuron => levels[codes[neuron * n + i]] * steps[neuron]), brightness(data.bright));
  const facts = [...groups.map(group => [group.title, dot(group.rgb[group.codes[i]]), nameOf(group, i)]),
    ...others.map(number => [number.title, format(number.value(i))])];
  const best = markers.map(marker => [marker.title, marker.value(i), marker.below[marker.codes[i]]])
    .sort((a, b) => b[2] - a[2] || b[1] - a[1]).slice(0, TOP_MARKERS);
  find("cell-facts").replaceChildren(
    make("dl", {}, ...facts.flatMap(([name, ...value]) => [make("dt", {}, name), make("dd", {}, ...value)])),
    ...(best.length ? [table("Highest markers of this cell", ["highest markers", "value", "cells below %"], best)] : []));
  mark();
}

// ---- selected cells
const meanSheet = sheet("mean activation"), differenceSheet = sheet("difference of means");
find("pictures").append(meanSheet.node, differenceSheet.node);
find("group-buttons").append(
  csvButton("selected cells", "Copy rows as CSV", ["row", ...groups.map(group => group.title)],
    () => [...index].map(i => [row[i], ...groups.map(group => nameOf(group, i))])),
  make("button", { class: "csv", click: () => select(null) }, "Clear"));
// What cells have in sum, each as often as it stands for one.
function summed(cells) {
  const sum = (codes, start, values) => {
    let all = 0;
    for (const i of cells) all += weight[i] * values[codes[start + i]];
    return all;
  };
  const shares = groups.map(group => group.names.map(() => 0));
  for (const i of cells) groups.forEach((group, g) => { shares[g][group.codes[i]] += weight[i]; });
  const picture = range(nodes).map(neuron => steps[neuron] * sum(codes, neuron * n, levels));
  const stands = shares[0].reduce((a, b) => a + b);
  return { stands, picture, shares, markers: markers.map(marker => sum(marker.codes, 0, marker.means)) };
}
const all = summed(everyone);
let index = everyone, chosen;
function select(cells, name) {
  if (!cells?.length || cells.length === n) cells = null;
  index = cells || everyone;
  chosen = cells && new Uint8Array(n);
  for (const i of cells || []) chosen[i] = 1;
  const own = cells ? summed(cells) : all, rest = all.stands - own.stands, mean = own.picture.map(value => value / own.stands);
  const note = `${whole(index.length)} cells${data.n_cells > n ? " of those shown" : ""}, ${percent(own.stands / all.stands)} of all`;
  put("group-title", cells ? name : "All cells");
  put("group-note", note);
  meanSheet.show("mean picture", mean, brightness(largest(mean)));
  find("group-buttons").hidden = differenceSheet.node.hidden = !cells;
  const tables = [];
  if (cells) {
    const difference = mean.map((value, neuron) => value - (all.picture[neuron] - own.picture[neuron]) / rest);
    differenceSheet.show("difference from the rest", difference, balanced(largest(difference)));
    const found = markers.map((marker, k) => {
      const inside = own.markers[k] / own.stands, outside = (all.markers[k] - own.markers[k]) / rest;
      return [marker.title, marker.sd ? (inside - outside) / marker.sd : null, inside, outside];
    }).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
    if (found.length) tables.push(table("Markers", ["marker", "difference in sd", "mean", "mean of the rest"], found));
  }
  const compositions = groups.map((group, g) => {
    const part = own.shares[g], order = range(part.length).filter(k => part[k] > 0).sort((a, b) => part[b] - part[a]);
    const rows = order.map(k => [group.names[k], part[k] / own.stands, all.shares[g][k] / all.stands]);
    return make("div", { class: "facts" },
      table(`Cells by ${group.title}`, [group.title, "selected %", "all %"], rows, i => group.rgb[order[i]]));
  });
  find("group-tables").replaceChildren(...tables, make("div", { class: "pair" }, ...compositions));
  for (const button of find("legend").querySelectorAll("button")) button.ariaPressed = !!cells && button.dataset.name === name;
  drawMap();
  say(cells ? `${name}: ${note}` : "All cells");
}
const cellsWhere = test => everyone.filter(test);
const selectNeuron = neuron => select(cellsWhere(i => codes[neuron * n + i] > data.zero), `Cells that activate neuron ${neuron}`);
const selectGroup = (group, k) => select(cellsWhere(i => group.codes[i] === k), `${group.title}: ${group.names[k]}`);

// ---- the map
const readable = { willReadFrequently: true };
const canvas = find("points"), over = find("over"), pen = canvas.getContext("2d", readable);
const views = data.places.map((view, v) => ({ ...view, places: data.array(`places ${v}`) }));
let view = views[0], colour = modules, zoom = { by: 1, at: [0.5, 0.5] }, x = new Float32Array(n), y = new Float32Array(n);
let order = everyone, ratio = 1, radius = 1;
// In a random order no group hides the others; of numbers the highest are drawn last.
const shuffled = everyone.slice();
for (let i = n - 1, seed = 1; i > 0; i--) {
  seed = (seed * 1664525 + 1013904223) % 2 ** 32;
  const j = seed % (i + 1);
  [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
}
// Which of 256 colours a cell's number has, -1 if it has none.
const level = i => missing(colour.value(i)) ? -1 : Math.round(255 * colour.scale.share(colour.value(i)));
const shades = range(256).map(k => shade(scale(0, 255, data.viridis), k));
function drawMap() {
  ratio = fit(canvas);
  fit(over);
  const { width, height } = canvas, unit = Math.min(width, height) * zoom.by * (1 - 2 * MARGIN), pixel = unit / PLACES;
  const [a, b] = [width, height].map((side, axis) => side / 2 - zoom.at[axis] * unit);
  for (let i = 0; i < n; i++) {
    x[i] = view.places[i] === NOWHERE ? -1e6 : a + view.places[i] * pixel;
    y[i] = b + view.places[n + i] * pixel;
  }
  radius = Math.min(5, Math.max(1.3, 130 / Math.sqrt(n)) * zoom.by ** 0.4) * ratio;
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  if (view.frame) {
    const [one, left, top] = view.frame, side = one * unit;
    pen.setTransform(side, 0, 0, side, a + left * unit, b + top * unit);
    drawAreas(pen, ratio / side, () => "#f3f3f3", "#00000066");
    pen.resetTransform();
  }
  const image = pen.getImageData(0, 0, width, height), pixels = image.data, reach = Math.ceil(radius), offsets = [], covers = [];
  for (let v = -reach; v <= reach; v++) for (let u = -reach; u <= reach; u++) {
    const cover = Math.min(radius + 0.5 - Math.hypot(u, v), 1);
    if (cover > 0) covers.push(cover) && offsets.push(4 * (v * width + u));
  }
  const dab = (i, rgb) => {
    const a = Math.round(x[i]), b = Math.round(y[i]);
    if (a < reach || b < reach || a >= width - reach || b >= height - reach) return;
    for (let k = 0; k < covers.length; k++) {
      const at = 4 * (b * width + a) + offsets[k], cover = covers[k];
      for (let c = 0; c < 3; c++) pixels[at + c] += (rgb[c] - pixels[at + c]) * cover;
    }
  };
  const tint = colour.rgb ? i => colour.rgb[colour.codes[i]] : i => shades[level(i)] || UNKNOWN;
  if (chosen) for (const i of order) if (!chosen[i]) dab(i, FADED);
  for (const i of order) if (!chosen || chosen[i]) dab(i, tint(i));
  pen.putImageData(image, 0, 0);
  if (colour.rgb) {
    const members = colour.names.map(() => []);
    for (const i of shuffled) if (x[i] > -1e6 && members[colour.codes[i]].length < 999) members[colour.codes[i]].push(i);
    const taken = []; // names keep apart
    members.forEach((own, k) => {
      const [a, b] = [x, y].map(axis => own.map(i => axis[i]).sort((p, q) => p - q)[own.length >> 1]), name = colour.short[k];
      const far = ([p, q, other]) => Math.abs(p - a) > 4 * ratio * (name + other).length || Math.abs(q - b) > 14 * ratio;
      if (!own.length || !taken.every(far)) return;
      taken.push([a, b, name]);
      write(pen, name, a, b, 12.5 * ratio);
    });
  }
  mark();
}
let lasso;
function mark() {
  const ink = over.getContext("2d");
  ink.clearRect(0, 0, over.width, over.height);
  if (current >= 0) {
    const ring = new Path2D();
    ring.arc(x[current], y[current], radius + 3.5 * ratio, 0, 7);
    stroke(ink, ring, 2.2 * ratio, "#000");
  }
  if (!lasso) return;
  const line = trace(lasso);
  ink.fillStyle = "#00558b1a";
  ink.fill(line);
  stroke(ink, line, 1.6 * ratio, "#000");
}
// The lasso is filled on a canvas of its own; a cell is inside if its pixel is.
function inside(points) {
  const { width, height } = canvas, own = make("canvas", { width, height }).getContext("2d", readable);
  own.fill(trace(points), "evenodd");
  const filled = own.getImageData(0, 0, width, height).data;
  return cellsWhere(i => x[i] >= 0 && x[i] < width - 0.5 && filled[4 * (Math.round(y[i]) * width + Math.round(x[i])) + 3] > 127);
}
function nearest(a, b) {
  let best = -1, least = (NEAR * ratio) ** 2;
  for (let i = 0; i < n; i++) {
    const gap = (x[i] - a) ** 2 + (y[i] - b) ** 2;
    if (gap < least) [best, least] = [i, gap];
  }
  return best;
}
// Zooms to the cell that is marked.
function zoomed(factor) {
  const by = clip(zoom.by * factor, 1, 40);
  const at = [0, n].map(axis => by > 1 && view.places[current] !== NOWHERE ? view.places[axis + current] / PLACES : 0.5);
  zoom = { by, at };
  drawMap();
}
const place = event => within(over, event).map((share, k) => share * [over.width, over.height][k]);
on(over, "pointerdown", event => {
  over.setPointerCapture(event.pointerId);
  lasso = event.button ? null : [place(event)];
});
on(over, "pointermove", event => {
  const at = place(event), i = nearest(...at);
  if (lasso) lasso.push(at);
  if (lasso) mark(); else if (i >= 0 && i !== current) showCell(i);
});
on(over, "pointerup pointercancel", () => {
  const drawn = lasso || [];
  lasso = null;
  if (drawn.length > 3) select(inside(drawn), "Cells inside the line"); else mark();
});
keyboard(over, way => {
  showCell(next(current, way, i => x[i], i => y[i], n));
  say(`Row ${row[current]}, ${groups.map(group => `${group.title} ${nameOf(group, current)}`).join(", ")}`);
}, {
  Enter: () => { const group = colour.rgb ? colour : modules; selectGroup(group, group.codes[current]); },
  "+": () => zoomed(1.5), "-": () => zoomed(1 / 1.5),
});

// ---- legend and choices
const mapTable = folded("Table of this map", () => {
  if (colour.rgb) return table(`Cells by ${colour.title}`, [colour.title, "cells", "of all %"],
    colour.names.map((name, k) => [name, colour.sizes[k], colour.sizes[k] / data.n_cells]));
  return table(`${colour.title} by module`, ["module", `mean ${colour.title}`], modules.names.map((name, m) => {
    const own = cellsWhere(i => modules.codes[i] === m && level(i) >= 0);
    return [name, own.length ? own.reduce((all, i) => all + colour.value(i), 0) / own.length : null];
  }));
});
function drawLegend() {
  const items = colour.rgb && colour.names.map((name, k) => make("li", {},
    make("button", { "aria-pressed": "false", "data-name": `${colour.title}: ${name}`, title: name, click: () => selectGroup(colour, k) },
      dot(colour.rgb[k]), make("span", {}, name), make("small", {}, whole(colour.sizes[k])))));
  find("legend").replaceChildren(items ? make("ul", {}, ...items) : make("div", { class: "scale" }, ...bar(colour.scale)));
  over.ariaLabel = `Map of ${n} cells at ${view.title}, coloured by ${colour.title}`;
  mapTable.renew();
}
function recolour() {
  const rank = everyone.map(colour.rgb ? () => 0 : level);
  order = shuffled.slice().sort((i, j) => rank[i] - rank[j]);
  drawLegend();
  drawMap();
}
const colourings = [...groups, ...numbers];
for (const [label, list] of [["Groups", groups], ["Numbers", others], ["Markers", markers]]) {
  const choices = list.map(one => make("option", { value: colourings.indexOf(one) }, one.title));
  if (choices.length) find("colour").append(make("optgroup", { label }, ...choices));
}
on(find("colour"), "change", event => { colour = colourings[event.target.value]; recolour(); });
find("view").append(...views.map((one, v) => make("option", { value: v }, one.title)));
on(find("view"), "change", event => {
  view = views[event.target.value];
  zoomed(0);
  drawLegend();
});
on(find("zoom"), "click", event => zoomed(Number(event.target.value) || 1));
find("left").append(mapTable.node);

// ---- results
for (const { title, text, pictures, tables } of data.results) {
  const pair = make("div", { class: "pair" });
  find("results").append(make("section", { "aria-label": title }, make("h2", {}, title), ...text.map(line => make("p", {}, line)),
    pair, ...tables.flatMap(({ title, columns, rows }) => [make("h3", {}, title), table(title, columns, rows)])));
  for (const { title, what, values } of pictures) {
    const picture = sheet(what);
    pair.append(picture.node);
    picture.show(title, values, balanced(largest(values)));
  }
}

put("about", data.about);
find("main").hidden = false;
recolour();
select(null);
showCell(data.first);
sheets.push(drawMap);
new ResizeObserver(() => sheets.forEach(draw => draw())).observe(find("map"));
requestAnimationFrame(() => { document.documentElement.dataset.ready = performance.now(); });
})().catch(error => {
  document.getElementById("about").textContent = `This page needs a browser of 2023 or newer: ${error.message}`;
  throw error;
});
