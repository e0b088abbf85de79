// ---- the listening report: cards, loudest first

const SHOWN = 100;
const clips = new Clips(data.clips);
const player = new Player((first, last) => clips.read(first, last));
const list = document.getElementById("list");
const spans = data.spans;
let order = [], cards = new Map(), chosen = null, playedFor = null;

const whole = new Whole(document.getElementById("whole"), (sample, kind) => {
  const near = (span) => Math.max(span.start - sample, sample - span.end, 0);
  const among = spans.filter((span) => !kind || span.kind === kind);
  if (among.length) choose(among.reduce((best, span) => near(span) < near(best) ? span : best), true);
});

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((e) => e.isIntersecting)) {
    seen.unobserve(entry.target);
    drawCard(cards.get(entry.target.span));
  }
}, {rootMargin: "400px"});

function card(span) {
  const [first, last] = shownRange(span);
  const there = clips.find(first, last) || clips.find(span.start, span.end);
  const views = ["before", "after"].map((name) => view(`${name}: waveform and spectrogram of repair ${span.number}`));
  const element = make("article", {className: "card", id: `repair-${span.number}`, tabIndex: -1,
    "aria-label": `Repair ${span.number}, ${span.kind} at ${clock(span.start)}`});
  element.append(
    make("h3", {}, `${span.number}`, kindLabel(span.kind), span.filled ? null : make("span", {className: "left"}, "left")),
    facts(span), explanation(span),
    there ? make("div", {className: "views"}, ...views.map((v) => v.figure))
      : make("p", {className: "soft"}, "Too many repairs for one page: the loudest have players, this one has none."),
    make("div", {className: "actions"}, make("button", {
      type: "button", disabled: !there, onclick: () => toggle(span), "aria-label": `Play repair ${span.number}`,
    }, "Play here")),
  );
  element.addEventListener("click", (event) => { if (!event.target.closest("button")) choose(span); });
  element.span = span;
  const held = {span, element, views, first, last, there, drawn: false};
  cards.set(span, held);
  if (there) seen.observe(element);
  return element;
}

async function drawCard(held) {
  const {span, there} = held;
  held.first = Math.max(held.first, there.first);
  held.last = Math.min(held.last, there.last);
  const from = Math.max(there.first, held.first - WINDOW), to = Math.min(there.last, held.last + WINDOW);
  const sound = await clips.read(from, to), range = [held.first - from, held.last - from];
  const channel = sound.after.length === data.channels ? span.channel - 1 : null;
  const after = drawSound(held.views[1].canvas, mixed(sound.after, channel), ...range);
  drawSound(held.views[0].canvas, mixed(sound.before, channel), ...range, {...after, colour: "--before"});
  for (const {canvas} of held.views) drawEdges(canvas, held.first, held.last, span);
  held.drawn = true;
}

function choose(span, scroll = false) {
  if (chosen) cards.get(chosen)?.element.removeAttribute("aria-current");
  chosen = span;
  show(order.indexOf(span) + 1);
  const element = cards.get(span).element;
  element.setAttribute("aria-current", "true");
  if (scroll) {
    element.scrollIntoView({block: "nearest"});
    element.focus({preventScroll: true});
  }
  whole.chosen = span;
  whole.draw();
}

function toggle(span = chosen) {
  span = span || order.find((s) => clips.find(s.start, s.end));
  if (!span) return;
  if (player.playing && playedFor === span) return player.stop();
  const range = clips.around(span.start, span.end);
  if (!range) return;
  if (chosen !== span) choose(span, true);
  const resumed = playedFor === span && player.place > range[0] && player.place < range[1] ? player.place : range[0];
  playedFor = span;
  player.play(...range, Math.round(resumed));
}

function step(by) {
  const next = order[Math.max(0, Math.min(order.length - 1, chosen ? order.indexOf(chosen) + by : 0))];
  if (!next) return;
  const playing = player.playing;
  player.stop();
  choose(next, true);
  if (playing) toggle(next);
}

function show(count) {
  while (list.children.length < Math.min(count, order.length)) list.append(card(order[list.children.length]));
  more.hidden = list.children.length >= order.length;
}

function sort(by) {
  order = [...spans].sort(by === "time" ? (a, b) => a.start - b.start || a.channel - b.channel
    : (a, b) => b.removed_db - a.removed_db || a.start - b.start);
  cards = new Map();
  list.replaceChildren();
  show(SHOWN);
  if (chosen) choose(chosen);
}

const more = make("button", {type: "button", onclick: () => show(list.children.length + SHOWN)}, `Show ${SHOWN} more`);
list.after(more);
document.getElementById("sort").addEventListener("change", (event) => sort(event.target.value));
document.getElementById("deck").append(make("div", {},
  playButton(player, () => toggle()), versionButtons(player),
  make("button", {type: "button", onclick: () => step(-1), "aria-label": "Previous repair", "aria-keyshortcuts": "K"}, "‹",
    make("kbd", {"aria-hidden": "true"}, "K")),
  make("button", {type: "button", onclick: () => step(1), "aria-label": "Next repair", "aria-keyshortcuts": "J"}, "›",
    make("kbd", {"aria-hidden": "true"}, "J")),
  loopBox(player), make("output", {className: "clock", id: "position"}, "")));

eachFrame(player, (position) => {
  const at = playedFor === null ? null : position;
  document.getElementById("position").textContent = at === null ? "" : `${clock(at)} · repair ${playedFor.number}`;
  whole.follow(at);
  const held = playedFor && cards.get(playedFor);
  if (held) {
    for (const {canvas, cursor} of held.views) {
      const inside = at >= held.first && at < held.last;
      cursor.style.display = inside ? "block" : "none";
      cursor.style.transform = `translateX(${(at - held.first) / (held.last - held.first) * canvas.clientWidth}px)`;
    }
  }
});
player.addEventListener("change", () => {
  if (whole.version !== player.version) {
    whole.version = player.version;
    whole.draw();
  }
});
keys({
  Space: () => toggle(), A: () => player.hear("before"), B: () => player.hear("after"), R: () => player.hear("removed"),
  X: () => player.hear(player.version === "before" ? "after" : "before"),
  J: () => step(1), K: () => step(-1),
});

function redraw() {
  whole.draw();
  for (const held of cards.values()) if (held.drawn) drawCard(held);
}
let waiting = null;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(redraw, 150); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
whole.show(data.overview);
whole.list(spans);
sort("loudness");
