// The keyboard: `g` and a letter goes to a page, `/` searches, `j` and `k` walk a list, `?` helps. Never while somebody types.
const typing = (target) => target.closest('input, textarea, select, [contenteditable]');
let going = 0;
let left = 0;                                          // when this page was left: what is typed meanwhile is meant for the next one

function chosen() {
  return document.querySelector('tr.chosen');
}

function walk(step) {
  const rows = [...document.querySelectorAll('tr[data-href]')];
  if (!rows.length) return;
  const now = rows.indexOf(chosen());
  const next = rows[Math.max(0, Math.min(rows.length - 1, now < 0 ? 0 : now + step))];
  chosen()?.classList.remove('chosen');
  next.classList.add('chosen');
  next.querySelector('a')?.focus();
  next.scrollIntoView({block: 'nearest'});
}

window.addEventListener('beforeunload', () => { left = Date.now(); });
window.addEventListener('pageshow', () => { left = 0; });
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (Date.now() - left < 3000) return;                // no longer: a file that is fetched looks like a page that is left
  if (Date.now() - going < 1200) {
    going = 0;
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) { event.preventDefault(); link.click(); }
    return;
  }
  const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]:not([disabled])`);
  if (event.key === 'g') going = Date.now();
  else if (event.key === 'j') walk(1);
  else if (event.key === 'k') walk(-1);
  else if (event.key === '?') document.getElementById('atajos')?.showModal();
  else if (event.key === '/') {
    const field = document.querySelector('[type="search"]');
    event.preventDefault();
    if (field) field.focus(); else if (document.querySelector('[data-go="b"]')) location.assign('/buscar');
  } else if (button) { event.preventDefault(); button.click(); }
});
