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

// ask fetches something, or nothing new if it is what `tag` says; an answer that is no good is an Error with the sentence that the server sent.
export async function ask(path, query, body, tag) {
  const options = { credentials: 'same-origin', cache: 'no-store', headers: tag ? { 'If-None-Match': tag } : {} };
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
  if (!answer.ok && answer.status !== 304 && !(answer.headers.get('Content-Type') || '').startsWith('text/html')) {
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

// Part is a part of the page that the server makes. However often it is to be loaded, one request is under way at a time, and what the address says last wins.
export class Part {
  constructor(path, id, query, after) {
    // due is when the next request is; last when the last one was; waiting are those who wait for the next.
    Object.assign(this, { path, id, query, after, due: Infinity, last: -Infinity, waiting: [], busy: false });
  }

  // load brings the part up to date, at most once in `pause` milliseconds, and ends when that is done.
  load(pause = 0) {
    this.due = Math.min(this.due, Math.max(performance.now(), this.last + pause));
    this.wake?.();
    const done = new Promise((resolve) => { this.waiting.push(resolve); });
    if (!this.busy) this.work();
    return done;
  }

  async work() {
    this.busy = true;
    while (this.due < Infinity) {
      for (let wait; (wait = this.due - performance.now()) > 0;) {
        await new Promise((resolve) => {
          this.wake = resolve;
          setTimeout(resolve, wait);
        });
      }
      const told = this.waiting;
      Object.assign(this, { due: Infinity, last: performance.now(), waiting: [] });
      const address = location.search;
      try {
        const answer = await ask(this.path, this.query(), undefined, this.tag);
        const html = answer.status === 304 ? '' : await answer.text();
        // Of an address that was left meanwhile nothing is shown, but what it says now: who left it may have asked for another part alone.
        if (address !== location.search) {
          this.due = Math.min(this.due, performance.now());
          this.waiting.push(...told.splice(0));
        } else if (html) {
          this.put(html);
          this.tag = answer.headers.get('ETag');
        }
      } catch (error) {
        this.trouble?.(error);
      }
      for (const tell of told) tell();
    }
    this.busy = false;
  }

  put(html) {
    morph(document.getElementById(this.id), parse(html));
    this.after?.();
  }
}
