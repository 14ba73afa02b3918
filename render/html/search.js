/* Search over the book. script.js loads this file when a reader first asks for it, and this file the
   library and the index: as scripts, because a page opened from disk can load nothing else. */
(() => {
  'use strict';
  const make = (tag, props, ...content) => {
    const element = Object.assign(document.createElement(tag), props);
    element.append(...content);
    return element;
  };
  const load = (src) => new Promise((onload, onerror) => {
    document.head.append(make('script', { src, onload, onerror }));
  });

  const input = make('input', { type: 'search', ariaLabel: 'Search the book', autocomplete: 'off', spellcheck: false });
  const shut = make('button', { className: 'shut', textContent: 'Close' });
  const status = make('p', { role: 'status' });
  const list = make('ol');
  const dialog = make('dialog', { className: 'search', ariaLabel: 'Search' },
    make('form', { method: 'dialog' }, input, shut), status, list);
  document.body.append(dialog);

  /* Grönwall is found as Gronwall, too; no character gets lost, so that places stay the same. */
  const plain = (text) => text.toLowerCase().replace(/[\u00c0-\u024f\u1e00-\u1eff]/g, (letter) => letter.normalize('NFD')[0]);
  /* The number 35.3 is one word, without the full stop that may follow it. */
  const tokenize = (text) => text.match(/[\p{L}\p{M}\p{N}]+(?:\.\p{N}+)*/gu) || [];
  let index = null;
  const ready = Promise.all([load('minisearch.js'), load('search-index.js')]).then(() => {
    index = new MiniSearch({ idField: 'href', fields: ['title', 'text'], tokenize, processTerm: plain });
    index.addAll(bookIndex);
  });

  /* The words around the first hit, which is marked. */
  const extract = (text, terms) => {
    const words = terms.map((term) => term.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const hit = new RegExp(`(?<![\\p{L}\\p{N}])(?:${words.join('|')})`, 'u').exec(plain(text));
    const from = Math.max(0, (hit ? hit.index : 0) - 60);
    const start = from && text.indexOf(' ', from) + 1;
    const piece = text.slice(start, start + 170);
    if (!hit || hit.index - start + hit[0].length > piece.length) return [piece, '…'];
    const at = hit.index - start;
    const end = at + hit[0].length;
    return [start ? '… ' : '', piece.slice(0, at), make('mark', {}, piece.slice(at, end)), piece.slice(end), '…'];
  };

  const show = () => {
    const query = input.value.trim();
    const options = { boost: { title: 4 }, prefix: true, fuzzy: (term) => term.length > 4 && 0.2 };
    let hits = query && index ? index.search(query, { ...options, combineWith: 'AND' }) : [];
    if (query && index && !hits.length) hits = index.search(query, options);
    const entries = new Map(hits.length ? bookIndex.map((entry) => [entry.href, entry]) : []);
    list.replaceChildren(...hits.slice(0, 30).map((hit) => {
      const { href, title, section, text } = entries.get(hit.id);
      return make('li', {}, make('a', { href },
        make('span', { className: 'title', textContent: title }),
        make('span', { className: 'where', textContent: title === section ? '' : section }),
        make('span', { className: 'extract' }, ...extract(text, hit.terms))));
    }));
    if (!index) status.textContent = 'Reading the index …';
    else if (!query) status.textContent = '';
    else status.textContent = hits.length ? `${hits.length} found` : 'Nothing found';
  };

  input.addEventListener('input', show);
  dialog.addEventListener('submit', (e) => { // Enter opens the first hit
    if (e.submitter === shut && document.activeElement === shut) return;
    e.preventDefault();
    list.querySelector('a')?.click();
  });
  dialog.addEventListener('keydown', (e) => {
    if (e.key === 'Escape') dialog.close(); // Chrome would only clear the words
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!step) return;
    e.preventDefault();
    const stops = [input, ...list.querySelectorAll('a')];
    stops[stops.indexOf(document.activeElement) + step]?.focus();
  });
  dialog.addEventListener('click', (e) => { // a hit, or the backdrop
    if (e.target === dialog || e.target.closest('a')) dialog.close();
  });

  const open = () => {
    if (dialog.open) return;
    dialog.showModal();
    input.focus();
    input.select();
    show();
  };
  document.addEventListener('find', open);
  open();
  ready.then(show, () => { status.textContent = 'The index could not be read'; });
})();
