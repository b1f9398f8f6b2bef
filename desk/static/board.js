// The wallboard. The page comes with every value in it; an event carries all of them again, and only texts and colours are exchanged.
// Seconds are counted up by seat.js ([data-since]).
import {on} from './live.js';
import {tick} from './seat.js';

const board = document.getElementById('tablero');
const place = document.getElementById('grafica');
const table = document.getElementById('cuartos');
const big = document.body.classList.contains('big-screen');
let chart = null;
let shown = [...table.rows].map((row) => [Number(row.dataset.start), ...[...row.cells].map((cell, n) => n ? Number(cell.textContent) : cell.textContent)]);

function showCell(element, [text, tone, since]) {
  element.className = 'cell ' + tone;
  if (since) element.dataset.since = since;
  else {
    delete element.dataset.since;
    if (element.textContent !== text) element.textContent = text;
  }
}

on('board', (state) => {
  if (state.layout !== board.dataset.layout) { location.reload(); return; }
  for (const element of document.querySelectorAll('[data-cell]')) {
    const cell = state.cells[element.dataset.cell];
    if (cell) showCell(element, cell);
  }
  tick();
  if (state.quarters && JSON.stringify(state.quarters) !== JSON.stringify(shown)) {
    shown = state.quarters;
    fillTable();
    draw();
  }
  offer();
});

function fillTable() {
  table.replaceChildren(...shown.map(([start, ...values]) => {
    const row = document.createElement('tr');
    row.dataset.start = start;
    for (const value of values) {
      const cell = row.insertCell();
      cell.className = 'number';
      cell.textContent = value;
    }
    return row;
  }));
}

// Only who talks can be listened to.
function offer() {
  for (const form of document.querySelectorAll('form.listen')) {
    const state = document.querySelector(`[data-cell="${form.dataset.agent}-state"]`);
    for (const button of form.querySelectorAll('button')) button.disabled = !state.classList.contains('main');
  }
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function draw() {
  document.getElementById('sin-llamadas').hidden = shown.length > 0;
  place.hidden = !shown.length;
  chart?.destroy();
  chart = null;
  if (!shown.length) return;
  const text = colour('--ink');
  const font = (big ? '22px ' : '12px ') + 'system-ui, sans-serif';
  const axis = {stroke: text, font, labelFont: font, grid: {stroke: colour('--line'), width: 1}, ticks: {stroke: colour('--line')}};
  const labels = new Map(shown.map((one) => [one[0], one[1]]));
  chart = new uPlot({
    width: place.clientWidth, height: big ? 250 : 220, cursor: {y: false}, legend: {live: !big},
    scales: {x: {time: false, range: (_, low, high) => [low - 450, high + 1350]}, y: {range: (_, __, high) => [0, Math.max(4, Math.ceil(high * 1.1))]}},
    axes: [
      {...axis, size: big ? 60 : 40, splits: () => hours(), values: (_, splits) => splits.map((at) => labels.get(at) ?? '')},
      {...axis, size: big ? 70 : 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500]}],
    series: [
      {label: 'Desde', value: (_, at) => labels.get(at) ?? '—'},
      {label: 'Atendidas', stroke: colour('--main'), fill: colour('--mark'), width: 2, paths: uPlot.paths.bars({size: [0.8, 60]}), points: {show: false}, value: (_, many) => many ?? '—'},
      {label: 'Máximo en espera', stroke: colour('--bad'), width: big ? 4 : 2, points: {size: big ? 12 : 7, fill: colour('--bad')}, value: (_, many) => many ?? '—'}],
  }, [shown.map((one) => one[0]), shown.map((one) => one[4]), shown.map((one) => one[3])], place);
}

// A mark at each full hour; more seldom on a long day, each quarter on a short one.
function hours() {
  const full = shown.filter((one) => one[1].endsWith(':00'));
  const marks = full.length > 1 ? full : shown;
  const step = Math.max(1, Math.ceil(marks.length / (place.clientWidth / (big ? 110 : 60))));
  return marks.filter((_, n) => n % step === 0).map((one) => one[0]);
}

addEventListener('load', draw);
let waiting = 0;
addEventListener('resize', () => { clearTimeout(waiting); waiting = setTimeout(draw, 200); });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
offer();
