// Lists and the form of a new folio: suggestions of users while somebody types.
import './forms.js';

const field = document.querySelector('[data-users]');
if (field) {
  const list = document.getElementById(field.getAttribute('list'));
  let asked = 0;
  field.addEventListener('input', () => {
    clearTimeout(asked);
    if (field.value.length < 2 || [...list.options].some((option) => option.value === field.value)) return;
    asked = setTimeout(() => suggest(field, list), 150);
  });
}

async function suggest(field, list) {
  const answer = await fetch('/folios/nuevo/usuarios?' + new URLSearchParams({cliente: field.dataset.users, q: field.value}));
  if (!answer.ok) return;
  list.replaceChildren(...(await answer.json()).map(({number, name, told}) => {
    const option = document.createElement('option');
    option.value = `${number} ${name}`;
    option.label = told;
    return option;
  }));
}
