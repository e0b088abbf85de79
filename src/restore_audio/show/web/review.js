// ---- the review: what the server on this computer is asked for

const $ = (id) => document.getElementById(id);

async function ask(name, content) {
  const options = content === undefined ? {} : {
    method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(content),
  };
  let response;
  try {
    response = await fetch(name, options);
  } catch {
    throw new Error("The program that shows this page has ended: start it again.");
  }
  if (!response.ok) throw new Error((await response.json()).error);
  return response;
}

function complain(error) {
  $("headline").textContent = error.message;
  $("headline").classList.add("left");
}

// ---- what a person has decided: a list of spans, and the lists before it

let dirty = false;
let spans = [], past = [], future = [], sensitivity = data.sensitivity, chosen = null, selected = null;
let count = 0;
const chosenSpan = () => spans.find((span) => span.id === chosen) || null;
const inTime = (a, b) => a.start - b.start || a.end - b.end || a.channel - b.channel || (a.kind < b.kind ? -1 : 1);
const identity = (span) => `${span.start} ${span.end} ${span.channel} ${span.kind}`;

function change(next, how = sensitivity) {
  past.push({spans, sensitivity});
  future = [];
  dirty = true;
  spans = [...next].sort(inTime);
  sensitivity = how;
  changed();
}

function travel(from, to) {
  if (!from.length) return;
  to.push({spans, sensitivity});
  ({spans, sensitivity} = from.pop());
  changed();
}

const edit = (span, values) => change(spans.map((s) => s.id === span.id ? {...s, ...values} : s));
const decide = (span) => edit(span, {accepted: !span.accepted, touched: true});
const accepted = () => spans.filter((span) => span.accepted);
const told = (span) => ({start: span.start, end: span.end, channel: span.channel, kind: span.kind,
  confidence: span.confidence, method: span.method || data.method, evidence: span.evidence});

// What is found at another sensitivity comes and goes; what a person has touched stays.
async function adjust(value) {
  const found = (await (await ask(`found?sensitivity=${value}`)).json())
    .map((span) => ({...span, id: ++count, accepted: true, method: span.method || null, origin: "found", touched: false}));
  const before = new Map(spans.map((span) => [identity(span), span]));
  const names = new Set(found.map(identity));
  const overlaps = (a, b) => a.channel === b.channel && a.start < b.end && b.start < a.end;
  const kept = spans.filter((span) => span.origin !== "found" || names.has(identity(span)) || span.touched && !span.accepted);
  const mine = kept.filter((span) => span.origin !== "found");
  const come = found.filter((span) => !before.has(identity(span)) && !mine.some((s) => overlaps(s, span)));
  const gone = spans.length - kept.length;
  return {next: [...kept, ...come], words: `${come.length} came, ${gone} went.`};
}

// ---- sound: samples from the server, and what the fills change in them

const fills = new Map(), asked = new Map(), held = new Map();

const known = new WeakMap();  // keys of the spans of a list

// A fill depends on the accepted spans around it.
function keyOf(span, all = spans) {
  if (!known.has(all)) known.set(all, new Map());
  const keys = known.get(all), near = 12 * rate;
  if (!keys.has(span)) {
    keys.set(span, all.filter((s) => s === span || s.accepted && s.end > span.start - near && s.start < span.end + near)
      .map((s) => `${s === span ? "*" : ""}${identity(s)} ${s.method || ""}`).join());
  }
  return keys.get(span);
}

function fill(span) {
  const key = keyOf(span);
  if (fills.has(key)) return Promise.resolve(fills.get(key));
  if (!asked.has(key)) {
    const list = accepted(), content = {document: {spans: list.map(told)}, number: list.indexOf(span)};
    const request = ask("fill", content).then((response) => response.json()).then((row) => {
      row.change = row.change ? new Float32Array(bytes(row.change)) : null;
      fills.set(key, row);
      return row;
    }).finally(() => asked.delete(key));
    asked.set(key, request);
  }
  return asked.get(key);
}

async function damaged(first, last) {
  const name = `samples?first=${first}&last=${last}`;
  if (!held.has(name)) held.set(name, ask(name).then((response) => response.arrayBuffer()));
  const buffer = held.get(name);
  held.delete(name);
  held.set(name, buffer);
  if (held.size > 24) held.delete(held.keys().next().value);
  const all = new Float32Array(await buffer), length = last - first;
  return Array.from({length: all.length / length}, (_, c) => all.subarray(c * length, (c + 1) * length));
}

