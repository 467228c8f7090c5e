'use strict';

// ---- the numbers

const facts = document.body.dataset;
const layers = Number(facts.layers), heads = Number(facts.heads), steps = Number(facts.steps);
const causal = facts.causal === 'true';
const byId = id => document.getElementById(id);
const tokensOf = box => Array.from(box.querySelectorAll('.token'));
const text = byId('text'), tokens = tokensOf(text), T = tokens.length;                   // who looks: the rows
const sources = byId('source') ? tokensOf(byId('source')) : tokens, S = sources.length;  // at what: the columns
const lists = Array.from(new Set([tokens, sources])), longest = Math.max(T, S);
const blocks = document.querySelectorAll('script.weights'), decoded = [];

/** The weights of a head in steps of 1 / steps: of a causal model what is on and below the diagonal, else [T, S]. */
function pattern(layer, head) {
  const i = layer * heads + head;
  if (decoded[i]) return decoded[i];
  const bytes = atob(blocks[i].textContent);
  const numbers = new Uint16Array(bytes.length / 2);
  for (let k = 0; k < numbers.length; ++k) numbers[k] = bytes.charCodeAt(2 * k) | bytes.charCodeAt(2 * k + 1) << 8;
  return decoded[i] = numbers;
}

/** How much tokens[from] looks at sources[to], 0 to 1. */
function weight(layer, head, from, to) {
  if (causal && to > from) return 0;
  return pattern(layer, head)[(causal ? from * (from + 1) / 2 : from * S) + to] / steps;
}

// ---- the colours: by the square root of a weight, so that one in a hundred is still seen

let colours;  // [256 * 3]

function mixColours() {
  const style = getComputedStyle(document.documentElement);
  const stops = [0, 1, 2].map(i => {
    const hex = style.getPropertyValue('--heat-' + i).trim();
    return [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
  });
  colours = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; ++i) {
    const x = i / 255 * 2, stop = Math.min(Math.floor(x), 1);
    const [from, to] = [stops[stop], stops[stop + 1]];
    for (let c = 0; c < 3; ++c) colours[i * 3 + c] = from[c] + (to[c] - from[c]) * (x - stop);
  }
}

function level(w) { return Math.round(255 * Math.sqrt(Math.min(w, 1))); }
function colour(i) { return `rgb(${colours[3 * i]} ${colours[3 * i + 1]} ${colours[3 * i + 2]})`; }

