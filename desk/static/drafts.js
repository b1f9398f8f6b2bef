// What somebody types is kept in this browser until it was sent: a reload, a lost connection or a conflict loses no words.
// A field names its draft with data-draft, 'form:field'; the form that was stored says so with ?guardado=<form> in the address it leads to.
const prefix = 'mesa-draft:' + (document.body.dataset.login || '') + ':';
const stored = new URLSearchParams(location.search).get('guardado');
if (stored) {
  for (const key of Object.keys(localStorage)) if (key === prefix + stored || key.startsWith(prefix + stored + ':')) localStorage.removeItem(key);
  const address = new URL(location.href);
  address.searchParams.delete('guardado');
  history.replaceState(null, '', address);
}
for (const field of document.querySelectorAll('[data-draft]')) {
  const key = prefix + field.dataset.draft;
  const kept = localStorage.getItem(key);
  if (kept && !field.value) field.value = kept;
  field.addEventListener('input', () => field.value ? localStorage.setItem(key, field.value) : localStorage.removeItem(key));
}

export const unsaved = () => [...document.querySelectorAll('[data-draft]')].some((field) => field.value !== field.defaultValue);