async function readSound(first, last, wait = true) {
  const before = await damaged(first, last), after = before.map((channel) => channel.slice());
  const share = before.length === data.channels ? 1 : 1 / data.channels, done = new Set();
  for (const span of accepted().filter((s) => s.start < last && s.end > first)) {
    const made = wait ? await fill(span) : fills.get(keyOf(span));
    const name = made && `${made.channel} ${made.start}`;
    if (!made || !made.change || done.has(name)) continue;
    done.add(name);
    const channel = after[share === 1 ? made.channel - 1 : 0];
    for (let i = Math.max(made.start, first); i < Math.min(made.end, last); i++) {
      channel[i - first] += share * made.change[i - made.start];
    }
  }
  return {first, before, after};
}

const player = new Player(readSound);
let place = 0;

function playChosen() {
  if (player.playing) {
    place = Math.round(player.position);
    return player.stop();
  }
  const span = chosenSpan();
  if (!span) return playOn();
  const around = Math.round(1.2 * rate), first = Math.max(0, span.start - around), last = Math.min(data.frames, span.end + around);
  player.play(first, last, place > first && place < last ? place : first).catch(complain);
}

function playOn() {
  if (place >= data.frames - 1) place = 0;
  player.play(place, data.frames).catch(complain);
}

// Fills are made ahead, the nearest first, one at a time.
let ahead = false;
async function fillAhead() {
  if (ahead) return;
  ahead = true;
  try {
    for (;;) {
      const middle = (zoom.first + zoom.last) / 2, distance = (s) => Math.max(s.start - middle, middle - s.end, 0);
      const next = accepted().filter((s) => !fills.has(keyOf(s)))
        .reduce((best, s) => !best || distance(s) < distance(best) ? s : best, null);
      if (!next) break;
      const made = await fill(next);
      if (!made) break;
      showFates();
      if (next.start < zoom.last && next.end > zoom.first) drawZoom();
    }
  } catch (error) {
    complain(error);
  } finally {
    ahead = false;
  }
}

// ---- the whole and the close-up

const whole = new Whole($("whole"), (sample, kind) => {
  const near = (span) => Math.max(span.start - sample, sample - span.end, 0);
  const among = spans.filter((span) => !kind || span.kind === kind);
  const nearest = among.length ? among.reduce((best, span) => near(span) < near(best) ? span : best) : null;
  place = Math.round(sample);
  if (nearest && near(nearest) < data.frames / 100) choose(nearest.id);
  else {
    choose(null);
    lookAt(place - Math.round(.4 * rate), place + Math.round(.4 * rate));
  }
});

const zoom = {first: 0, last: Math.min(data.frames, rate)};
const views = ["before", "after"].map((name) => {
  const made = view(`${name}: waveform and spectrogram of the place that is looked at`);
  made.name = name;
  made.over = make("canvas", {className: "over", "aria-hidden": "true"});
  made.stage.append(made.over);
  return made;
});
$("zoom").append(make("div", {className: "views"}, ...views.map((v) => v.figure)));

function lookAt(first, last) {
  const length = Math.max(64, Math.min(data.frames, last - first, 20 * rate));
  zoom.first = Math.round(Math.max(0, Math.min(data.frames - length, first)));
  zoom.last = zoom.first + Math.round(length);
  drawZoom();
}

const pan = (share) => lookAt(zoom.first + share * (zoom.last - zoom.first), zoom.last + share * (zoom.last - zoom.first));
function scale(factor) {
  const span = chosenSpan(), middle = span && span.start < zoom.last && span.end > zoom.first ? (span.start + span.end) / 2
    : (zoom.first + zoom.last) / 2, half = (zoom.last - zoom.first) / 2 * factor;
  lookAt(middle - half, middle + half);
}

let drawn = 0;
async function drawZoom() {
  const mine = ++drawn, {first, last} = zoom;
  drawOver();
  const from = Math.max(0, first - WINDOW), to = Math.min(data.frames, last + WINDOW);
  const sound = await readSound(from, to, false).catch(complain);
  if (!sound || mine !== drawn) return;
  const span = chosenSpan(), channel = sound.after.length === data.channels && span ? span.channel - 1 : null;
  const range = [first - from, last - from], after = mixed(sound.after, channel);
  const shown = drawSound(views[1].canvas, after, ...range);
  drawSound(views[0].canvas, mixed(sound.before, channel), ...range, {...shown, colour: "--before"});
  const where = data.channels > 1 ? channel === null ? ", all channels" : `, channel ${channel + 1}` : "";
  for (const {figure, name} of views) figure.firstChild.textContent = `${name}, ${clock(first)} to ${clock(last)}${where}`;
  drawOver();
}

