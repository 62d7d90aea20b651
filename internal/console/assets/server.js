// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// What the page asks the server, and how parts of it are put in place.

import { morph } from './morph.js';
import { localise } from './times.js';

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
const place = meta('seatkeeper-place');
const form = meta('seatkeeper-form');

const said = document.getElementById('said');

// say tells the reader of a screen reader something, once.
export function say(text) {
  said.textContent = '';
  // Emptied first, so that the same words twice are two announcements.
  requestAnimationFrame(() => { said.textContent = text; });
}

export function url(path, query) {
  const text = query ? query.toString() : '';
  return place + path + (text ? '?' + text : '');
}

// ask fetches something; an answer that is no good is an Error with the sentence that the server sent.
export async function ask(path, query, body) {
  const options = { credentials: 'same-origin', cache: 'no-store' };
  if (body !== undefined) {
    options.method = 'POST';
    options.headers = { 'Content-Type': 'application/json', 'X-Seatkeeper-Form': form };
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(url(path, query), options);
  } catch {
    throw new Error('The console does not answer. See whether `kubectl seats console` still runs.');
  }
  if (!answer.ok && !(answer.headers.get('Content-Type') || '').startsWith('text/html')) {
    throw new Error((await answer.text()).trim() || `The console answered ${answer.status}.`);
  }
  return answer;
}

// parse makes an element of what the server sent. Scripts in it would not run; the server has escaped all text anyway.
export function parse(html) {
  const element = new DOMParser().parseFromString(html, 'text/html').body.firstElementChild;
  localise(element);
  return document.adoptNode(element);
}

// Part is a part of the page that the server makes. However often it is to be loaded, one request is under way at a time, and the last state wins.
export class Part {
  constructor(path, id, query, after) {
    Object.assign(this, { path, id, query, after, wanted: false, busy: false, last: 0 });
  }

  // load brings the part up to date, at most once in `pause` milliseconds.
  async load(pause = 0) {
    this.wanted = true;
    if (this.busy) return;
    this.busy = true;
    while (this.wanted) {
      const wait = this.last + pause - performance.now();
      if (wait > 0) await new Promise((resolve) => { setTimeout(resolve, wait); });
      this.wanted = false;
      this.last = performance.now();
      try {
        const html = await (await ask(this.path, this.query())).text();
        if (!this.wanted) this.put(html);
      } catch (error) {
        this.trouble?.(error);
      }
      pause = 0;
    }
    this.busy = false;
  }

  put(html) {
    morph(document.getElementById(this.id), parse(html));
    this.after?.();
  }
}
