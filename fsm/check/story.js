"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const story = JSON.parse(by("story").textContent);
  const groups = JSON.parse(by("groups").textContent);
  const rows = [...document.querySelectorAll(".step")];
  const lanes = [...document.querySelectorAll(".names li")];
  const panel = by("panel"), facts = by("facts"), help = by("help");
  const last = story.steps.length;
  // a loop without steps begins at the last state
  const loop = story.loop;
  let at = -1;

  const made = (tag, name, ...inside) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.append(...inside);
    return element;
  };
  const shown = (value) => value === undefined || value === "" ? made("i", "absent", "absent") : value;
  const fact = (state, part, name) => part === null ? undefined : (state[part] || {})[name];

  /* ---- the state */

  const untold = () => {
    const dash = made("span", "untold", "–");
    dash.setAttribute("role", "img");
    dash.setAttribute("aria-label", "not told");
    return dash;
  };

  // a cache that tells none of the part's own facts says nothing about them
  const tells = (state, group) => group.cached !== null &&
    group.compared.some((name) => fact(state, group.part, name) !== undefined && fact(state, group.cached, name) !== undefined);

  const differs = (state, group, name) => tells(state, group) && group.compared.includes(name) &&
    fact(state, group.part, name) !== fact(state, group.cached, name);

  function valueOf(state, group, part, name) {
    const value = fact(state, part, name);
    const comparable = group.compared.includes(name);
    if (value !== undefined || group.cached === null || (comparable && (part === group.part || tells(state, group)))) return shown(value);
    return untold();
  }

  function cell(group, part, name, here, before) {
    const td = made("td", "");
    if (differs(here, group, name)) {
      td.classList.add("differs");
      const mark = made("span", "mark", "≠");
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", "live and cached differ");
      td.append(mark);
    }
    const value = valueOf(here, group, part, name);
    if (before && fact(before, part, name) !== fact(here, part, name)) {
      td.classList.add("changed");
      td.append(made("del", "", valueOf(before, group, part, name)), " → ", made("ins", "", value));
    } else {
      td.append(value);
    }
    return td;
  }

  function scoped(text, scope) {
    const th = made("th", "", text);
    th.scope = scope;
    return th;
  }

  function row(group, name, label, here, before) {
    const tr = made("tr", "", scoped(label, "row"), cell(group, group.part, name, here, before));
    if (group.cached !== null) tr.append(cell(group, group.cached, name, here, before));
    tr.dataset.part = group.part;
    tr.dataset.fact = name;
    return tr;
  }

  function table(heads, seen, body) {
    const columns = made("colgroup", "", ...heads.map(() => made("col", "")));
    const head = made("tr", "", ...heads.map((text) => scoped(text, "col")));
    return made("table", "", columns, made("thead", seen ? "" : "unseen", head), made("tbody", "", ...body));
  }

  function card(group, here, before) {
    const pair = group.cached !== null;
    const stale = group.compared.filter((name) => differs(here, group, name)).length;
    const title = made("h3", "", group.title);
    if (stale) title.append(made("span", "stale", stale === 1 ? "1 fact differs" : `${stale} facts differ`));
    const body = group.facts.map((name) => row(group, name, group.names[name], here, before));
    const heads = ["fact", ...(pair ? ["live", "cached"] : ["value"])];
    return made("section", "part", title, table(heads, pair, body));
  }

  // parts of one fact need no card each
  function loose(some, here, before) {
    const body = some.map((group) => row(group, group.facts[0], group.alone, here, before));
    return made("section", "part", table(["fact", "value"], false, body));
  }

  function cards(here, before) {
    const found = [];
    let some = [];
    const end = () => { if (some.length) found.push(loose(some, here, before)); some = []; };
    for (const group of groups) {
      if (group.alone !== null) { some.push(group); continue; }
      end();
      found.push(card(group, here, before));
    }
    end();
    return found;
  }

  function draw() {
    const here = story.states[at], before = at ? story.states[at - 1] : null;
    const heading = at ? ["After step ", String(rows[at].dataset.number)] : ["At the beginning"];
    by("where").replaceChildren(...heading, made("span", "", at ? ` of ${last}` : ""));
    const kept = facts.scrollTop;
    facts.replaceChildren(...cards(here, before));
    facts.scrollTop = kept;
    const changed = [...facts.querySelectorAll(".changed")];
    const inside = (element) => {
      const one = element.getBoundingClientRect(), box = facts.getBoundingClientRect();
      return one.top >= box.top && one.bottom <= box.bottom;
    };
    if (changed.length && !changed.every(inside))
      facts.scrollTop += changed[0].closest(".part").getBoundingClientRect().top - facts.getBoundingClientRect().top - 12;
  }

  /* ---- moving */

  function reveal(row) {
    const box = row.getBoundingClientRect(), heads = by("heads").getBoundingClientRect().height;
    const sheet = getComputedStyle(panel).position === "fixed" ? panel.getBoundingClientRect().height : 0;
    // a step before and one behind it in sight, where there is room
    const top = heads + Math.min(box.height, 60), bottom = window.innerHeight - sheet - Math.min(box.height, 60);
    if (box.top < top) window.scrollBy(0, box.top - top);
    else if (box.bottom > bottom) window.scrollBy(0, Math.min(box.bottom - bottom, box.top - top));
  }

  function go(position, focus) {
    const to = Math.max(0, Math.min(last, position));
    if (to === at) return;
    const fresh = at === -1 && !location.hash;
    at = to;
    rows.forEach((row, i) => {
      row.tabIndex = i === at ? 0 : -1;
      if (i === at) row.setAttribute("aria-current", "step"); else row.removeAttribute("aria-current");
    });
    lanes.forEach((lane) => lane.classList.toggle("on", lane.dataset.lane === rows[at].dataset.lane));
    draw();
    by("first").disabled = by("back").disabled = at === 0;
    by("next").disabled = at === last && !(loop !== null && loop < last);
    by("last").disabled = at === last;
    const hash = `#step=${at}`;
    if (!fresh && location.hash !== hash) history.replaceState(null, "", hash);
    if (focus) rows[at].focus({ preventScroll: true });
    reveal(rows[at]);
  }

  // after the last step of a loop its first one comes again
  const forth = (focus) => go(at === last && loop !== null && loop < last ? loop + 1 : at + 1, focus);
  const back = (focus) => go(at - 1, focus);
  const toLoop = (focus) => { if (loop !== null) go(Math.min(loop + 1, last), focus); };
  const asked = () => {
    const found = /^#step=(\d+)$/.exec(location.hash);
    return found ? Number(found[1]) : null;
  };

  const keys = {
    ArrowRight: forth, ArrowDown: forth, j: forth, ArrowLeft: back, ArrowUp: back, k: back,
    Home: (focus) => go(0, focus), End: (focus) => go(last, focus), l: toLoop, "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || help.open) return;
    // with the focus in the facts the arrows scroll them
    if (facts.contains(event.target) && ["ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) return;
    const act = Object.hasOwn(keys, event.key) ? keys[event.key] : null;
    if (!act) return;
    event.preventDefault();
    act(!panel.contains(document.activeElement));
  });
  by("steps").addEventListener("click", (event) => {
    const chosen = event.target.closest(".step");
    if (!chosen || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(rows.indexOf(chosen), true);
  });
  for (const [id, act] of Object.entries({ first: keys.Home, back, next: forth, last: keys.End }))
    by(id).addEventListener("click", () => act(false));
  by("ask").addEventListener("click", () => help.showModal());
  by("fold").addEventListener("click", () => {
    by("fold").setAttribute("aria-expanded", String(!panel.classList.toggle("folded")));
    reveal(rows[at]);
  });
  window.addEventListener("hashchange", () => { const to = asked(); if (to !== null) go(to, false); });
  go(asked() ?? 0, false);
})();