function drawOver() {
  for (const {over, canvas} of views) {
    const {pen, width, height} = sized(over, WAVE + SPECTRUM);
    const x = (sample) => (sample - zoom.first) / (zoom.last - zoom.first) * width;
    pen.clearRect(0, 0, width, height);
    for (const span of spans.filter((s) => s.start < zoom.last && s.end > zoom.first)) {
      const a = x(span.start), b = Math.max(a + 1, x(span.end)), mine = span.id === chosen;
      pen.globalAlpha = span.accepted ? 1 : .4;
      pen.fillStyle = style(`--${span.kind}`);
      pen.fillRect(a, 0, b - a, mine ? 7 : 4);
      pen.fillRect(a - .5, 0, mine ? 2 : 1, height);
      pen.fillRect(b - .5, 0, mine ? 2 : 1, height);
      if (mine) for (const edge of [a, b]) pen.fillRect(edge - 4, height / 2 - 9, 8, 18);
    }
    pen.globalAlpha = .35;
    if (selected) {
      pen.fillStyle = style("--accent");
      pen.fillRect(x(selected.first), 0, Math.max(1, x(selected.last) - x(selected.first)), height);
    }
    pen.globalAlpha = 1;
    canvas.parentElement.style.height = `${height}px`;
  }
}

for (const {over} of views) {
  let drag = null;
  const sampleAt = (event) => {
    const box = over.getBoundingClientRect();
    return Math.round(zoom.first + Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * (zoom.last - zoom.first));
  };
  over.addEventListener("pointerdown", (event) => {
    const sample = sampleAt(event), reach = (event.pointerType === "touch" ? 16 : 7) * (zoom.last - zoom.first) / over.clientWidth;
    const order = [...spans].sort((a, b) => (b.id === chosen) - (a.id === chosen));
    const grip = order.flatMap((span) => ["start", "end"].map((edge) => ({span, edge})))
      .find(({span, edge}) => Math.abs(span[edge] - sample) <= reach && span.start < zoom.last && span.end > zoom.first);
    drag = {from: sample, at: event.clientX, grip: grip || null, before: spans};
    over.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  over.addEventListener("pointermove", (event) => {
    if (!drag || Math.abs(event.clientX - drag.at) < 3) return;
    const sample = sampleAt(event);
    if (drag.grip) {
      const {span, edge} = drag.grip;
      const to = edge === "start" ? Math.min(sample, span.end - 1) : Math.max(sample, span.start + 1);
      spans = drag.before.map((s) => s.id === span.id ? {...s, [edge]: to, origin: "edited", touched: true} : s);
      chosen = span.id;
    } else selected = {first: Math.min(drag.from, sample), last: Math.max(drag.from, sample)};
    drag.moved = true;
    drawOver();
  });
  over.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const {grip, moved, before} = drag, next = spans;
    drag = null;
    if (grip && moved) {
      spans = before;
      change(next);
    } else if (!moved) {
      place = sampleAt(event);
      selected = null;
      const under = spans.find((s) => s.start <= place && place < s.end);
      choose(under ? under.id : chosen, false);
    }
    drawEditor();
  });
}

// ---- deciding

function choose(id, look = true) {
  chosen = id;
  const span = chosenSpan();
  if (span && look) {
    selected = null;
    place = Math.max(0, span.start - Math.round(1.2 * rate));
    lookAt(...shownRange(span));
  } else drawOver();
  whole.chosen = span;
  whole.draw();
  drawEditor();
  for (const row of $("list").children) row.setAttribute("aria-current", String(row.span?.id === chosen));
}

function step(by) {
  if (!spans.length) return;
  const index = spans.findIndex((span) => span.id === chosen);
  const next = index < 0 ? spans[by > 0 ? 0 : spans.length - 1] : spans[Math.max(0, Math.min(spans.length - 1, index + by))];
  const playing = player.playing;
  player.stop();
  choose(next.id);
  [...$("list").children].find((item) => item.span?.id === chosen)?.scrollIntoView({block: "nearest"});
  if (playing) playChosen();
}

