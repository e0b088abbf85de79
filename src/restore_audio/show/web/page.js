"use strict";

// ---- what the page is about

const data = JSON.parse(document.getElementById("data").textContent);
const rate = data.rate_hz;
const VERSIONS = ["before", "after", "removed"];
const WORDS = {
  zeros: "a run of zeros", constant: "a value held", nan: "samples that are no numbers", repeat: "a block played again",
  interpolated: "samples that a player held or averaged", dropout: "the level collapses", treble: "the treble is lost",
  concealed: "made up by a decoder", click: "a click", noise: "a burst of noise",
  splice: "two ends that do not follow each other", given: "marked by a person",
};

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "style") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const decimals = (value, digits) => value.toFixed(digits).replace("-", "−");

function clock(samples, digits = 3) {
  const seconds = samples / rate, hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60, rest = (seconds % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function duration(samples) {
  const ms = samples * 1000 / rate;
  return ms < 1 ? `${samples} sample${samples === 1 ? "" : "s"}` : `${ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// ---- sound: clips that lie in the page

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;

// In a context of the recording's own rate nothing is resampled: samples stay where they are.
const decode = (buffer) => new OfflineAudioContext(1, 1, rate).decodeAudioData(buffer);

const channelsOf = (sound, length) => Array.from({length: sound.numberOfChannels}, (_, c) => {
  const channel = new Float32Array(length);
  channel.set(sound.getChannelData(c).subarray(0, length));
  return channel;
});

class Clips {
  constructor(list) {
    this.list = list;
    this.loaded = new Map();
  }

  find(first, last) {
    return this.list.find((clip) => clip.first <= first && last <= clip.last) || null;
  }

  load(clip) {
    if (!this.loaded.has(clip)) this.loaded.set(clip, this.unpack(clip));
    const promise = this.loaded.get(clip);
    this.loaded.delete(clip);
    this.loaded.set(clip, promise);
    if (this.loaded.size > 24) this.loaded.delete(this.loaded.keys().next().value);
    return promise;
  }

  // The restored surroundings, and the exact samples in and beside each repair faded into them.
  async unpack(clip) {
    const length = clip.last - clip.first;
    const after = channelsOf(await decode(bytes(clip.sound)), length);
    const before = after.map((channel) => channel.slice());
    if (clip.cores.length) {
      const whole = clip.cores.reduce((sum, [a, b]) => sum + b - a, 0);
      const exact = channelsOf(await decode(bytes(clip.exact)), 2 * whole);
      let at = 0;
      for (const [a, b] of clip.cores) {
        const from = a - clip.first, size = b - a;
        for (let i = 0; i < size; i++) {
          const rise = a > clip.first ? (i + .5) / data.fade : 1, fall = b < clip.last ? (size - i - .5) / data.fade : 1;
          const share = Math.min(1, rise, fall);
          for (let c = 0; c < after.length; c++) {
            before[c][from + i] += share * (exact[c][at + i] - before[c][from + i]);
            after[c][from + i] += share * (exact[c][whole + at + i] - after[c][from + i]);
          }
        }
        at += size;
      }
    }
    return {first: clip.first, before, after};
  }

  // Samples first to last, which must lie in one clip.
  async read(first, last) {
    const clip = this.find(first, last);
    if (!clip) return null;
    const sound = await this.load(clip);
    const cut = (channels) => channels.map((c) => c.subarray(first - sound.first, last - sound.first));
    return {first, before: cut(sound.before), after: cut(sound.after)};
  }

  // As much of the surroundings as there is.
  around(first, last) {
    const clip = this.find(first, last);
    return clip ? [Math.max(clip.first, first - Math.round(1.2 * rate)), Math.min(clip.last, last + Math.round(1.2 * rate))]
      : null;
  }
}

// ---- the player: all versions run at the same time, and one of them is heard

const CHUNK_S = 4;
const SWITCH_S = 0.004;

class Player extends EventTarget {
  constructor(read) {
    super();
    this.read = read;
    this.version = "after";
    this.loop = false;
    this.run = null;
    this.place = 0;
  }

  get playing() { return this.run !== null; }

  get position() {
    const run = this.run;
    if (!run || run.begin === null) return this.place;
    const length = run.last - run.first;
    const done = Math.max(0, (this.context.currentTime - run.begin) * rate) + run.start - run.first;
    return run.first + (this.loop || done < length ? done % length : length);
  }

  hear(version) {
    this.version = version;
    if (this.gains) {
      VERSIONS.forEach((name, k) =>
        this.gains[k].gain.setTargetAtTime(name === version ? 1 : 0, this.context.currentTime, SWITCH_S));
    }
    this.tell();
  }

  async play(first, last, start = first) {
    this.stop();
    const run = this.run = {first, last, start, next: start, due: 0, begin: null, nodes: []};
    this.tell();
    if (!this.context) {
      this.context = new AudioContext({sampleRate: rate});
      this.gains = VERSIONS.map((name) => {
        const gain = new GainNode(this.context, {gain: name === this.version ? 1 : 0});
        gain.connect(this.context.destination);
        return gain;
      });
    }
    await this.context.resume();
    await this.feed(run);
  }

  async feed(run) {
    const first = run.next, last = Math.min(first + Math.round(CHUNK_S * rate), run.last);
    const part = await this.read(first, last);
    if (run !== this.run) return;
    if (!part) return this.stop();
    const now = this.context.currentTime;
    if (run.begin === null) run.begin = now + 0.03;
    run.begin += Math.max(0, now + 0.01 - (run.begin + run.due));  // the sound was late: all waits for it
    const removed = part.before.map((channel, c) => channel.map((sample, i) => sample - part.after[c][i]));
    [part.before, part.after, removed].forEach((channels, k) => {
      const buffer = this.context.createBuffer(channels.length, last - first, rate);
      channels.forEach((channel, c) => buffer.copyToChannel(channel, c));
      const node = new AudioBufferSourceNode(this.context, {buffer});
      node.connect(this.gains[k]);
      node.start(run.begin + run.due);
      run.nodes.push(node);
    });
    run.due += (last - first) / rate;
    run.next = last < run.last ? last : run.first;
    const ends = last === run.last && !this.loop;
    const wait = run.begin + run.due - this.context.currentTime - (ends ? 0 : Math.min(2, (last - first) / rate / 2));
    setTimeout(() => {
      if (run !== this.run) return;
      if (ends && !this.loop) this.stop(true);
      else this.feed(run);
    }, Math.max(0, 1000 * wait));
  }

  stop(ended = false) {
    const run = this.run;
    if (!run) return;
    this.place = ended ? run.first : this.position;
    this.run = null;
    for (const node of run.nodes) node.disconnect();
    this.tell();
  }

  tell() { this.dispatchEvent(new Event("change")); }
}

// ---- drawing: waveforms and spectrograms from samples

const RANGE_DB = 80;
const STOPS = [[0, 0, 4], [60, 15, 110], [150, 44, 120], [222, 73, 80], [251, 155, 60], [252, 253, 191]];
const COLOURS = Array.from({length: 256}, (_, k) => {
  const place = k / 255 * (STOPS.length - 1), low = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[low].map((value, c) => value + (place - low) * (STOPS[low + 1][c] - value));
});

// Fourier transform in place; lengths are powers of two.
function transform(re, im) {
  const size = re.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
  }
  for (let span = 2; span <= size; span <<= 1) {
    const half = span >> 1;
    for (let k = 0; k < half; k++) {
      const angle = -2 * Math.PI * k / span, c = Math.cos(angle), s = Math.sin(angle);
      for (let i = k; i < size; i += span) {
        const j = i + half, x = re[j] * c - im[j] * s, y = re[j] * s + im[j] * c;
        re[j] = re[i] - x; im[j] = im[i] - y;
        re[i] += x; im[i] += y;
      }
    }
  }
}

// Levels in dB, (columns × size / 2), of windows centred on `columns` moments from `first` to `last` of the samples.
function levels(samples, first, last, columns, size) {
  const out = new Float32Array(columns * size / 2), re = new Float32Array(size), im = new Float32Array(size);
  const window = Float32Array.from({length: size}, (_, i) => 0.5 - 0.5 * Math.cos(2 * Math.PI * i / size));
  for (let k = 0; k < columns; k++) {
    const begin = Math.round(first + (k + .5) * (last - first) / columns) - size / 2;
    for (let i = 0; i < size; i++) {
      re[i] = (samples[begin + i] || 0) * window[i];
      im[i] = 0;
    }
    transform(re, im);
    for (let f = 0; f < size / 2; f++) {
      out[k * size / 2 + f] = 10 * Math.log10(re[f] * re[f] + im[f] * im[f] + 1e-14) - 20 * Math.log10(size / 4);
    }
  }
  return out;
}

const WINDOW = 1024;  // half of the longest window of a spectrogram

function mixed(channels, channel = null) {
  if (channels.length === 1) return channels[0];
  if (channel !== null && channel < channels.length) return channels[channel];
  return channels[0].map((sample, i) => channels.reduce((sum, c) => sum + c[i], 0) / channels.length);
}

function sized(canvas, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2), width = canvas.clientWidth || 300;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return {pen, width, height, ratio};
}

const WAVE = 54, SPECTRUM = 104;

// Waveform above spectrogram from `first` to `last` of samples, which may reach further on both sides; `top` is the
// level drawn brightest and `peak` the sample at the edge.
function drawSound(canvas, all, first, last, {top = null, peak = null, colour = "--after"} = {}) {
  const {pen, width} = sized(canvas, WAVE + SPECTRUM), samples = all.subarray(first, last);
  pen.fillStyle = style("--raised");
  pen.fillRect(0, 0, width, WAVE);
  const largest = peak ?? (samples.reduce((m, x) => Math.max(m, Math.abs(x)), 0) || 1);
  pen.strokeStyle = pen.fillStyle = style(colour);
  pen.lineWidth = 1;
  const y = (x) => WAVE / 2 - Math.max(-1, Math.min(1, x / largest)) * (WAVE / 2 - 2), each = samples.length / width;
  if (each < 3) {
    pen.beginPath();
    samples.forEach((x, i) => pen.lineTo((i + .5) / each, y(x)));
    pen.stroke();
  } else {
    for (let x = 0; x < width; x++) {
      let low = Infinity, high = -Infinity;
      for (let i = Math.floor(x * each); i < Math.min((x + 1) * each, samples.length); i++) {
        low = Math.min(low, samples[i]); high = Math.max(high, samples[i]);
      }
      pen.fillRect(x, y(high), 1, Math.max(1, y(low) - y(high)));
    }
  }
  const size = Math.max(128, Math.min(2048, 2 ** Math.round(Math.log2(Math.max(samples.length / 24, 1)))));
  const columns = Math.max(1, Math.min(Math.round(width), samples.length));
  const spectra = levels(all, first, last, columns, size), brightest = top ?? spectra.reduce((m, x) => Math.max(m, x), -100);
  const picture = new ImageData(columns, SPECTRUM);
  for (let k = 0; k < columns; k++) {
    for (let row = 0; row < SPECTRUM; row++) {
      const low = Math.floor(row * size / 2 / SPECTRUM), high = Math.max(low + 1, Math.floor((row + 1) * size / 2 / SPECTRUM));
      let level = -200;
      for (let f = low; f < high; f++) level = Math.max(level, spectra[k * size / 2 + f]);
      const shade = Math.round(255 * Math.max(0, Math.min(1, 1 + (level - brightest) / RANGE_DB)));
      picture.data.set([...COLOURS[shade], 255], 4 * ((SPECTRUM - 1 - row) * columns + k));
    }
  }
  const stage = new OffscreenCanvas(columns, SPECTRUM);
  stage.getContext("2d").putImageData(picture, 0, 0);
  pen.drawImage(stage, 0, WAVE, width, SPECTRUM);
  return {top: brightest, peak: largest};
}

// Lines at the ends of a span.
function drawEdges(canvas, first, last, span) {
  const pen = canvas.getContext("2d"), width = canvas.clientWidth, each = width / (last - first);
  const a = (span.start - first) * each, b = Math.max(a + 1, (span.end - first) * each);
  pen.fillStyle = style(`--${span.kind}`) || style("--accent");
  pen.fillRect(a, 0, b - a, 4);
  pen.fillRect(a, WAVE - 3, b - a, 3);
  pen.globalAlpha = .8;
  for (const x of [a, b]) pen.fillRect(x - .5, 0, 1, WAVE + SPECTRUM);
  pen.globalAlpha = 1;
}

// ---- the whole recording, with repairs in lanes by kind

const LANE = 15, AXIS = 18, WHOLE_WAVE = 76, WHOLE_SPECTRUM = 96;
const gutter = (width) => width < 600 ? 66 : 88;

function peaksOf(text) {
  return new Int8Array(bytes(text));
}

class Whole {
  constructor(place, choose) {
    this.canvas = make("canvas", {role: "img"});
    this.cursor = make("i", {className: "cursor"});
    place.append(this.canvas, this.cursor);
    this.canvas.addEventListener("click", (event) => {
      const {x, y} = this.at(event);
      const kind = this.kinds[Math.floor((y - WHOLE_WAVE - WHOLE_SPECTRUM) / LANE)];
      choose(this.sampleAt(x), kind);
    });
    this.version = "after";
    this.images = {};
    this.kinds = [];
    this.spans = [];
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return {x: event.clientX - box.left, y: event.clientY - box.top};
  }

  sampleAt(x) {
    const left = gutter(this.canvas.clientWidth);
    return Math.max(0, Math.min(data.frames, (x - left) / (this.canvas.clientWidth - left) * data.frames));
  }

  show(overview) {
    this.peaks = {before: peaksOf(overview.peaks_before), after: peaksOf(overview.peaks_after)};
    for (const version of ["before", "after"]) {
      const image = this.images[version] = new Image();
      image.onload = () => this.draw();
      image.src = overview[`picture_${version}`];
    }
  }

  list(spans) {
    this.spans = spans;
    this.kinds = [...new Set(spans.map((span) => span.kind))].sort();
    const counts = this.kinds.map((kind) => `${spans.filter((s) => s.kind === kind).length} ${kind}`);
    this.canvas.setAttribute("aria-label", `Waveform and spectrogram of the whole recording, ${clock(data.frames, 0)} long, `
      + `with the places of damage: ${counts.join(", ") || "none"}. The list below holds each of them.`);
    this.draw();
  }

  draw() {
    const height = WHOLE_WAVE + WHOLE_SPECTRUM + LANE * this.kinds.length + AXIS;
    const {pen, width} = sized(this.canvas, height), left = gutter(width), wide = width - left;
    pen.fillStyle = style("--raised");
    pen.fillRect(left, 0, wide, WHOLE_WAVE);
    if (this.peaks) {
      const peak = Math.max(1, ...this.peaks.after.map(Math.abs));
      for (const version of ["before", "after"]) {
        const peaks = this.peaks[version], columns = peaks.length / 2;
        pen.fillStyle = style(`--${version}`);
        const y = (value) => WHOLE_WAVE / 2 - Math.max(-1, Math.min(1, value / peak)) * (WHOLE_WAVE / 2 - 2);
        for (let x = 0; x < wide; x++) {
          const from = Math.floor(x / wide * columns), to = Math.max(from + 1, Math.floor((x + 1) / wide * columns));
          const high = y(Math.max(...peaks.subarray(columns + from, columns + to)));
          pen.fillRect(left + x, high, 1, Math.max(1, y(Math.min(...peaks.subarray(from, to))) - high));
        }
      }
      const image = this.images[this.version === "after" ? "after" : "before"];
      if (image.complete && image.naturalWidth) pen.drawImage(image, left, WHOLE_WAVE, wide, WHOLE_SPECTRUM);
    }
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    pen.fillStyle = style("--soft");
    pen.fillText(wide > 400 ? "waveform" : "wave", left - 6, WHOLE_WAVE / 2);
    pen.fillText(`${decimals(rate / 2000, rate % 2000 ? 1 : 0)} kHz`, left - 6, WHOLE_WAVE + 8);
    pen.fillText("0", left - 6, WHOLE_WAVE + WHOLE_SPECTRUM - 7);
    this.kinds.forEach((kind, row) => {
      const top = WHOLE_WAVE + WHOLE_SPECTRUM + row * LANE;
      pen.fillStyle = style("--soft");
      pen.fillText(kind, left - 6, top + LANE / 2 + 1);
      pen.fillStyle = style("--rule");
      pen.fillRect(left, top + LANE - 1, wide, 1);
      for (const span of this.spans.filter((s) => s.kind === kind)) {
        const x = left + span.start / data.frames * wide, w = Math.max(2, (span.end - span.start) / data.frames * wide);
        pen.fillStyle = style(`--${kind}`);
        pen.globalAlpha = span.filled ? 1 : .45;
        if (this.chosen && (span === this.chosen || span.id !== undefined && span.id === this.chosen.id)) {
          pen.fillRect(x - 1, top, w + 2, LANE - 1);
          pen.fillStyle = style("--ink");
          pen.fillRect(x + w / 2 - 1, 0, 1.5, top);
        } else pen.fillRect(x, top + 2, w, LANE - 5);
        pen.globalAlpha = 1;
      }
    });
    const seconds = data.frames / rate, steps = [.1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200];
    const step = steps.find((s) => seconds / s <= wide / 70) || 14400;
    pen.fillStyle = style("--soft");
    pen.textAlign = "center";
    for (let t = 0; t <= seconds; t += step) {
      const x = left + t / seconds * wide;
      pen.fillRect(x, height - AXIS, 1, 4);
      if (x < width - 14) pen.fillText(clock(t * rate, step < 1 ? 1 : 0), Math.max(x, left + 8), height - 7);
    }
  }

  follow(sample) {
    const width = this.canvas.clientWidth, left = gutter(width);
    this.cursor.style.display = sample === null ? "none" : "block";
    if (sample !== null) this.cursor.style.transform = `translateX(${left + sample / data.frames * (width - left)}px)`;
  }
}

// ---- pieces that the report and the review share

function kindLabel(kind) {
  const label = make("span", {className: "kind", title: WORDS[kind] || kind}, kind);
  label.style.setProperty("--colour", `var(--${kind})`);
  return label;
}

function facts(span) {
  const rows = [["at", `${clock(span.start)} to ${clock(span.end)}`], ["length", duration(span.end - span.start)],
    ["channel", data.channels > 1 ? `${span.channel} of ${data.channels}` : null],
    ["confidence", `${Math.round(100 * span.confidence)} %`],
    ["expected error", span.expected_error_db === null || span.expected_error_db === undefined ? null
      : `${decimals(Math.abs(span.expected_error_db), 0)} dB ${span.expected_error_db > 0 ? "above" : "below"} the repair`],
    ["removed", span.removed_db > -199 ? `${decimals(span.removed_db, 0)} dBFS` : null],
    ["method", span.method || null]];
  return make("dl", {className: "facts"}, ...rows.filter(([, value]) => value !== null)
    .map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function explanation(span) {
  const parts = [make("span", {}, span.evidence || WORDS[span.kind] || "")];
  if (!span.filled && span.reason) parts.push(make("span", {className: "left"}, ` Left as it is: ${span.reason}.`));
  return make("p", {className: "evidence"}, ...parts);
}

// Part of the recording that shows a span: as much on both sides as it is long, 60 to 500 ms.
function shownRange(span) {
  const margin = Math.round(Math.max(.06 * rate, Math.min(.5 * rate, span.end - span.start)));
  return [Math.max(0, span.start - margin), Math.min(data.frames, span.end + margin)];
}

function view(label) {
  const canvas = make("canvas", {role: "img", "aria-label": label});
  const cursor = make("i", {className: "cursor"});
  const stage = make("div", {className: "stage"}, canvas, cursor);
  return {canvas, cursor, stage, figure: make("figure", {className: "view"}, make("figcaption", {}, label.split(":")[0]), stage)};
}

function versionButtons(player) {
  const keys = {before: "A", after: "B", removed: "R"};
  const buttons = VERSIONS.map((name) => make("button", {
    type: "button", onclick: () => player.hear(name), "aria-keyshortcuts": keys[name],
  }, name[0].toUpperCase() + name.slice(1), make("kbd", {"aria-hidden": "true"}, keys[name])));
  const mark = () => buttons.forEach((b, k) => b.setAttribute("aria-pressed", String(VERSIONS[k] === player.version)));
  player.addEventListener("change", mark);
  mark();
  return make("div", {className: "group", role: "group", "aria-label": "What is heard"}, ...buttons);
}

function playButton(player, toggle) {
  const button = make("button", {type: "button", className: "main", onclick: toggle, "aria-keyshortcuts": "Space"});
  const mark = () => button.replaceChildren(player.playing ? "Pause" : "Play",
    make("kbd", {"aria-hidden": "true"}, "space"));
  player.addEventListener("change", mark);
  mark();
  return button;
}

function loopBox(player) {
  return make("label", {}, make("input", {type: "checkbox", onchange: (e) => { player.loop = e.target.checked; }}), " loop");
}

// Keys that work wherever nothing is typed.
function keys(table) {
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
    if (typing && event.key !== "Escape") return;
    const modified = event.ctrlKey || event.metaKey;
    if (event.altKey) return;
    const name = (modified ? "Ctrl+" : "") + (event.shiftKey && event.key.length > 1 || modified && event.shiftKey ? "Shift+" : "")
      + (event.key === " " ? "Space" : event.key.length === 1 ? event.key.toUpperCase() : event.key);
    if (name === "Space" && /^(BUTTON|INPUT)$/.test(event.target.tagName)) return;  // which it presses
    const action = table[name];
    if (action) {
      event.preventDefault();
      action(event);
    }
  });
}

// What was pressed with a pointer gives the keys back: the space bar plays, and presses nothing a second time.
document.addEventListener("click", (event) => {
  if (event.detail > 0 && event.target.closest("button, input[type=checkbox]")) document.activeElement.blur();
});

function eachFrame(player, draw) {
  let wanted = false;
  const step = () => {
    draw(player.position);
    wanted = player.playing;
    if (wanted) requestAnimationFrame(step);
  };
  player.addEventListener("change", () => {
    if (!wanted) {
      wanted = true;
      requestAnimationFrame(step);
    }
  });
}
