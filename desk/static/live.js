// The live connection (Server-Sent Events). Every event is a whole state: after a cut the newest one of each comes again, so nothing
// is missed and nothing happens twice. What is old is shown as old.
const SILENCE_MS = 12000;
const handlers = new Map();
let heard = 0;
let source = null;

export function on(name, handler) {
  handlers.set(name, handler);
  if (source) listen(name);
}

function listen(name) {
  source.addEventListener(name, (event) => { touched(); handlers.get(name)(JSON.parse(event.data)); });
}

function touched() {
  heard = Date.now();
  if (document.body.classList.contains('lost')) fresh();           // whether the exchange answers is told by the beat alone
}

function fresh() {
  document.body.classList.remove('stale', 'lost');
  const note = document.getElementById('aviso-conexion');
  if (note) note.hidden = true;
}

// `lost`: nothing comes from Mesa either, so that everything on the page is old.
function stale(why, lost = true) {
  const note = document.getElementById('aviso-conexion');
  document.body.classList.add('stale');
  document.body.classList.toggle('lost', lost);
  if (note) {
    note.textContent = why + (heard ? ' Datos de las ' + new Date(heard).toLocaleTimeString('es-MX', {hour12: false}) + '.' : '');
    note.hidden = false;
  }
}

// Fragments come from our own templates, which escape everything; each names the element that it fills.
function fill({target, html}) {
  const place = document.getElementById(target);
  if (!place) return;
  place.innerHTML = html;
  place.dispatchEvent(new CustomEvent('mesa:filled', {bubbles: true}));
}

export function connect() {
  const topics = [...document.querySelectorAll('[data-topic]')].map((place) => place.dataset.topic);
  source = new EventSource('/eventos?' + new URLSearchParams({temas: topics.join(',')}));
  on('beat', (beat) => {
    document.dispatchEvent(new CustomEvent('mesa:beat', {detail: beat}));
    if (beat.asterisk === 'up') fresh(); else stale('Sin conexión con la central telefónica.', false);
  });
  on('fragment', fill);
  for (const name of handlers.keys()) if (name !== 'beat' && name !== 'fragment') listen(name);
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) stale('La sesión terminó o el servidor no responde. Actualice la página.');
  });
  setInterval(() => { if (Date.now() - heard > SILENCE_MS) stale('Sin conexión con Mesa.'); }, 1000);
}
