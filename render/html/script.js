/* The pages are complete without this file; it adds conveniences. No dependency, no request. */
(() => {
  'use strict';
  const root = document.documentElement;
  const main = document.getElementById('main');
  const all = (selector, within = main) => [...within.querySelectorAll(selector)];
  const on = (type, act, target = document) => target.addEventListener(type, act);
  const make = (tag, props) => Object.assign(document.createElement(tag), props);

  /* ---- theme: follows the system until the reader asks for the other one */
  const systemDark = matchMedia('(prefers-color-scheme: dark)');
  const themeButton = document.querySelector('.theme');
  const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : systemDark.matches);
  const showTheme = () => { themeButton.ariaPressed = isDark(); };
  const readTheme = () => {
    try { root.dataset.theme = localStorage.getItem('theme') || ''; } catch { /* no storage: this page only */ }
    showTheme();
  };
  on('click', () => {
    const wish = isDark() ? 'light' : 'dark';
    // a wish that equals the system's is not kept, so that the page follows the system again
    root.dataset.theme = (wish === 'dark') === systemDark.matches ? '' : wish;
    try { localStorage.setItem('theme', root.dataset.theme); } catch { /* as above */ }
    showTheme();
  }, themeButton);
  on('change', showTheme, systemDark);
  on('storage', readTheme, window);
  on('pageshow', (e) => { if (e.persisted) readTheme(); }, window); // "back" restores an old page
  showTheme();
  themeButton.hidden = false;

  /* ---- search: its script comes when it is first asked for */
  const findButton = document.querySelector('.find');
  let searchScript = null;
  const find = () => {
    searchScript ??= document.head.appendChild(make('script', { src: 'search.js' }));
    document.dispatchEvent(new Event('find'));
  };
  findButton.hidden = false;
  on('click', find, findButton);
  on('keydown', (e) => {
    if (e.key !== '/' || e.ctrlKey || e.metaKey || e.altKey || e.target.closest('input, textarea, [role="slider"]')) return;
    e.preventDefault();
    find();
  });

  /* ---- contents: a column on wide screens, a menu on narrow ones */
  const side = document.querySelector('.side');
  const menu = document.querySelector('.menu');
  const wide = matchMedia('(min-width: 64em)'); // as in style.css
  const fitMenu = () => { menu.open = wide.matches; };
  const closeMenu = () => { if (!wide.matches) menu.open = false; };
  on('change', fitMenu, wide);
  fitMenu();
  on('click', (e) => { if (!menu.contains(e.target) || e.target.closest('a')) closeMenu(); });
  // the open menu covers the text, so focus must not go on behind it
  on('focusout', (e) => { if (e.relatedTarget && !menu.contains(e.relatedTarget)) closeMenu(); }, menu);
  on('keydown', (e) => {
    if (e.key !== 'Escape' || wide.matches || !menu.open) return;
    closeMenu();
    menu.querySelector('summary').focus();
  }, menu);
  const here = side.querySelector('li [aria-current="page"]');
  if (here && wide.matches) side.scrollTop = here.offsetTop - side.clientHeight / 3;

  /* ---- the heading being read is marked in the contents */
  const entries = new Map(all('.headings a', side).map((a) => [document.getElementById(a.hash.slice(1)), a]));
  entries.delete(null);
  const mark = (entry) => {
    for (const a of entries.values()) a.ariaCurrent = a === entry ? 'location' : null;
  };
  // a section is being read while it crosses a line a quarter down the window
  const line = new IntersectionObserver((records) => {
    for (const r of records) {
      const entry = entries.get(r.target);
      if (r.isIntersecting) mark(entry);
      else if (entry.ariaCurrent) mark();
    }
  }, { rootMargin: '-25% 0px -75% 0px' });
  for (const section of entries.keys()) line.observe(section);
  // the last sections may be too short to reach that line
  for (const a of entries.values()) on('click', () => setTimeout(mark, 200, a), a);

  /* ---- links to headings; beside the heading, so that its name stays clean */
  const titles = all('section[id] > :is(h1, h2, h3, h4)').map((heading) => [heading, heading.innerText]);
  for (const [heading, title] of titles) { // all are read before the first is changed
    const ariaLabel = `Link to “${title.replace(/\s+/g, ' ')}”`;
    heading.after(make('a', { className: 'anchor', href: `#${heading.parentElement.id}`, textContent: '#', ariaLabel }));
  }

  /* ---- copying code */
  const status = document.body.appendChild(make('div', { className: 'hidden', role: 'status' }));
  const copy = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent.replace(/\n$/, ''));
      return true;
    } catch {
      // no clipboard from file: in some browsers; the selection stays if this fails as well
      const selection = getSelection();
      selection.selectAllChildren(code);
      const done = document.execCommand('copy');
      if (done) selection.removeAllRanges();
      return done;
    }
  };
  for (const box of all('.code')) {
    const button = box.appendChild(make('button', { type: 'button', className: 'copy' }));
    button.innerHTML = 'Copy<span class="hidden"> code</span>';
    on('click', async () => {
      const done = await copy(box.querySelector('code'));
      status.textContent = done ? 'Code copied' : 'Code selected: press Ctrl+C to copy';
      button.firstChild.data = done ? 'Copied' : 'Ctrl+C';
      setTimeout(() => { status.textContent = ''; button.firstChild.data = 'Copy'; }, 2000);
    }, button);
  }

  /* ---- boxes that scroll sideways can be reached by the keyboard, and only those */
  for (const table of all('table')) {
    const box = make('div', { className: 'scroll' });
    table.replaceWith(box);
    box.append(table);
  }
  const names = { PRE: 'Code', SPAN: 'Formula', DIV: 'Table' };
  const marks = ['tabindex', 'role', 'aria-label'];
  const sizes = new ResizeObserver((records) => {
    for (const { target: box } of records) {
      const values = [0, 'group', `${names[box.tagName]}, scrolls sideways`];
      const scrolls = box.scrollWidth > box.clientWidth + 1;
      marks.forEach((name, i) => (scrolls ? box.setAttribute(name, values[i]) : box.removeAttribute(name)));
    }
  });
  for (const box of all('pre, .equation-body, .scroll')) sizes.observe(box);

  const inline = 'math:not([display="block"])';
  for (const math of all(inline)) { // a browser would let a line begin with the full stop after a formula
    const after = math.nextSibling;
    const sign = after && after.nodeType === Node.TEXT_NODE && after.data.match(/^[^\s\p{L}\p{N}]+/u);
    if (!sign) continue;
    after.splitText(sign[0].length);
    const glued = make('span', { className: 'glued' });
    math.replaceWith(glued);
    glued.append(math, after);
  }
  // It gets a box that scrolls only where it is too long, for a box loses its baseline.
  const fit = (formulas) => {
    for (const math of formulas) {
      const box = math.parentElement;
      if (!box.matches('.long')) continue;
      sizes.unobserve(box);
      box.replaceWith(math);
    }
    const long = formulas.filter((math) => {
      const room = math.closest('p, li, td, th, figcaption, main').clientWidth;
      return room && math.getBoundingClientRect().width > room;
    });
    for (const math of long) {
      const box = make('span', { className: 'long' });
      math.replaceWith(box);
      box.append(math);
      sizes.observe(box);
    }
  };

  /* ---- a long text is laid out block by block, so that the page answers from the start */
  const arriving = root.classList.contains('arriving');
  const blocks = arriving ? all(':is(main, section) > :not(section)') : [];
  const arrived = arriving ? [] : all(inline);
  const arrive = () => {
    const end = performance.now() + 8; // milliseconds: a reader notices fifty
    while (blocks.length && performance.now() < end) {
      const block = blocks.shift();
      block.classList.add('arrived');
      const formulas = all(inline, block);
      fit(formulas);
      arrived.push(...formulas);
      block.getBoundingClientRect(); // lays it out
    }
    if (blocks.length) requestIdleCallback(arrive);
    else root.classList.remove('arriving');
  };
  if (arriving) requestIdleCallback(arrive);
  let width = 0;
  new ResizeObserver(() => {
    if (width !== main.clientWidth) fit(arrived);
    width = main.clientWidth;
  }).observe(main);

  /* ---- previews of what a reference points to */
  const tip = make('div', { id: 'preview', className: 'preview', role: 'tooltip', popover: 'manual' });
  if (!tip.showPopover) return;
  const previewed = 'a.ref, .citation a';
  let link = null;
  let timer = 0;

  const findTarget = (a) => {
    const id = decodeURIComponent(a.hash.slice(1));
    const kept = id && main.querySelector(`template[data-preview="${CSS.escape(id)}"]`);
    const target = kept ? kept.content : id && document.getElementById(id);
    return !target || target.localName === 'section' || target.contains(a) ? null : target;
  };
  const close = () => {
    clearTimeout(timer);
    if (!link) return;
    link.removeAttribute('aria-describedby');
    link = null;
    tip.remove();
  };
  const open = (a, y) => {
    clearTimeout(timer);
    if (a === link) return;
    close();
    const target = findTarget(a);
    if (!target) return;
    link = a;
    tip.replaceChildren(target.cloneNode(true));
    // a tooltip holds nothing to act on, and an id stays unique
    for (const e of all('.check-link, .anchor, .copy, .explorer :is(label, [role=status])', tip)) e.remove();
    for (const e of all('a', tip)) e.replaceWith(...e.childNodes);
    for (const e of all('[id], [tabindex]', tip)) {
      for (const name of e.getAttributeNames()) if (/^(id|tabindex|role|aria-.*)$/.test(name)) e.removeAttribute(name);
    }
    link.setAttribute('aria-describedby', tip.id);
    link.after(tip); // next in the tab order, should it scroll
    tip.showPopover();

    const rects = [...a.getClientRects()]; // a link may be broken over two lines
    const r = rects.find((q) => y >= q.top && y <= q.bottom) || rects[0];
    const above = r.top - (wide.matches ? 0 : side.offsetHeight);
    const below = innerHeight - r.bottom;
    tip.style.maxHeight = `${Math.max(above, below) - 16}px`;
    const up = tip.offsetHeight > below - 16 && above > below;
    tip.style.top = `${scrollY + (up ? r.top - tip.offsetHeight - 6 : r.bottom + 6)}px`;
    tip.style.left = `${Math.max(8, Math.min(r.left, root.clientWidth - tip.offsetWidth - 8))}px`;
    if (tip.scrollHeight > tip.clientHeight + 1 || tip.scrollWidth > tip.clientWidth + 1) tip.tabIndex = 0;
    else tip.removeAttribute('tabindex');
  };

  on('pointerover', (e) => {
    if (e.pointerType === 'touch') return;
    const a = e.target.closest(previewed);
    if (tip.contains(e.target) || (a && a === link)) clearTimeout(timer);
    else if (a) { clearTimeout(timer); timer = setTimeout(open, 180, a, e.clientY); }
  });
  on('pointerout', (e) => {
    if (e.pointerType === 'touch' || !(tip.contains(e.target) || e.target.closest(previewed))) return;
    clearTimeout(timer);
    // leaves time to cross from the link to the preview
    if (!link?.matches(':focus-visible')) timer = setTimeout(close, 280);
  });
  on('focusin', (e) => { // :focus-visible is what tells a key from a tap
    if (e.target.matches(previewed) && e.target.matches(':focus-visible')) open(e.target);
  });
  on('focusout', (e) => {
    const pair = [link, tip]; // focus may pass from the one to the other
    if (link && pair.includes(e.target) && !pair.includes(e.relatedTarget)) close();
  });
  on('keydown', (e) => { if (e.key === 'Escape') close(); });
})();
