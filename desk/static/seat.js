// An agent's seat: the bar in the header and the card of the call, on whatever page he is. The server sends whole states, so a card
// appears once for each call however often the connection breaks.
import {on} from './live.js';
import {unsaved} from './drafts.js';

const bar = document.getElementById('puesto');
const place = document.getElementById('llamada');
const title = document.title;
const phone = new BroadcastChannel('mesa-telefono');
let now = {call: null};

function show(id, html) {
  const element = document.getElementById(id);
  if (element && element.dataset.shown !== html) {
    // A choice that is being made (a select that is open) is not torn away by a state that changes nothing of it.
    const kept = new Map([...element.querySelectorAll('select')].map((select) => [select.id, select.value]));
    element.innerHTML = html;
    element.dataset.shown = html;
    for (const [name, value] of kept) { const select = document.getElementById(name); if (select && value) select.value = value; }
  }
}

on('seat', (seat) => {
  show('puesto', seat.bar);
  show('llamada', seat.card);
  tick();
  document.title = seat.call?.phase === 'ringing' ? '☎ ' + (seat.call.who || 'Llamada') : title;
  if (seat.call?.phase === 'talking' && seat.call.folio) openFolio(seat.call);
  now = seat;
});

// Answered: the folio is open and ready for typing, once for each call, in the tab that he sees, and never over words that are not sent.
function openFolio({linkedid, folio}) {
  const key = 'mesa-opened:' + linkedid;
  const path = '/folios/' + folio;
  if (document.visibilityState !== 'visible' || localStorage.getItem(key) || location.pathname === path || location.pathname === '/telefono') return;
  if (unsaved()) return;
  for (const old of Object.keys(localStorage)) if (old.startsWith('mesa-opened:')) localStorage.removeItem(old);
  localStorage.setItem(key, '1');
  location.assign(path + '?llamada=1');
}

export function tick() {
  for (const element of document.querySelectorAll('[data-since]')) {
    const seconds = Math.max(0, Math.round((Date.now() - clockAhead() - Date.parse(element.dataset.since)) / 1000));
    element.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  }
}

// Mesa's clock may stand elsewhere than this computer's: a demo's stands still.
let ahead = 0;
const clockAhead = () => ahead;
document.addEventListener('mesa:beat', ({detail}) => { ahead = Date.now() - Date.parse(detail.now); });
setInterval(tick, 1000);

document.addEventListener('click', (event) => {
  const action = event.target.closest('[data-phone]')?.dataset.phone;
  if (action === 'open') {                             // a link, so that it opens, too, before this was loaded; a window of its size
    event.preventDefault();
    window.open('/telefono', 'mesa-telefono', 'width=400,height=620');
  }
  if (action === 'answer') {
    place.querySelector('[data-crm]')?.click();        // a click of his own: browsers let no page open another by itself
    if (now.call?.phone.endsWith('-web')) phone.postMessage({do: 'answer'});
    else say('Conteste en su teléfono de escritorio.');
  }
});

function say(text) {
  const alert = place.querySelector('[role="alert"]') || document.querySelector('main [role="alert"]');
  if (alert && text) { alert.textContent = text; alert.hidden = false; }
}

document.addEventListener('submit', async (event) => {
  const form = event.target.closest('form[data-quiet]');
  if (!form) return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form));
  fields.set('csrf', document.querySelector('meta[name="csrf"]').content);
  fields.set('quiet', '1');
  const button = event.submitter;
  if (button) button.disabled = true;
  try {
    const answer = await fetch(form.action, {method: 'POST', body: fields});
    if (answer.headers.get('content-type')?.startsWith('application/json')) say((await answer.json()).says);
    else if (!answer.ok) say('No se pudo. Actualice la página e intente otra vez.');
  } catch {
    say('Sin conexión con Mesa: no se hizo nada.');
  } finally {
    if (button) button.disabled = false;
  }
});
