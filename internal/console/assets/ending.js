// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// The dialog that ends sessions: it says which, asks for a message, shows how far it is and what became of each.

import { ask } from './server.js';
import * as picked from './picked.js';

const dialog = document.getElementById('ending');
const part = (name) => document.getElementById('ending-' + name);
const shownAtFirst = 8;

let targets = new Map();
let work = null; // aborts what is under way
let after = () => {};

const one = (n) => (n === 1 ? '1 session' : `${n} sessions`);

function item(label, sentence, bad) {
  const li = document.createElement('li');
  li.textContent = label;
  if (sentence) {
    const more = document.createElement('span');
    more.className = bad ? 'more bad' : 'more';
    more.textContent = sentence;
    li.append(more);
  }
  return li;
}

// open asks whether to end these sessions: a Map of keys and labels.
export function open(sessions) {
  targets = sessions;
  part('title').textContent = `Terminate ${one(targets.size)}?`;
  const labels = [...targets.values()];
  part('list').replaceChildren(...labels.slice(0, shownAtFirst).map((label) => item(label)));
  if (labels.length > shownAtFirst) part('list').append(item(`and ${labels.length - shownAtFirst} more`));
  part('list').setAttribute('aria-label', 'Sessions to terminate');
  part('message').value = '';
  part('message').hidden = part('ask').hidden = false;
  part('way').hidden = true;
  part('summary').textContent = '';
  part('summary').classList.remove('bad');
  part('go').hidden = false;
  part('go').disabled = false;
  part('go').textContent = `Terminate ${one(targets.size)}`;
  part('close').textContent = 'Cancel';
  dialog.showModal();
  part('message').focus();
}

// go asks the server, which answers line by line.
async function go() {
  const message = part('message').value.trim();
  part('go').disabled = true;
  part('message').hidden = part('ask').hidden = true;
  part('way').hidden = false;
  part('progress').max = targets.size;
  part('progress').value = 0;
  part('summary').textContent = `Terminating ${one(targets.size)} …`;
  part('close').textContent = 'Stop';
  part('close').focus();
  try {
    const answer = await ask('terminate', null, { keys: [...targets.keys()], message });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    work = reader;
    let rest = '';
    let ended = false;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      for (const text of lines) {
        const line = JSON.parse(text);
        part('progress').value = line.done;
        if (line.summary) {
          ended = true;
          finish(line);
        }
      }
    }
    if (!ended) throw new Error('It was stopped. Sessions that were asked to end before do end; the list shows which are left.');
  } catch (error) {
    part('summary').textContent = error.message;
    part('summary').classList.add('bad');
  }
  work = null;
  part('go').hidden = true;
  part('way').hidden = true;
  part('close').textContent = 'Close';
  after();
}

function finish(line) {
  const results = [...line.results].sort((a, b) => a.good - b.good);
  part('list').replaceChildren(...results.map((r) => item(targets.get(r.key) || r.key, r.sentence, !r.good)));
  part('list').setAttribute('aria-label', 'What became of each session');
  part('summary').textContent = line.summary;
  part('summary').classList.toggle('bad', results.some((r) => !r.good));
  picked.drop(results.filter((r) => r.good).map((r) => r.key));
}

// begin listens to the dialog's buttons; done is called when sessions were ended.
export function begin(done) {
  after = done;
  part('go').addEventListener('click', go);
  dialog.addEventListener('close', () => { work?.cancel(); });
  // Enter in the form must not end anything by itself.
  part('form').addEventListener('submit', (event) => { event.preventDefault(); });
}
