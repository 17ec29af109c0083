// One behaviour for every table: sort by a heading, filter, choose columns, CSV, pages of rows; remembered, and kept when data comes.
(function () {
  "use strict";
  var STORE = "roomleft-tables", MOST_KEPT = 80, PAGE = matchMedia("(max-width: 767px)").matches ? 25 : 100, LONG = 12, MANY = 2000, WAIT_MS = 120, STICKY_FROM = 25, WIDE_PX = 560;
  var TABLES = "#page table.plain-table:not(.arithmetic)", HEADS = "#page [class*='-row'].head";
  var plain = window.cells.plain, worth = window.cells.worth, make = window.tableMenu.make;
  var kept = {}, models = new WeakMap(), serial = 0, numbered = 0, focus = null;
  try { kept = JSON.parse(localStorage.getItem(STORE) || "{}") || {}; } catch (e) { kept = {}; }

  function model(el) {
    var own = models.get(el);
    if (own) return own;
    var grid = el.tagName !== "TABLE", head = grid ? el.querySelector(":scope > .head") : el.tHead && el.tHead.rows[0];
    if (!head || !grid && !el.tBodies.length) return null;
    own = { el: el, grid: grid, head: head, texts: null, values: {}, page: 0, id: ++serial };
    own.body = grid ? el : el.tBodies[0];
    own.heads = Array.prototype.slice.call(head.children);
    own.names = own.heads.map(function (each, n) { return plain(each.textContent) || "#" + n; });
    var block = el.closest("[data-block]");
    own.key = location.pathname + "|" + (block ? block.dataset.block : "") + "|" + own.names.join("|").replace(/^\w+ so far/, "").slice(0, 200);
    own.state = kept[own.key] || {};
    el.dataset.table = own.id;
    models.set(el, own);
    own.heads.forEach(function (each, n) {
      if (own.names[n][0] === "#") return;
      each.dataset.sortable = "1";
      if (!each.hasAttribute("tabindex")) each.tabIndex = 0;
    });
    if (grid) roles(own);
    own.choosable = !grid || getComputedStyle(head).getPropertyValue("--choosable").trim() === "1";
    return own;
  }

  // Grids that only look like tables are told to readers as tables.
  function roles(own) {
    if (own.el.hasAttribute("role") || !Array.prototype.every.call(own.el.children, function (row) { return /-row\b/.test(row.className); })) return;
    own.el.setAttribute("role", "table");
    Array.prototype.forEach.call(own.el.children, function (row) {
      row.setAttribute("role", "row");
      Array.prototype.forEach.call(row.children, function (cell) { if (!cell.hasAttribute("role")) cell.setAttribute("role", row === own.head ? "columnheader" : "cell"); });
    });
  }

  // A long still table keeps its rows here and only the page that is shown in the document: ten thousand rows in it take the browser
  // seconds to order. What the renderer made stays where it was put.
  function hold(own) {
    if (own.held || own.grid || own.body.children.length <= PAGE || !own.el.closest("[data-html]")) return;
    var all = groups(own);
    if (all.length > PAGE) own.held = all;
  }

  function groups(own) {
    if (own.held) return own.held;
    var all = [];
    Array.prototype.forEach.call(own.body.children, function (row) {
      if (row === own.head || row.classList.contains("table-none")) return;
      if (row.place === undefined) row.place = ++numbered;
      // A row that is one wide cell belongs to the row above it.
      if (!own.grid && row.children.length === 1 && own.heads.length > 1 && all.length) all[all.length - 1].push(row);
      else all.push([row]);
    });
    return all;
  }

  function column(own, n, all) {
    if (own.values[n]) return own.values[n];
    var values = new Map(), numbers = true, any = false;
    all.forEach(function (group) {
      var value = worth(group[0].children[n]);
      values.set(group[0], value);
      if (value) { any = true; if (value.n === undefined) numbers = false; }
    });
    own.values[n] = { values: values, numbers: numbers && any };
    return own.values[n];
  }

  function sorted(own, all) {
    var rows = all.slice().sort(function (a, b) { return a[0].place - b[0].place; });
    var n = own.state.s ? own.names.indexOf(own.state.s[0]) : -1;
    if (n < 0) return rows;
    var told = column(own, n, rows), ranked = told.ranks || (told.ranks = window.cells.ranks(told.values, told.numbers)), down = own.state.s[1] === "down" ? -1 : 1;
    return rows.sort(function (a, b) {
      var one = ranked.get(a[0]), two = ranked.get(b[0]);
      if (one === null || two === null) return (one === null ? 1 : 0) - (two === null ? 1 : 0) || a[0].place - b[0].place;
      return (one - two) * down || a[0].place - b[0].place;
    });
  }

  function words(own, group) {
    if (!own.texts) own.texts = new WeakMap();
    var said = own.texts.get(group[0]);
    if (said === undefined) { said = group.map(function (row) { return row.textContent; }).join(" ").toLowerCase(); own.texts.set(group[0], said); }
    return said;
  }

  function set(el, name, value) { if (value === null) { if (el.hasAttribute(name)) el.removeAttribute(name); } else if (el.getAttribute(name) !== value) el.setAttribute(name, value); }

  function apply(own) {
    var by = JSON.stringify(own.state.s || null), fresh = !own.order || own.orderedBy !== by;
    var rows = fresh ? order(own) : own.order;
    own.order = rows;
    own.orderedBy = by;
    show(own, rows, fresh);
  }

  // Puts the rows in their order; only those that came or an order that changed ask for it.
  function order(own) {
    hold(own);
    var all = groups(own), rows = sorted(own, all), moved = false;
    if (own.held) return rows;
    var now = [].concat.apply([], all), then = [].concat.apply([], rows);
    for (var i = 0; i < then.length; i++) if (then[i] !== now[i]) { moved = true; break; }
    var at = document.activeElement, hadFocus = at && own.body.contains(at) && at !== own.head && !own.head.contains(at) ? at : null;
    if (moved) { var piece = document.createDocumentFragment(); then.forEach(function (row) { piece.appendChild(row); }); own.body.appendChild(piece); if (hadFocus) hadFocus.focus({ preventScroll: true }); }
    return rows;
  }

  function show(own, rows, fresh) {
    if (own.state.s) own.el.dataset.sorted = "1"; else delete own.el.dataset.sorted;
    own.heads.forEach(function (each, n) {
      if (!each.dataset.sortable) return;
      var by = own.state.s && own.state.s[0] === own.names[n] ? own.state.s[1] : null;
      set(each, "aria-sort", each.tagName === "TH" || each.getAttribute("role") === "columnheader" ? (by === "up" ? "ascending" : by === "down" ? "descending" : null) : null);
      set(each, "data-dir", by);
    });
    var asked = (own.state.q || "").toLowerCase().split(/\s+/).filter(Boolean);
    var fits = asked.length ? rows.filter(function (group) { var said = words(own, group); return asked.every(function (word) { return said.indexOf(word) >= 0; }); }) : rows;
    var pages = Math.max(1, Math.ceil(fits.length / PAGE));
    if (own.page >= pages) own.page = pages - 1;
    var from = own.page * PAGE, to = from + PAGE, shown = new Set(fits.length > PAGE ? fits.slice(from, to) : fits);
    if (own.held) lay(own, shown);
    else (fresh || !own.shown ? rows : Array.from(own.shown).concat(Array.from(shown))).forEach(function (group) { var hide = !shown.has(group); group.forEach(function (row) { if (row.hidden !== hide) row.hidden = hide; }); });
    own.shown = shown;
    own.count = rows.length;
    own.fits = fits.length;
    own.pages = pages;
    columns(own);
    if (own.el.tagName === "TABLE" && own.el.parentElement.classList) own.el.parentElement.classList.toggle("tall", shown.size > STICKY_FROM && own.el.parentElement.classList.contains("table-scroll"));
    else if (!own.grid) own.el.parentElement.classList.remove("tall");
    tools(own);
  }

  // The shown rows of a long table, and no others, in the document.
  function lay(own, shown) {
    var now = own.body.children, then = [].concat.apply([], Array.from(shown)), none = own.body.querySelector(":scope > .table-none");
    if (none) then.push(none);
    if (now.length === then.length && then.every(function (row, n) { return row === now[n]; })) return;
    var at = document.activeElement, held = at && own.body.contains(at) ? at : null;
    own.body.replaceChildren.apply(own.body, then);
    if (held && own.body.contains(held)) held.focus({ preventScroll: true });
  }

  // A wide table gives what is left over to the column that has most: one that would be wider than a name may be keeps to its measure.
  function narrow(all) {
    var wide = [];
    all.forEach(function (own) {
      var row = own.body.rows && own.body.rows[0];
      if (!row || row.cells.length !== own.heads.length) return;
      own.heads.forEach(function (each, n) { if (!each.dataset.wide && each.offsetWidth > WIDE_PX && getComputedStyle(row.cells[n]).whiteSpace === "nowrap") wide.push(each); });
    });
    wide.forEach(function (each) { each.dataset.wide = "1"; });
  }

  function columns(own) {
    if (!own.choosable) return;
    var hidden = (own.state.h || []).map(function (name) { return own.names.indexOf(name); }).filter(function (n) { return n >= 0; });
    var style = document.getElementById("table-columns") || document.head.appendChild(Object.assign(document.createElement("style"), { id: "table-columns" }));
    style.rules_ = style.rules_ || {};
    var rule = hidden.map(function (n) { return '[data-table="' + own.id + '"] > :is(thead,tbody) > tr > :nth-child(' + (n + 1) + "):not(:only-child)"; }).join(",");
    var text = rule ? rule + "{display:none!important}" : "", of = '[data-table="' + own.id + '"]';
    // In a grid the column keeps its place, without width; on a phone its rows are cards.
    if (own.grid && rule) text = "@media (min-width:768px){" + of + "{" + hidden.map(function (n) { return "--c" + n + ":0px"; }).join(";") + "}" + hidden.map(function (n) { return of + " > * > :nth-child(" + (n + 1) + ")"; }).join(",") + "{visibility:hidden!important;padding:0!important;overflow:hidden!important}}";
    if ((style.rules_[own.id] || "") !== text) {
      // A table that was drawn again has another number.
      Object.keys(style.rules_).forEach(function (id) { if (!document.querySelector('[data-table="' + id + '"]')) delete style.rules_[id]; });
      style.rules_[own.id] = text;
      style.textContent = Object.values(style.rules_).filter(Boolean).join("\n");
    }
    if (own.grid) return;
    // In the foot a cell may span columns: it spans fewer when some of them are hidden.
    if (own.el.tFoot) Array.prototype.forEach.call(own.el.tFoot.rows, function (row) {
      var start = 0;
      Array.prototype.forEach.call(row.cells, function (cell) {
        var span = Number(cell.dataset.span || cell.colSpan);
        var left = span - hidden.filter(function (n) { return n >= start && n < start + span; }).length;
        start += span;
        if (left !== span || cell.dataset.span) { cell.dataset.span = span; cell.colSpan = Math.max(1, left); cell.hidden = left === 0; }
      });
    });
  }

  function remember(own) {
    var state = own.state;
    delete kept[own.key];
    if (state.s || state.q || state.h && state.h.length) kept[own.key] = state;
    var names = Object.keys(kept);
    names.slice(0, Math.max(0, names.length - MOST_KEPT)).forEach(function (name) { delete kept[name]; });
    try { localStorage.setItem(STORE, JSON.stringify(kept)); } catch (e) { /* not remembered */ }
  }

  function changed(own) { remember(own); quietly(function () { apply(own); }); }

  function rowsOf(own) { return sorted(own, groups(own)).map(function (group) { return group[0]; }); }

  // The tools stand outside what is drawn again: in the card's head, else beside the chips or the heading before it, else before the table.
  function place(own, bar) {
    var holder = own.el.closest("[data-html]") || own.el;
    var card = own.el.closest(".card"), head = card && card.querySelector(":scope > .card-head");
    if (head) { head.appendChild(bar); return; }
    var top = card && card.parentElement && !holder.contains(card) ? card : holder, before = top.previousElementSibling;
    if (!before && card) before = card.parentElement.previousElementSibling;
    if (before && before.classList.contains("chips")) { (before.lastElementChild || before).appendChild(bar); return; }
    if (before && /^H[23]$/.test(before.tagName)) { before.appendChild(bar); return; }
    bar.classList.add("apart");
    top.parentElement.insertBefore(bar, top);
  }

  function tools(own) {
    var bar = own.bar && own.bar.isConnected ? own.bar : Array.prototype.find.call(document.querySelectorAll(".table-tools"), function (each) { return each.tableKey === own.key && !each.owner.el.isConnected; });
    if (!bar) {
      var card = own.el.closest(".card") || own.el, near = card.querySelector("a[download]") || card.previousElementSibling && card.previousElementSibling.querySelector && card.previousElementSibling.querySelector("a[download]");
      own.ownCsv = Boolean(near || own.el.closest(".limit-table"));
      if (own.ownCsv && (own.grid ? !own.choosable : own.names.length < 4) && own.count < LONG) return;
      if (own.grid && own.ownCsv && !own.choosable) return;
      if (!own.count) return;
      bar = make("span", "table-tools");
      bar.tableKey = own.key;
      bar.owner = own;
      var filter = make("input", "table-filter");
      filter.type = "text";
      filter.placeholder = "Filter";
      filter.setAttribute("aria-label", "Filter the rows of " + title(own));
      filter.value = own.state.q || "";
      filter.addEventListener("input", function () {
        clearTimeout(bar.waiting);
        bar.waiting = setTimeout(function () {
          var mine = bar.owner;
          mine.state.q = filter.value.trim() ? filter.value : "";
          mine.page = 0;
          changed(mine);
        }, bar.owner.count > MANY ? WAIT_MS : 0);
      });
      var told = make("span", "table-count dim");
      told.setAttribute("role", "status");
      var menu = make("details", "menu-holder table-menu"), summary = make("summary", "button", "\u22ef");
      summary.setAttribute("aria-label", (own.ownCsv ? "Columns of " : "Columns and CSV of ") + title(own));
      summary.title = own.ownCsv ? "Columns" : "Columns, CSV";
      menu.append(summary, make("div", "menu right"));
      menu.addEventListener("toggle", function () { if (menu.open) window.tableMenu.fill(bar, { title: title, rows: rowsOf, changed: changed }); });
      bar.append(told, filter, menu);
      place(own, bar);
    }
    if (own.ownCsv === undefined) own.ownCsv = bar.owner.ownCsv;
    own.bar = bar;
    bar.owner = own;
    bar.classList.toggle("columns-only", Boolean(own.grid && own.ownCsv));
    var field = bar.querySelector(".table-filter"), said = bar.querySelector(".table-count");
    field.hidden = (own.count < LONG || own.grid && own.ownCsv) && !own.state.q;
    if (document.activeElement !== field && field.value !== (own.state.q || "")) field.value = own.state.q || "";
    var count = own.state.q ? own.fits.toLocaleString("en") + " of " + own.count.toLocaleString("en") : own.count > PAGE ? own.count.toLocaleString("en") + " rows" : "";
    if (said.textContent !== count) said.textContent = count;
    none(own);
    pager(own);
  }

  function title(own) {
    var card = own.el.closest(".card"), head = card && card.querySelector(".card-head h2");
    return plain(own.el.getAttribute("aria-label") || head && head.firstChild && head.firstChild.textContent || "this table");
  }

  function none(own) {
    var row = own.body.querySelector(":scope > .table-none");
    if (own.fits || !own.state.q) { if (row) row.remove(); return; }
    if (row) return;
    row = make(own.grid ? "div" : "tr", "table-none");
    var cell = make(own.grid ? "div" : "td");
    if (!own.grid) cell.colSpan = own.heads.length;
    if (own.grid) { row.setAttribute("role", "row"); cell.setAttribute("role", "cell"); }
    var clear = make("button", "button", "Show all rows");
    clear.addEventListener("click", function () { own.state.q = ""; changed(own); });
    cell.append("No row has these words. ", clear);
    row.append(cell);
    own.body.append(row);
  }

  function pager(own) {
    var holder = own.el.closest("[data-html]") || own.el.closest(".table-scroll") || own.el, bar = own.pager && own.pager.isConnected ? own.pager : holder.nextElementSibling;
    if (!bar || !bar.classList.contains("table-pager")) bar = null;
    if (own.pages <= 1) { if (bar) bar.remove(); return; }
    if (!bar) {
      bar = make("div", "table-pager");
      ["First", "Before", "Next", "Last"].forEach(function (name) {
        var button = make("button", "button", name);
        button.addEventListener("click", function () { turn(bar.owner, name === "First" ? 0 : name === "Last" ? bar.owner.pages - 1 : bar.owner.page + (name === "Next" ? 1 : -1)); });
        bar.append(button);
      });
      bar.insertBefore(make("span", "table-where dim"), bar.children[2]);
      holder.parentElement.insertBefore(bar, holder.nextSibling);
    }
    bar.owner = own;
    own.pager = bar;
    var buttons = bar.querySelectorAll("button"), from = own.page * PAGE + 1, text = from.toLocaleString("en") + "\u2013" + Math.min(own.fits, from + PAGE - 1).toLocaleString("en") + " of " + own.fits.toLocaleString("en");
    buttons[0].disabled = buttons[1].disabled = own.page === 0;
    buttons[2].disabled = buttons[3].disabled = own.page === own.pages - 1;
    var where = bar.querySelector(".table-where");
    if (where.textContent !== text) where.textContent = text;
  }

  function turn(own, page) {
    own.page = Math.max(0, Math.min(own.pages - 1, page));
    quietly(function () { apply(own); });
    var box = own.el.parentElement;
    if (box.classList.contains("tall")) box.scrollTop = 0;
    if (own.el.getBoundingClientRect().top < 0) own.el.scrollIntoView({ block: "start" });
  }

  function sortBy(own, n) {
    var name = own.names[n], by = own.state.s && own.state.s[0] === name ? own.state.s[1] : null;
    var first = column(own, n, groups(own)).numbers ? "down" : "up", second = first === "up" ? "down" : "up";
    own.state.s = by === null ? [name, first] : by === first ? [name, second] : null;
    own.page = 0;
    changed(own);
  }

  // What is cut off is whole on hover.
  document.addEventListener("pointerover", function (event) {
    var el = event.target.closest && event.target.closest("#page td, #page .limit-link, .chip, .crumbs a, .crumbs span, .menu-item, #page h2, #page .badge");
    if (el && el.scrollWidth > el.clientWidth + 1 && (!el.title || el.cutOff)) { el.title = plain(el.textContent); el.cutOff = true; }
  });

  function headOf(target) {
    var head = target.closest && target.closest("[data-sortable]"), el = head && head.closest("[data-table]");
    var own = el && models.get(el);
    return own && own.heads.indexOf(head) >= 0 ? [own, own.heads.indexOf(head)] : null;
  }

  document.addEventListener("click", function (event) {
    if (event.target.closest("a,button,input,label,summary")) return;
    var found = headOf(event.target);
    if (found) sortBy(found[0], found[1]);
  });
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Enter" && event.key !== " " || event.ctrlKey || event.metaKey || event.altKey) return;
    var found = event.target.dataset && event.target.dataset.sortable ? headOf(event.target) : null;
    if (found) { event.preventDefault(); sortBy(found[0], found[1]); }
  });
  document.addEventListener("rows-end", function (event) {
    var el = event.target.closest("[data-table]"), own = el && models.get(el), page = own ? own.page + event.detail : -1;
    if (!own || page < 0 || page >= own.pages) return;
    event.preventDefault();
    turn(own, page);
    var rows = Array.from(own.shown), row = rows[event.detail > 0 ? 0 : rows.length - 1][0];
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  });

  // A heading that had the focus when its block was drawn again has it still.
  document.addEventListener("focusin", function (event) { var found = headOf(event.target); focus = found ? { key: found[0].key, n: found[1] } : null; });

  function scan() {
    var all = Array.prototype.slice.call(document.querySelectorAll(TABLES));
    document.querySelectorAll(HEADS).forEach(function (head) { all.push(head.parentElement); });
    var unseen = [];
    all.forEach(function (el) {
      var own = model(el);
      if (!own) return;
      // The renderer may have changed the headings of a table that it kept.
      var head = own.grid ? el.querySelector(":scope > .head") : el.tHead && el.tHead.rows[0];
      if (head !== own.head || head.children.length !== own.heads.length || own.heads.some(function (each, n) { return (plain(each.textContent) || "#" + n) !== own.names[n]; })) { models.delete(el); own = model(el); if (!own) return; }
      // What a long table holds changes only where something in it did.
      if (!own.held || own.touched) { own.order = null; own.values = {}; own.touched = false; }
      if (!own.measured && !own.grid) { own.measured = true; unseen.push(own); }
      apply(own);
      if (focus && focus.key === own.key && document.activeElement === document.body && own.heads[focus.n]) own.heads[focus.n].focus({ preventScroll: true });
    });
    narrow(unseen);
    document.querySelectorAll(".table-tools, .table-pager").forEach(function (bar) { if (!bar.owner.el.isConnected) bar.remove(); });
  }

  function ours(node) { var el = node.nodeType === 1 ? node : node.parentElement; return Boolean(el && el.closest(".table-tools, .table-pager, .age, #gloss, #live, #toast, .kiosk-bar, .header, dialog")); }
  var watch = new MutationObserver(function (changes) {
    var touched = new Set(), dirty = false;
    changes.forEach(function (change) {
      if (ours(change.target)) return;
      var el = change.target.nodeType === 1 ? change.target : change.target.parentElement;
      var table = el && el.closest("[data-table]"), own = table && models.get(table);
      if (own) { touched.add(own); dirty = true; return; }
      if (change.type !== "childList") return;
      change.addedNodes.forEach(function (node) { if (node.nodeType === 1 && (node.matches("table, [class*='-row'].head") || node.querySelector("table, [class*='-row'].head"))) dirty = true; });
      if (change.removedNodes.length) dirty = true;
    });
    touched.forEach(function (own) { own.texts = null; own.measured = false; own.touched = true; });
    if (dirty) quietly(scan);
  });
  var watched = { childList: true, subtree: true, characterData: true };
  function quietly(work) { watch.disconnect(); try { work(); } finally { watch.observe(document.documentElement, watched); } }
  watch.observe(document.documentElement, watched);
})();