let channelOfMarks = 0;
function mark() {
  const stretch = selected || {first: place, last: Math.min(data.frames, place + Math.round(.02 * rate))};
  if (stretch.last <= stretch.first) return;
  const channels = channelOfMarks ? [channelOfMarks] : Array.from({length: data.channels}, (_, c) => c + 1);
  const made = channels.map((channel) => ({id: ++count, start: stretch.first, end: stretch.last, channel, kind: "given",
    confidence: 1, evidence: "marked in the review", method: null, accepted: true, origin: "marked", touched: true}));
  selected = null;
  chosen = made[0].id;
  change([...spans, ...made]);
  choose(chosen, false);
}

function remove(span) {
  if (!span) return;
  if (span.origin === "found") return span.accepted ? decide(span) : undefined;
  change(spans.filter((s) => s.id !== span.id));
}

const nudge = (edge, by) => {
  const span = chosenSpan();
  if (!span) return;
  const to = Math.max(0, Math.min(data.frames, span[edge] + Math.round(by * rate)));
  if (edge === "start" ? to < span.end : to > span.start) edit(span, {[edge]: to, origin: "edited", touched: true});
};

async function save() {
  const refused = spans.filter((span) => !span.accepted).map(told);
  $("save").disabled = true;
  $("saved").textContent = "Saving…";
  $("saved").className = "";
  try {
    const done = await (await ask("save", {document: {spans: accepted().map(told)}, refused})).json();
    dirty = false;
    fills.clear();  // from now on what stands in the file is heard
    showFates();
    drawZoom();
    fillAhead();
    const words = `Saved: ${done.filled} of ${done.of} places repaired`;
    $("saved").replaceChildren(...data.dropped
      ? [`${words}. Download `, make("a", {href: "result", download: ""}, "the result"), " and ",
        make("a", {href: "spans", download: ""}, "its spans"), "."]
      : [`${words} in ${done.target}; the spans are in ${done.spans}.`]);
  } catch (error) {
    $("saved").textContent = error.message;
    $("saved").className = "left";
  }
  $("save").disabled = false;
}

// ---- lists and forms

const SHOWN = 200;
let shown = SHOWN;

function fate(span) {
  if (!span.accepted) return "refused";
  const made = fills.get(keyOf(span));
  if (!made) return "waiting for its repair";
  return made.filled ? "repaired" : `left: ${made.reason}`;
}

function row(span) {
  const where = `${span.kind} at ${clock(span.start)}${data.channels > 1 ? `, channel ${span.channel}` : ""}`;
  const box = make("input", {type: "checkbox", checked: span.accepted, "aria-label": `Repair ${where}`,
    onchange: () => decide(spans.find((s) => s.id === span.id))});
  const name = make("button", {type: "button", className: "name", onclick: () => choose(span.id), "aria-label": `Look at ${where}`},
    kindLabel(span.kind), ` ${clock(span.start)}`);
  const about = [duration(span.end - span.start), data.channels > 1 ? `channel ${span.channel}` : null,
    `${Math.round(100 * span.confidence)} %`, span.method, span.origin === "found" ? null : span.origin];
  const item = make("li", {className: "row"}, box, name, make("span", {className: "soft"}, about.filter(Boolean).join(" · ")),
    make("span", {className: "fate"}));
  item.span = span;
  return item;
}

function showFates() {
  for (const item of $("list").children) {
    if (!item.span) continue;
    const words = fate(item.span), place = item.querySelector(".fate");
    if (place.textContent !== words) place.textContent = words;
    place.className = `fate ${words.startsWith("left") ? "left" : words === "repaired" ? "good" : "soft"}`;
  }
  const waiting = accepted().filter((s) => !fills.has(keyOf(s))).length;
  const all = accepted().length;
  $("headline").classList.remove("left");
  $("headline").textContent = `${spans.length} place${spans.length === 1 ? "" : "s"} of damage, ${all} to be repaired`
    + `${waiting ? `; ${waiting} repairs still being made` : ""}.`;
  const made = chosenSpan() && fills.get(keyOf(chosenSpan()));
  const place = $("editor").querySelector(".fate");
  if (place) place.textContent = fate(chosenSpan()) + (made?.expected_error_db != null
    ? `; expected error ${decimals(Math.abs(made.expected_error_db), 0)} dB ${made.expected_error_db > 0 ? "above" : "below"} the repair` : "");
}