/** A head as a picture, `most` pixels long or high; rows from the top; a pixel of several weights shows the largest. */
function picture(canvas, layer, head, most) {
  const side = count => Math.max(1, Math.round(count * Math.min(1, most / longest)));
  const width = canvas.width = side(S), height = canvas.height = side(T);
  const largest = new Uint16Array(width * height), numbers = pattern(layer, head);
  for (let from = 0, i = 0; from < T; ++from) {
    const row = Math.floor(from * height / T) * width;
    for (let to = 0; to < (causal ? from + 1 : S); ++to, ++i) {
      const at = row + Math.floor(to * width / S);
      if (numbers[i] > largest[at]) largest[at] = numbers[i];
    }
  }
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; ++i) {
    const c = 3 * level(largest[i] / steps);
    image.data.set([colours[c], colours[c + 1], colours[c + 2], 255], 4 * i);
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

// ---- what is shown

// `at` is a place in near(), `other` one in far(); where one text looks at itself, both are its tokens.
const shown = {layer: 0, head: 0, forward: true, at: T - 1, other: null, pinned: false};
const near = () => shown.forward ? tokens : sources, far = () => shown.forward ? sources : tokens;
const isShown = (list, i) => list === near() && i === shown.at || list === far() && i === shown.other;
const map = byId('map');
const percent = w => (100 * w).toFixed(2) + ' %';
const buttons = [];  // [layers * heads]
const whole = document.createElement('canvas');  // the head that is shown, a pixel a weight

/** The weight between `at` and another token of far(), in the direction that is shown. */
function between(i) {
  const {layer, head, forward, at} = shown;
  return forward ? weight(layer, head, at, i) : weight(layer, head, i, at);
}

function select(layer, head) {
  buttons[shown.layer * heads + shown.head].setAttribute('aria-pressed', 'false');
  buttons[shown.layer * heads + shown.head].tabIndex = -1;
  Object.assign(shown, {layer, head});
  const button = buttons[layer * heads + head];
  button.setAttribute('aria-pressed', 'true');
  button.tabIndex = 0;
  byId('which').textContent = `Layer ${layer}, head ${head}`;
  picture(whole, layer, head, longest);
  show();
}

function show() {
  for (const list of lists) {
    list.forEach((token, i) => {
      const l = list === far() ? level(between(i)) : 0, isAt = list === near() && i === shown.at;
      token.style.backgroundColor = l ? colour(l) : '';
      token.classList.toggle('on-heat', l > 165);
      token.classList.toggle('at', isAt);
      token.classList.toggle('other', list === far() && i === shown.other);
      token.setAttribute('aria-selected', isAt);
    });
    boxOf(list).setAttribute('aria-activedescendant', list[cursor(list)]?.id ?? '');
  }
  byId('pinned').hidden = !shown.pinned;
  say();
  rank();
  drawMap();
}

/** A sentence with the numbers, of tokens as text and nothing else. */
function say() {
  const parts = [];
  const token = (list, i) => {
    const b = document.createElement('b');
    b.textContent = list[i].textContent;
    parts.push(`${i} `, b);
  };
  if (shown.other === null) {
    const ranked = strongest();
    token(near(), shown.at);
    parts.push(shown.forward ? ' looks most at ' : ' is looked at most by ');
    token(far(), ranked[0]);
    parts.push(`: ${percent(between(ranked[0]))}.`);
  } else {
    const {at, other, forward} = shown;
    token(tokens, forward ? at : other);
    parts.push(' looks at ');
    token(sources, forward ? other : at);
    parts.push(` with a weight of ${between(other).toFixed(5)}.`);
  }
  byId('said').replaceChildren(...parts);
}

/** The tokens of far(), the largest weight first. */
function strongest() {
  const weights = far().map((_, i) => between(i));
  return far().map((_, i) => i).sort((a, b) => weights[b] - weights[a] || a - b);
}

const rows = Array.from({length: Math.min(longest, 12)}, () => {
  const row = byId('strongest').insertRow();
  for (let i = 0; i < 4; ++i) row.insertCell();
  row.cells[2].append(document.createElement('div'));
  return row;
});

function rank() {
  const ranked = strongest(), most = between(ranked[0]);
  byId('direction').textContent = shown.forward ? 'It looks at' : 'It is looked at by';
  rows.forEach((row, k) => {
    row.hidden = k >= ranked.length;
    if (row.hidden) return;
    const w = between(ranked[k]);
    row.cells[0].textContent = ranked[k];
    row.cells[1].replaceChildren(...far()[ranked[k]].cloneNode(true).childNodes);
    row.cells[2].firstChild.style.width = (most && 100 * w / most) + '%';
    row.cells[3].textContent = percent(w);
  });
}

// ---- the map: who looks down the side, what is looked at along the top

const frame = {left: 0, top: 0, cell: 0};  // of the map, in CSS pixels

function drawMap() {
  const width = map.parentElement.clientWidth, ratio = window.devicePixelRatio || 1;
  const style = getComputedStyle(document.documentElement), font = '11px ui-monospace, "DejaVu Sans Mono", monospace';
  const draw = map.getContext('2d');
  const labelled = (width - 30) / longest >= 11;
  const name = token => [...token.textContent].slice(0, 12).join('');
  draw.font = font;
  const widest = list => labelled ? Math.max(...list.map(token => draw.measureText(name(token)).width)) + 8 : 0;
  Object.assign(frame, {left: widest(tokens), top: labelled ? Math.max(widest(sources), 18) : 0});
  frame.cell = Math.min((width - frame.left) / longest, 34);
  const across = frame.cell * S, down = frame.cell * T;
  map.style.height = frame.top + down + 'px';
  map.width = Math.round(width * ratio);
  map.height = Math.round((frame.top + down) * ratio);
  draw.scale(ratio, ratio);
  draw.imageSmoothingEnabled = frame.cell * ratio < 1;
  draw.drawImage(whole, frame.left, frame.top, across, down);
  draw.strokeStyle = style.getPropertyValue('--line');
  draw.strokeRect(frame.left + .5, frame.top + .5, across - 1, down - 1);
  if (labelled) {
    draw.font = font;
    draw.textBaseline = 'middle';
    const centre = i => (i + .5) * frame.cell;
    const ink = (list, i) => style.getPropertyValue(isShown(list, i) ? '--mark' : '--faint');
    draw.textAlign = 'right';
    tokens.forEach((token, i) => {
      draw.fillStyle = ink(tokens, i);
      draw.fillText(name(token), frame.left - 5, frame.top + centre(i));
    });
    sources.forEach((token, i) => {
      draw.save();
      draw.fillStyle = ink(sources, i);
      draw.translate(frame.left + centre(i), frame.top - 5);
      const upright = draw.measureText(name(token)).width < frame.cell;
      if (!upright) draw.rotate(-Math.PI / 2);
      draw.textAlign = upright ? 'center' : 'left';
      draw.fillText(name(token), 0, upright ? -4 : 0);
      draw.restore();
    });
  }
  draw.strokeStyle = style.getPropertyValue('--mark');
  draw.lineWidth = 1.5;
  const band = (i, isRow) => {
    const start = i * frame.cell, thick = Math.max(frame.cell, 3);
    if (isRow) draw.strokeRect(frame.left, frame.top + start, across, thick);
    else draw.strokeRect(frame.left + start, frame.top, thick, down);
  };
  band(shown.at, shown.forward);
  if (shown.other !== null) band(shown.other, !shown.forward);
}

// ---- mouse and keyboard

const boxOf = list => list[0].parentElement;

/** The place in a list that the keyboard is at; -1: at none of them yet. */
function cursor(list) {
  if (list === far() && shown.other !== null) return shown.other;
  return list === near() ? shown.at : -1;
}

/** Lets `at` be a place in this list. */
function turnTo(list) {
  if (list !== near()) Object.assign(shown, {forward: !shown.forward, other: null});
}

function point(list, i) {
  if (!shown.pinned) {
    turnTo(list);
    shown.at = i;
  } else if (list === far()) {
    shown.other = i;
  }
  show();
}

function pin(list, i) {
  const again = shown.pinned && list === near() && shown.at === i;
  turnTo(list);
  Object.assign(shown, {at: i, other: null, pinned: !again});
  show();
}

for (const list of lists) {
  const box = boxOf(list), under = event => list.indexOf(event.target.closest('.token'));
  box.addEventListener('mouseover', event => {
    const i = under(event);
    if (i >= 0) point(list, i);
  });
  box.addEventListener('click', event => {
    const i = under(event);
    if (i >= 0) pin(list, i);
  });
  box.addEventListener('keydown', event => {
    const i = cursor(list), last = list.length - 1;
    const to = {ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: last}[event.key];
    if (to !== undefined && to >= 0 && to <= last) {
      point(list, to);
      list[to].scrollIntoView({block: 'nearest'});
    } else if (event.key === 'Enter' || event.key === ' ') {
      pin(near(), shown.at);
    } else if (event.key === 'Escape') {
      Object.assign(shown, {other: null, pinned: false});
      show();
    } else {
      return;
    }
    event.preventDefault();
  });
}

/** The tokens of a place on the map, {from, to}, or null. */
function place(event) {
  const box = map.getBoundingClientRect();
  const from = Math.floor((event.clientY - box.top - frame.top) / frame.cell);
  const to = Math.floor((event.clientX - box.left - frame.left) / frame.cell);
  return from >= 0 && from < T && to >= 0 && to < S ? {from, to} : null;
}
map.addEventListener('mousemove', event => {
  const cell = place(event);
  if (!cell) return;
  const [at, other] = shown.forward ? [cell.from, cell.to] : [cell.to, cell.from];
  if (shown.at === at && shown.other === other || shown.pinned && shown.other === other) return;
  Object.assign(shown, shown.pinned ? {other} : {at, other});
  show();
});
map.addEventListener('mouseleave', () => {
  shown.other = null;
  show();
});
map.addEventListener('click', event => {
  const cell = place(event);
  if (cell) pin(near(), shown.forward ? cell.from : cell.to);
});

document.querySelectorAll('input[name=direction]').forEach(input => input.addEventListener('change', () => {
  Object.assign(shown, {forward: byId('forward').checked, other: null});
  show();
}));

byId('overview').addEventListener('keydown', event => {
  const i = buttons.indexOf(event.target);
  const to = {ArrowRight: i + 1, ArrowLeft: i - 1, ArrowDown: i + heads, ArrowUp: i - heads}[event.key];
  if (i < 0 || to === undefined) return;
  event.preventDefault();
  if (to < 0 || to >= layers * heads) return;
  select(Math.floor(to / heads), to % heads);
  buttons[to].focus();
});

// ---- the page

function overview() {
  const grid = byId('overview'), cell = (tag, words) => {
    const element = document.createElement(tag);
    element.textContent = words;
    grid.append(element);
    return element;
  };
  grid.style.setProperty('--aspect', Math.min(Math.max(S / T, 1 / 3), 3));
  grid.style.gridTemplateColumns = `max-content repeat(${heads}, minmax(1rem, 7rem))`;
  cell('span', '');
  for (let head = 0; head < heads; ++head) cell('span', head);
  for (let layer = 0; layer < layers; ++layer) {
    cell('span', layer);
    for (let head = 0; head < heads; ++head) {
      const button = cell('button', '');
      button.type = 'button';
      button.tabIndex = -1;
      button.setAttribute('aria-pressed', 'false');
      button.setAttribute('aria-label', `layer ${layer}, head ${head}`);
      button.append(document.createElement('canvas'));
      button.addEventListener('click', () => select(layer, head));
      buttons.push(button);
    }
  }
}

/** All that depends on the colours; the small pictures a layer at a time, so that the page stays quick. */
function paint() {
  mixColours();
  const strip = document.querySelector('#legend canvas');
  strip.width = 256;
  strip.height = 1;
  for (let i = 0; i < 256; ++i) {
    strip.getContext('2d').fillStyle = colour(i);
    strip.getContext('2d').fillRect(i, 0, 1, 1);
  }
  select(shown.layer, shown.head);
  const layer = l => {
    for (let head = 0; head < heads; ++head) {
      picture(buttons[l * heads + head].firstChild, l, head, 96);
    }
    if (l + 1 < layers) requestAnimationFrame(() => layer(l + 1));
  };
  layer(0);
}

for (const list of lists) {
  list.forEach((token, i) => {
    token.id = (list === tokens ? 'token-' : 'source-') + i;
    token.setAttribute('role', 'option');
  });
  const pieces = list.filter(token => [...token.textContent].length > 1);
  boxOf(list).classList.toggle('wide', pieces.length * 2 > list.length);
}
for (const mark of document.querySelectorAll('#legend span')) {
  mark.style.left = 10 * Math.sqrt(parseFloat(mark.textContent)) + '%';
}
overview();
paint();
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);
window.addEventListener('resize', drawMap);
