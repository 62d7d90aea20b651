// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Which sessions are picked. They stay picked on other pages and under other filters.

import { ask, say } from './server.js';

const picked = new Map(); // key -> label

const one = (n) => (n === 1 ? '1 session' : `${n} sessions`);
const boxes = () => [...document.querySelectorAll('#grid input.one')];

export const all = () => new Map(picked);

// drop takes sessions out of what is picked.
export function drop(keys) {
  for (const key of keys) picked.delete(key);
  show();
}

// show brings the boxes, the count and the buttons in line with what is picked.
export function show() {
  const here = boxes();
  for (const box of here) {
    box.checked = picked.has(box.dataset.key);
    box.closest('tr').classList.toggle('chosen', box.checked);
  }
  const head = document.getElementById('pick-page');
  if (head) {
    const on = here.filter((box) => box.checked).length;
    head.checked = on > 0 && on === here.length;
    head.indeterminate = on > 0 && on < here.length;
    head.disabled = here.length === 0;
  }
  const count = document.getElementById('picked');
  if (!count) return;
  count.textContent = picked.size ? `${picked.size} picked` : '';
  document.getElementById('terminate').disabled = picked.size === 0;
  document.getElementById('pick-none').disabled = picked.size === 0;
}

function pick(box) {
  if (box.checked) picked.set(box.dataset.key, box.dataset.label);
  else picked.delete(box.dataset.key);
}

// begin listens to the boxes and buttons within an element; query is what the grid shows.
export function begin(within, query) {
  within.addEventListener('change', (event) => {
    const box = event.target;
    if (box.matches('input.one')) {
      pick(box);
    } else if (box.id === 'pick-page') {
      for (const other of boxes()) {
        other.checked = box.checked;
        pick(other);
      }
    } else {
      return;
    }
    show();
  });
  within.addEventListener('click', async (event) => {
    const button = event.target.closest('button');
    if (button?.id === 'pick-none') {
      picked.clear();
      show();
      say('No session is picked.');
    } else if (button?.id === 'pick-found') {
      try {
        for (const { key, label } of await (await ask('sessions/found', query())).json()) picked.set(key, label);
        show();
        say(`${one(picked.size)} picked.`);
        document.getElementById('hint').textContent = '';
      } catch (error) {
        say(error.message);
        document.getElementById('hint').textContent = error.message;
      }
    }
  });
}