function drawList() {
  const focused = document.activeElement?.closest?.(".row")?.span?.id, wasBox = document.activeElement?.type === "checkbox";
  const rows = spans.slice(0, shown).map(row);
  if (spans.length > shown) {
    rows.push(make("li", {}, make("button", {type: "button", onclick: () => { shown += SHOWN; drawList(); }}, `Show ${SHOWN} more`)));
  }
  $("list").replaceChildren(...rows);
  const back = focused && rows.find((r) => r.span?.id === focused);
  if (back) back.querySelector(wasBox ? "input" : "button").focus();
  for (const item of rows) item.setAttribute("aria-current", String(item.span?.id === chosen));
  const kinds = [...new Set(spans.map((span) => span.kind))].sort();
  $("kinds").replaceChildren(...kinds.map((kind) => {
    const all = spans.filter((s) => s.kind === kind), yes = all.filter((s) => s.accepted).length;
    const set = (value) => change(spans.map((s) => s.kind === kind ? {...s, accepted: value, touched: true} : s));
    return make("div", {className: "kinds", role: "group", "aria-label": `All of kind ${kind}`}, kindLabel(kind), ` ${yes} of ${all.length} `,
      make("button", {type: "button", disabled: yes === all.length, onclick: () => set(true), "aria-label": `Accept all ${kind}`}, "Accept"),
      make("button", {type: "button", disabled: yes === 0, onclick: () => set(false), "aria-label": `Refuse all ${kind}`}, "Refuse"));
  }));
}

function drawEditor() {
  const span = chosenSpan(), place = $("editor"), controls = "button, input, select";
  const focused = [...place.querySelectorAll(controls)].indexOf(document.activeElement);
  if (!span) {
    place.replaceChildren(make("p", {className: "soft"}, selected
      ? `Selected: ${clock(selected.first)} to ${clock(selected.last)}. Mark it as damage with M.`
      : "Nothing is chosen. Choose a place in the list or in the picture."), channelChoice());
    return;
  }
  const field = (edge, label) => make("label", {}, `${label} `, make("input", {type: "number", step: "0.001", min: "0",
    max: String(data.frames / rate), value: (span[edge] / rate).toFixed(6), onchange: (event) => {
      const sample = Math.round(Number(event.target.value) * rate), other = span[edge === "start" ? "end" : "start"];
      if (Number.isFinite(sample) && sample >= 0 && sample <= data.frames && (edge === "start" ? sample < other : sample > other)) {
        edit(span, {[edge]: sample, origin: "edited", touched: true});
      } else drawEditor();
    }}), " s");
  const methods = make("select", {onchange: (event) => edit(span, {method: event.target.value || null, touched: true})},
    ...$("methods").content.cloneNode(true).children);
  methods.value = span.method || data.method;
  place.replaceChildren(
    make("h3", {}, kindLabel(span.kind), ` at ${clock(span.start)}${data.channels > 1 ? `, channel ${span.channel}` : ""}`),
    explanation({...span, filled: true}), make("p", {className: "fate"}),
    make("div", {className: "actions"},
      make("button", {type: "button", "aria-pressed": String(span.accepted), onclick: () => decide(chosenSpan()), "aria-keyshortcuts": "D"},
        span.accepted ? "Accepted" : "Refused", make("kbd", {"aria-hidden": "true"}, "D")),
      field("start", "From"), field("end", "to"), make("label", {}, "Method ", methods),
      span.origin === "found" ? null : make("button", {type: "button", onclick: () => remove(chosenSpan())}, "Remove"), channelChoice()));
  place.querySelectorAll(controls)[focused]?.focus();
  showFates();
}

function channelChoice() {
  if (data.channels < 2) return "";
  const choice = make("select", {onchange: (event) => { channelOfMarks = Number(event.target.value); }},
    make("option", {value: "0"}, "all channels"),
    ...Array.from({length: data.channels}, (_, c) => make("option", {value: String(c + 1)}, `channel ${c + 1}`)));
  choice.value = String(channelOfMarks);
  return make("label", {}, "Marks are for ", choice);
}

function changed() {
  $("undo").disabled = !past.length;
  $("redo").disabled = !future.length;
  $("sensitivity").value = sensitivity;
  $("level").textContent = sensitivity;
  if (!chosenSpan()) chosen = null;
  whole.chosen = chosenSpan();
  whole.list(spans.map((span) => ({...span, filled: span.accepted})));
  drawList();
  drawEditor();
  showFates();
  drawZoom();
  fillAhead();
  if (player.playing) player.play(player.run.first, player.run.last, Math.round(player.position)).catch(complain);
}

// ---- buttons, keys, and the start

