// A folio's page: which form is open, who else looks at it, that it has grown, and how much time is left.
import './forms.js';
import {on} from './live.js';

const folio = document.getElementById('folio');
const own = document.body.dataset.login;
const ago = new Intl.RelativeTimeFormat('es-MX', {numeric: 'always'});

// --- one form at a time -------------------------------------------------------------------------------------------------
function open(slug, focus = true) {
  const wanted = document.getElementById('panel-' + slug);
  if (!wanted) return;
  for (const panel of document.querySelectorAll('.panel')) panel.hidden = panel !== wanted;
  for (const tool of document.querySelectorAll('.tool')) {
    if (tool.dataset.open === slug) tool.setAttribute('aria-current', 'true'); else tool.removeAttribute('aria-current');
  }
  document.querySelector('.more')?.removeAttribute('open');
  const field = wanted.querySelector('select, textarea, input:not([type=hidden])');
  if (!focus) return;
  field?.focus({preventScroll: true});
  wanted.scrollIntoView({block: wanted.querySelector('.alert') ? 'start' : 'nearest'});      // what was refused is read first
}

for (const tool of document.querySelectorAll('[data-open]')) {
  tool.addEventListener('click', (event) => { event.preventDefault(); open(tool.dataset.open); });
}
const asked = new URLSearchParams(location.search);
if (asked.has('accion') || asked.has('llamada') || document.querySelector('.panel .alert')) {
  open(document.querySelector('.panel:not([hidden])').dataset.panel);
}
document.addEventListener('click', (event) => {
  const more = document.querySelector('.more[open]');
  if (more && !more.contains(event.target)) more.removeAttribute('open');
});

// --- who writes ---------------------------------------------------------------------------------------------------------
const EVERY_MS = 5000;
let told = {what: '', at: 0};

function tell(what) {
  if (what === told.what && (!what || Date.now() - told.at < EVERY_MS)) return;
  told = {what, at: Date.now()};
  fetch(`/folios/${folio.dataset.number}/escribiendo`, {
    method: 'POST', keepalive: true, body: new URLSearchParams({csrf: folio.dataset.csrf, que: what})}).catch(() => {});
}

let silence = 0;
for (const panel of document.querySelectorAll('.panel')) {
  panel.addEventListener('input', () => {
    tell(panel.dataset.panel);
    clearTimeout(silence);
    silence = setTimeout(tell, 10000, '');
  });
  panel.addEventListener('submit', () => { clearTimeout(silence); told.what = ''; });
}

// --- what others do -----------------------------------------------------------------------------------------------------
let grown = null;

on('folio', (state) => {
  if (state.number !== folio.dataset.number) return;
  const others = state.people.filter((person) => person.login !== own);
  const looking = document.getElementById('mirando');
  looking.hidden = !others.length;
  looking.textContent = 'También lo está viendo: ' +
    others.map((person) => person.name + (person.writes ? ` (escribe: ${person.writes})` : '')).join(', ');
  const newer = state.entry > Number(folio.dataset.entry) || state.version > Number(folio.dataset.version);
  if (!newer) return;
  if (state.login === own && state.version === Number(folio.dataset.version)) { folio.dataset.entry = state.entry; return; }
  grown = {...state, heard: Date.now()};
  showGrown();
});

function showGrown() {
  if (!grown) return;
  const place = document.getElementById('crecio');
  const link = document.createElement('a');
  link.href = `/folios/${grown.number}?ver=${grown.entry}#e${grown.entry}`;      // with the fragment alone nothing would be loaded
  link.textContent = 'ver';
  place.replaceChildren(`${grown.by}: ${grown.kind}, ${span(grown.heard - Date.now())} — `, link);
  place.hidden = false;
}

// --- time ---------------------------------------------------------------------------------------------------------------
const UNITS = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
const ahead = Date.parse(folio.dataset.now) - Date.now();

function span(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (Math.abs(seconds) < 2) return 'hace un momento';
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) || UNITS[3];
  return ago.format(Math.trunc(seconds / size), unit);
}

function countDown() {
  for (const time of document.querySelectorAll('time[data-due]')) {
    const left = Date.parse(time.dataset.due) - (Date.now() + ahead);
    time.textContent = (left < 0 ? 'venció ' : '') + span(left);
    time.classList.toggle('overdue', left < 0);
  }
}

setInterval(countDown, 30000);
setInterval(showGrown, 5000);
folio.dataset.ready = '1';
