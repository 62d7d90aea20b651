// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// The page: what is shown follows from its address, and is fetched anew when something changed.

import { Part, ask, parse, say, url } from './server.js';
import { localise } from './times.js';
import { follow } from './line.js';
import * as picked from './picked.js';
import * as ending from './ending.js';

const atMostEvery = 1000; // milliseconds
const section = document.getElementById('sessions');
const dialog = document.getElementById('session');

const address = () => new URLSearchParams(location.search);

// go changes the address, and so what is shown; empty values leave it.
function go(changes) {
  const query = address();
  for (const [name, value] of Object.entries(changes)) {
    if (value === '' || value === null) query.delete(name);
    else query.set(name, value);
  }
  history.replaceState(null, '', url('', query));
}

const pools = new Part('pools', 'pools-body', address);
const sessions = new Part('sessions', 'sessions-body', address, () => picked.show());
const usage = new Part('usage', 'usage-body', chartOf);
for (const part of [pools, usage, sessions]) part.trouble = () => {}; // the line says it

// chartOf is what the chart is asked for: as wide as there is room, in the reader's zone.
function chartOf() {
  const query = address();
  query.set('width', Math.floor(document.getElementById('usage-body').clientWidth));
  query.set('zone', Intl.DateTimeFormat().resolvedOptions().timeZone);
  return query;
}

document.getElementById('usage').addEventListener('change', async (event) => {
  if (!event.target.closest('#chart-of')) return;
  // Only what was chosen, and of which pool, since another may come first later. Another pool may have another model, and a younger record.
  go({ of: document.getElementById('chart-pool').value, [event.target.name]: event.target.value });
  await usage.load();
  say(document.querySelector('#usage-body svg desc')?.textContent || '');
});

let width = 0;
new ResizeObserver(([entry]) => {
  if (width && Math.abs(entry.contentRect.width - width) >= 8) usage.load(300);
  width = entry.contentRect.width;
}).observe(document.getElementById('usage'));

// found tells how many sessions a filter leaves, when somebody asked for it.
async function show(changes) {
  go(changes);
  await sessions.load();
  say(document.getElementById('found')?.textContent || '');
}

let typing = 0;
section.addEventListener('input', (event) => {
  if (!event.target.closest('#filters')) return;
  clearTimeout(typing);
  const filter = () => show({ ...Object.fromEntries(new FormData(document.getElementById('filters'))), page: '' });
  if (event.target.matches('input')) typing = setTimeout(filter, 300);
  else filter();
});
section.addEventListener('submit', (event) => event.preventDefault());
section.addEventListener('change', (event) => {
  if (event.target.id === 'rows') show({ rows: event.target.value, page: '' });
});
section.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  const { sort, page, step } = button.dataset;
  if (sort) show({ sort, page: '' });
  else if (page) show({ page });
  else if (step) show({ page: Number(address().get('page') || 1) + Number(step) });
  else if (button.id === 'clear') clear();
  else if (button.id === 'refresh') refresh(button);
  else if (button.id === 'terminate') ending.open(picked.all());
  else if (button.matches('.show')) details(button.dataset);
});

async function clear() {
  document.getElementById('filters').reset();
  for (const field of document.getElementById('filters').elements) {
    if (field.matches('input')) field.value = '';
    else field.selectedIndex = 0;
  }
  await show({ pool: '', user: '', module: '', state: '', idle: '', text: '', page: '' });
  document.getElementById('filter-user')?.focus();
}

async function refresh(button) {
  button.setAttribute('aria-busy', 'true');
  try {
    const { exact, note } = await (await ask('refresh', address(), {})).json();
    await Promise.all([pools.load(), sessions.load()]);
    say(note ? `Refreshed: ${note}.` : `Refreshed: the gateways told of ${exact === 1 ? '1 session' : `${exact} sessions`}.`);
    hint(note || '');
  } catch (error) {
    say(error.message);
    hint(error.message);
  }
  document.getElementById('refresh')?.removeAttribute('aria-busy');
}

// hint shows a sentence about the last refresh.
function hint(text) {
  const shown = document.getElementById('hint');
  shown.textContent = text ? text[0].toUpperCase() + text.slice(1) + '.' : '';
}

async function details({ namespace, name }) {
  try {
    const html = await (await ask('session', new URLSearchParams({ namespace, name }))).text();
    dialog.replaceChildren(parse(html));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  } catch (error) {
    say(error.message);
    hint(error.message);
  }
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('dialog button');
  if (!button) return;
  if ('close' in button.dataset) button.closest('dialog').close();
  if (button.dataset.terminate) {
    dialog.close();
    ending.open(new Map([[button.dataset.terminate, button.dataset.label]]));
  }
});

localise(document.body);
picked.begin(section, address);
picked.show();
ending.begin(() => sessions.load());

usage.load();
// The record of use is written at most once a minute.
setInterval(() => { if (!document.hidden) usage.load(); }, 60000);

let seen = {};
let known = null;
follow(url('events'), (versions) => {
  const before = seen;
  seen = versions;
  if (before.pools !== versions.pools) pools.load(atMostEvery).then(() => {
    // The chart offers the pools there are, by name and model, or says why they are not known; their counts alone do not change it.
    const names = [...document.querySelectorAll('#pools-body tr')].map((row) => row.id + row.className).join() || document.getElementById('pools-body').innerText;
    if (names !== known) usage.load(atMostEvery);
    known = names;
  });
  // Each part of the first list is shown when it comes, and the last above all; from then on one change in a second is enough.
  const pause = before.reading || versions.reading ? 0 : atMostEvery;
  if (before.sessions !== versions.sessions || before.pools !== versions.pools) sessions.load(pause);
});