const undo = () => travel(past, future), redo = () => travel(future, past);
$("undo").addEventListener("click", undo);
$("redo").addEventListener("click", redo);
$("save").addEventListener("click", save);
$("back").addEventListener("click", () => pan(-.5));
$("forth").addEventListener("click", () => pan(.5));
$("closer").addEventListener("click", () => scale(.5));
$("wider").addEventListener("click", () => scale(2));
$("mark").addEventListener("click", mark);
$("sensitivity").addEventListener("input", (event) => { $("level").textContent = event.target.value; });
$("sensitivity").addEventListener("change", async (event) => {
  const value = Number(event.target.value);
  try {
    const {next, words} = await adjust(value);
    $("came").textContent = `At ${value}: ${words}`;
    change(next, value);
  } catch (error) {
    complain(error);
  }
});
$("deck").append(make("div", {}, playButton(player, playChosen), versionButtons(player),
  make("button", {type: "button", onclick: () => step(-1), "aria-label": "Previous place", "aria-keyshortcuts": "K"}, "‹",
    make("kbd", {"aria-hidden": "true"}, "K")),
  make("button", {type: "button", onclick: () => step(1), "aria-label": "Next place", "aria-keyshortcuts": "J"}, "›",
    make("kbd", {"aria-hidden": "true"}, "J")),
  loopBox(player), make("output", {className: "clock", id: "position"}, "")));
const method = (number) => () => {
  const span = chosenSpan(), name = Object.keys(data.methods)[number];
  if (span && name) edit(span, {method: name, touched: true});
};
const setEdge = (edge) => () => {
  const now = Math.round(player.playing ? player.position : place);
  const old = selected || {first: now, last: now};
  selected = edge === "first" ? {first: now, last: Math.max(now, old.last)} : {first: Math.min(now, old.first), last: now};
  drawOver();
  if (!chosenSpan()) drawEditor();
};
keys({
  Space: playChosen, P: () => { player.stop(); playOn(); }, A: () => player.hear("before"), B: () => player.hear("after"),
  R: () => player.hear("removed"), X: () => player.hear(player.version === "before" ? "after" : "before"),
  J: () => step(1), K: () => step(-1), D: () => { const span = chosenSpan(); if (span) decide(span); },
  M: mark, Delete: () => remove(chosenSpan()), Escape: () => { selected = null; choose(null); },
  ArrowLeft: () => pan(-.25), ArrowRight: () => pan(.25), "+": () => scale(.5), "=": () => scale(.5), "-": () => scale(2),
  "[": setEdge("first"), "]": setEdge("last"), "1": method(0), "2": method(1), "3": method(2),
  "Ctrl+ArrowLeft": () => nudge("start", -.001), "Ctrl+ArrowRight": () => nudge("start", .001),
  "Shift+ArrowLeft": () => nudge("end", -.001), "Shift+ArrowRight": () => nudge("end", .001),
  "Ctrl+Z": undo, "Ctrl+Shift+Z": redo, "Ctrl+Y": redo, "Ctrl+S": save,
});
eachFrame(player, (position) => {
  if (player.playing) place = Math.round(position);
  $("position").textContent = clock(place);
  whole.follow(place);
  for (const {cursor, canvas} of views) {
    const inside = place >= zoom.first && place < zoom.last;
    cursor.style.display = inside ? "block" : "none";
    cursor.style.transform = `translateX(${(place - zoom.first) / (zoom.last - zoom.first) * canvas.clientWidth}px)`;
  }
});
player.addEventListener("change", () => {
  if (whole.version !== player.version) {
    whole.version = player.version;
    whole.draw();
  }
});
let waiting = null;
const redraw = () => { whole.draw(); drawZoom(); };
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(redraw, 150); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });

async function begin() {
  whole.list([]);
  drawEditor();
  changed();
  $("headline").textContent = "Looking at the recording…";
  whole.show(await (await ask("overview")).json());
  $("headline").textContent = data.told ? "Reading the spans…" : "Looking for damage…";
  const watch = data.told ? null : setInterval(async () => {
    const {share} = await (await ask("progress")).json();
    if (watch) $("headline").textContent = `Looking for damage: ${Math.round(100 * share)} %`;
  }, 700);
  try {
    const {next} = await adjust(sensitivity);
    spans = next.sort(inTime);
  } finally {
    clearInterval(watch);
  }
  if (data.told) $("sensitivity").disabled = true;
  changed();
  if (spans.length) choose(spans[0].id);
  document.body.dataset.ready = "yes";
}

begin().catch(complain);
