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

/** The place of a head among all, where each layer has the mean of its heads behind them, and layer `layers` has one
    of all. */
const placeOf = (layer, head) => layer * (heads + 1) + head;

/** The weights of a head, or a mean, in steps of 1 / steps: of a causal model what is on and below the diagonal, else [T, S]. */
function pattern(layer, head) {
  const i = placeOf(layer, head);
  if (decoded[i]) return decoded[i];
  if (head === heads) return decoded[i] = mean(layer < layers ? [layer] : [...Array(layers).keys()]);
  const bytes = atob(blocks[layer * heads + head].textContent);
  const numbers = new Uint16Array(bytes.length / 2);
  for (let k = 0; k < numbers.length; ++k) numbers[k] = bytes.charCodeAt(2 * k) | bytes.charCodeAt(2 * k + 1) << 8;
  return decoded[i] = numbers;
}

function mean(some) {
  const sum = new Float32Array(pattern(some[0], 0).length);
  for (const layer of some) {
    for (let head = 0; head < heads; ++head) pattern(layer, head).forEach((w, k) => sum[k] += w);
  }
  return sum.map(w => w / (some.length * heads));
}

/** What has full colour where a head is shown: its largest weight, but for the first tokens, if these see few. */
const few = Number(facts.few);
function fullOf(layer, head) {
  const seen = pattern(layer, head).subarray(few * (few + 1) / 2);
  return seen.reduce((a, b) => Math.max(a, b), 0) / steps || 1;
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

function level(w, full) { return Math.round(255 * Math.sqrt(Math.min(w / full, 1))); }
function colour(i) { return `rgb(${colours[3 * i]} ${colours[3 * i + 1]} ${colours[3 * i + 2]})`; }

/** A head as a picture, `most` pixels long or high, in full colour where its weight is `full`; rows from the top; a pixel
    of several weights shows the largest. */
function picture(canvas, layer, head, most, full) {
  const side = count => Math.max(1, Math.round(count * Math.min(1, most / longest)));
  const width = canvas.width = side(S), height = canvas.height = side(T);
  const largest = new Float32Array(width * height), numbers = pattern(layer, head);
  for (let from = 0, i = 0; from < T; ++from) {
    const row = Math.floor(from * height / T) * width;
    for (let to = 0; to < (causal ? from + 1 : S); ++to, ++i) {
      const at = row + Math.floor(to * width / S);
      if (numbers[i] > largest[at]) largest[at] = numbers[i];
    }
  }
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; ++i) {
    const c = 3 * level(largest[i] / steps, full);
    image.data.set([colours[c], colours[c + 1], colours[c + 2], 255], 4 * i);
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

// ---- what is shown

// `at` is a place in near(), `other` one in far(); where one text looks at itself, both are its tokens.
const shown = {layer: 0, head: 0, full: 1, forward: true, at: T - 1, other: null, pinned: false};
const near = () => shown.forward ? tokens : sources, far = () => shown.forward ? sources : tokens;
const isShown = (list, i) => list === near() && i === shown.at || list === far() && i === shown.other;
const map = byId('map');
const percent = w => (100 * w).toFixed(2) + ' %';
const buttons = [];  // of each place
const whole = document.createElement('canvas');  // the head that is shown, a pixel a weight

const short = w => Number((100 * w).toPrecision(2)) + ' %';
const title = (layer, head) => head < heads ? `Layer ${layer}, head ${head}`
  : layer < layers ? `Layer ${layer}, mean of its heads` : 'Mean of all heads';

/** The weight between `at` and another token of far(), in the direction that is shown. */
function between(i) {
  const {layer, head, forward, at} = shown;
  return forward ? weight(layer, head, at, i) : weight(layer, head, i, at);
}

function select(layer, head) {
  const old = buttons[placeOf(shown.layer, shown.head)], button = buttons[placeOf(layer, head)];
  old.setAttribute('aria-pressed', 'false');
  old.tabIndex = -1;
  button.setAttribute('aria-pressed', 'true');
  button.tabIndex = 0;
  const full = fullOf(layer, head);
  Object.assign(shown, {layer, head, full});
  byId('which').textContent = title(layer, head);
  byId('called').textContent = button.querySelector('span')?.title ?? '';
  byId('full').textContent = `Full colour is ${short(full)}, the largest weight ` +
    (head === heads ? 'of this mean' : 'of this head') +
    (few ? ', but for the first tokens, which see few.' : '.');
  document.querySelectorAll('#legend span').forEach((mark, i) => {
    mark.style.left = 25 * i + '%';
    mark.textContent = i ? short(full * i * i / 16) : '0';
  });
  picture(whole, layer, head, longest, full);
  show();
}

function show() {
  for (const list of lists) {
    list.forEach((token, i) => {
      const l = list === far() ? level(between(i), shown.full) : 0, isAt = list === near() && i === shown.at;
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
  expect();
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

/** Rows of a table: the place of a token, the token, a bar from 0 to 1, a number. */
const rowsOf = (table, length) => Array.from({length}, () => {
  const row = table.insertRow();
  for (let i = 0; i < 4; ++i) row.insertCell();
  row.cells[2].append(document.createElement('div'));
  return row;
});
const rows = rowsOf(byId('strongest'), Math.min(longest, 12));

function fill(row, place, token, bar, number) {
  row.cells[0].textContent = place;
  row.cells[1].replaceChildren(...token ? token.cloneNode(true).childNodes : []);
  row.cells[2].firstChild.style.width = 100 * bar + '%';
  row.cells[3].textContent = number;
}

function rank() {
  const ranked = strongest(), most = between(ranked[0]);
  byId('direction').textContent = shown.forward ? 'It looks at' : 'It is looked at by';
  rows.forEach((row, k) => {
    row.hidden = k >= ranked.length;
    if (row.hidden) return;
    const w = between(ranked[k]);
    fill(row, ranked[k], far()[ranked[k]], most && w / most, percent(w));
  });
}

// ---- what the model expects: of each token [p of what stands there, which of the likeliest that is, token, p, ...]

const expectations = byId('expectations') && JSON.parse(byId('expectations').textContent);
const likely = expectations && tokensOf(byId('likely')), isNext = facts.next === 'true';
const guesses = expectations && rowsOf(byId('expected'), 6);
byId('expected').hidden = !expectations;
byId('expected').caption.textContent = isNext ? 'What is expected next' : 'What is expected in its place';

function expect() {
  if (!expectations) return;
  const [p, standing, ...numbers] = near() === tokens ? expectations[shown.at] : [null, -1];
  const place = isNext ? shown.at + 1 : shown.at;
  const found = [];
  for (let k = 0; k < numbers.length; k += 2) {
    const stands = k === 2 * standing;  // and knows what follows it, too: what character it is a piece of
    found.push([stands ? place : '', stands ? tokens[place] : likely[numbers[k]], numbers[k + 1]]);
  }
  if (p !== null && standing < 0) found.push([place, tokens[place], p]);
  byId('expected').style.visibility = found.length ? '' : 'hidden';
  guesses.forEach((row, k) => {
    const [at, token, p] = found[k] ?? ['', null, 0];
    row.classList.toggle('standing', at !== '');
    fill(row, at, token, p, token ? percent(p) : '');
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
  const i = buttons.indexOf(event.target), next = heads + 1;
  const by = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: next, ArrowUp: -next}[event.key];
  if (i < 0 || by === undefined) return;
  event.preventDefault();
  let to = i + by;
  while (to >= 0 && to < buttons.length && !buttons[to]) to += by;  // a place without a head
  if (!buttons[to]) return;
  select(Math.floor(to / next), to % next);
  buttons[to].focus();
});

// ---- the page

function overview() {
  const grid = byId('overview'), cell = (tag, column, words) => {
    const element = document.createElement(tag);
    element.style.gridColumn = column + 1;
    element.textContent = words;
    grid.append(element);
    return element;
  };
  const names = byId('names') ? Array.from(byId('names').children) : [];
  const head = (layer, head) => {
    const button = cell('button', head + 1, ''), name = head < heads && names[layer * heads + head];
    button.type = 'button';
    button.tabIndex = -1;
    button.setAttribute('aria-pressed', 'false');
    button.setAttribute('aria-label', title(layer, head) + (name?.title ? ', ' + name.title : ''));
    button.append(document.createElement('canvas'));
    if (name?.title) button.append(name);
    button.addEventListener('click', () => select(layer, head));
    buttons[placeOf(layer, head)] = button;
  };
  grid.style.setProperty('--aspect', Math.min(Math.max(S / T, 1 / 3), 3));
  const columns = heads + (layers * heads > 1);
  grid.style.gridTemplateColumns = `max-content repeat(${columns}, minmax(1rem, 7rem))`;
  for (let h = 0; h < columns; ++h) cell('span', h + 1, h < heads ? h : 'mean');
  for (let layer = 0; layer < layers; ++layer) {
    cell('span', 0, layer);
    for (let h = 0; h < heads + (heads > 1); ++h) head(layer, h);
  }
  if (layers < 2) return;
  cell('span', heads, 'all').className = 'last';
  head(layers, heads);
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
    for (let head = 0; head <= heads; ++head) {
      const button = buttons[placeOf(l, head)];
      if (button) picture(button.firstChild, l, head, 96, Number(facts.full));
    }
    if (l < layers) requestAnimationFrame(() => layer(l + 1));
  };
  layer(0);
}

for (const list of lists) {
  list.forEach((token, i) => {
    token.id = (list === tokens ? 'token-' : 'source-') + i;
    token.setAttribute('role', 'option');
    token.classList.toggle('part', /\u2044./.test(token.textContent));
  });
  const pieces = list.filter(token => [...token.textContent].length > 1);
  boxOf(list).classList.toggle('wide', pieces.length * 2 > list.length);
}
overview();
paint();
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);
window.addEventListener('resize', drawMap);
