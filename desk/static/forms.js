// Forms of the desk: Ctrl+Enter sends the one that has the focus, Esc leaves a field, and what was sent is not sent twice.
document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    const form = event.target.closest?.('form[data-sends]');
    if (form) { event.preventDefault(); form.requestSubmit(); }
  } else if (event.key === 'Escape' && event.target.closest?.('input, textarea, select')) event.target.blur();
});

document.addEventListener('submit', (event) => {
  if (event.target.method !== 'post' || event.defaultPrevented || 'quiet' in event.target.dataset) return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = '1';
});
window.addEventListener('pageshow', () => { for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent; });

for (const field of document.querySelectorAll('[data-autosend]')) field.addEventListener('change', () => field.form.requestSubmit());
