// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Changes one tree of elements into another in place, so that focus, what is typed and what a screen reader reads stay where they are.

// morph makes the element `now` look like `then`.
export function morph(now, then) {
  if (now.isEqualNode(then)) return;
  const chosen = then.value; // of a list, before its options are moved
  attributes(now, then);
  children(now, then);
  // Once a person chose, a list goes by that, whatever becomes of its options: what was chosen may be another option now.
  if (now.matches('select') && now.value !== chosen) now.value = chosen;
}

function attributes(now, then) {
  for (const { name } of [...now.attributes]) {
    if (!then.hasAttribute(name) && !own(now, name)) now.removeAttribute(name);
  }
  for (const { name, value } of then.attributes) {
    if (now.getAttribute(name) !== value && !own(now, name)) now.setAttribute(name, value);
  }
}

// own says whether an attribute is the page's to set, and not the server's: whether a person unfolded something, and what a pick allows.
function own(element, name) {
  return (name === 'open' && element.matches('details, dialog')) || (name === 'disabled' && element.matches('.by-pick'));
}

function children(now, then) {
  const known = new Map();
  for (const child of now.children) {
    if (child.id) known.set(child.id, child);
  }
  const wanted = new Set();
  for (const child of then.children) {
    if (child.id) wanted.add(child.id);
  }
  let at = now.firstChild;
  for (const next of [...then.childNodes]) {
    // What has a name and is not wanted any more goes, so that what follows it need not be moved.
    while (at && at.id && !wanted.has(at.id)) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
    const same = next.id ? known.get(next.id) : alike(at, next) ? at : null;
    if (!same) {
      now.insertBefore(next, at);
      continue;
    }
    if (same === at) {
      at = at.nextSibling;
    } else {
      now.insertBefore(same, at);
    }
    if (same.nodeType === Node.ELEMENT_NODE) {
      morph(same, next);
    } else if (same.data !== next.data) {
      same.data = next.data;
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

// alike says whether a node without a name may be turned into another.
function alike(node, next) {
  return node && node.nodeType === next.nodeType && node.nodeName === next.nodeName && !node.id;
}
