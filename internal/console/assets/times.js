// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Writes times in the reader's own format and zone, beside the unambiguous one that the server sent.

const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' });

// localise fills in all times below an element.
export function localise(element) {
  for (const time of element.querySelectorAll('time')) {
    const own = time.querySelector('.own');
    if (own) own.textContent = format.format(new Date(time.dateTime));
  }
}
