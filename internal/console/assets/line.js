// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Follows what the server tells, and says how the line stands.

import { say } from './server.js';

const shown = document.getElementById('line');
const silence = 25000; // the server is heard every ten seconds
const again = 1000; // how long a page waits for which the server has no stream left

let source = null;
let timer = 0;
let lost = false;

function state(name, text) {
  if (shown.dataset.state === name) return;
  shown.dataset.state = name;
  shown.textContent = text;
}

function live() {
  state('live', 'Live');
  if (lost) say('The console answers again.');
  lost = false;
}

function broken() {
  state('lost', 'Not live: the console does not answer. See whether `kubectl seats console` still runs.');
  if (!lost) say('The console does not answer.');
  lost = true;
}

// follow calls `changed` with the versions of what the server knows, first at once, then whenever they change. While the page is not looked at, nothing is followed:
// browsers allow few connections, and each page holds one.
export function follow(path, changed) {
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      broken();
      close();
      open();
    }, silence);
  };
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(path);
    source.addEventListener('versions', (event) => {
      live();
      watch();
      changed(JSON.parse(event.data));
    });
    // Many pages are open: this one asks now and then, until another leaves it its stream.
    source.addEventListener('again', () => {
      close();
      timer = setTimeout(open, again);
    });
    source.addEventListener('error', () => {
      broken();
      // A source that was refused does not try again by itself.
      if (source?.readyState === EventSource.CLOSED) {
        close();
        timer = setTimeout(open, 3000);
      }
    });
    watch();
  };
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) close();
    else open();
  });
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  open();
}
