// The keyboard: single keys, `g` and a letter, rows with j and k. The table of keys is the server's: dashboards/keys.py.
(function () {
  "use strict";
  var LEADER_MS = 1500;
  var ROWS = ["tbody tr", ".limit-row", ".room-row", ".budget-row", ".slo-row", ".alert-row", "a.platform-card", ".component-card"]
    .map(function (each) { return "#page " + each + ":not(.head)"; }).join(",");
  var INSIDE = "a.limit-link, a[href], summary, button";
  var led = 0; // when `g` was pressed
  var held = null; // {row, key}: the row that j and k stand on
  var back = null; // what had the focus before a sheet was opened

  function seen(el) { return el.getClientRects().length > 0; }
  function typing(el) { return Boolean(el && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) || el.closest("[role=textbox], .dash-dropdown, .ag-root"))); }
  function sheet(id) { return document.getElementById(id); }

  function open(id) {
    var box = sheet(id);
    if (!box || box.open || document.querySelector("dialog[open]")) return false;
    back = document.activeElement;
    document.querySelectorAll("details.menu-holder[open]").forEach(function (el) { el.removeAttribute("open"); });
    box.showModal();
    box.dispatchEvent(new CustomEvent("opened"));
    return true;
  }

  function press(key, otherwise) {
    var all = document.querySelectorAll('[aria-keyshortcuts~="' + key + '"]' + (otherwise ? "," + otherwise : ""));
    var button = Array.prototype.find.call(all, seen) || all[0];
    if (!button) return false;
    if (seen(button)) button.focus();
    button.click();
    return true;
  }

  function leave(path) {
    var link = Array.prototype.find.call(document.querySelectorAll("a.nav-link, a.menu-item"), function (a) { return new URL(a.href).pathname === path; });
    if (link) link.click(); else window.pages.follow(window.pages.keeping(path));
  }

  function nameOf(row) {
    if (row.dataset.key || row.dataset.episode) return row.dataset.key || row.dataset.episode;
    var inside = row.querySelector("a[href]");
    return (inside && inside.parentElement !== row ? inside.parentElement : row).textContent.trim().slice(0, 160);
  }

  function rows() { return Array.prototype.filter.call(document.querySelectorAll(ROWS), seen); }

  function stand(row) {
    if (!row.hasAttribute("tabindex") && row.tagName !== "A") row.tabIndex = -1;
    held = { row: row, key: nameOf(row) };
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function step(by) {
    var all = rows();
    if (!all.length) return false;
    var here = held ? all.indexOf(held.row) : -1;
    if (here < 0 && held) here = all.findIndex(function (row) { return nameOf(row) === held.key; });
    if (here < 0) here = all.findIndex(function (row) { return row.contains(document.activeElement); });
    var next = here < 0 ? (by > 0 ? 0 : all.length - 1) : here + by;
    if (next >= all.length || next < 0) {
      // A paged table goes on with its next page.
      var asked = new CustomEvent("rows-end", { bubbles: true, cancelable: true, detail: by });
      if (all[here].dispatchEvent(asked)) return true;
      all = rows();
      next = by > 0 ? all.findIndex(function (row) { return row.closest("table, [role=table]"); }) : all.length - 1;
    }
    stand(all[Math.max(0, Math.min(all.length - 1, next))]);
    return true;
  }

  // A refresh that replaced the row under the reader's finger gives it back.
  new MutationObserver(function () {
    if (!held || held.row.isConnected || document.activeElement !== document.body) return;
    var again = rows().find(function (row) { return nameOf(row) === held.key; });
    if (again) { again.tabIndex = -1; held.row = again; again.focus({ preventScroll: true }); }
  }).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("focusin", function (event) { if (held && event.target !== held.row && !held.row.contains(event.target)) held = null; });

  document.addEventListener("keydown", function (event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    var at = document.activeElement, key = event.key;
    if (typing(at) || document.querySelector("dialog[open], details.menu-holder[open], [role=menu]:not([hidden])")) return;
    var done = false;
    if (led && performance.now() - led < LEADER_MS) {
      led = 0;
      var box = sheet("help-sheet"), path = box ? JSON.parse(box.dataset.going || "{}")[key] : null;
      if (path) { event.preventDefault(); leave(path); return; }
    }
    led = 0;
    if (key === "g" && !event.repeat) { led = performance.now(); return; }
    if (key === "/") done = open("search-sheet");
    else if (key === "?") done = open("help-sheet");
    else if (key === "t") done = press("t", '[data-menu="range"] > summary');
    else if (key === "r") done = press("r") || (window.dash_clientside.set_props("tick", { data: Date.now() }), true);
    else if (key === " " && (!at || at === document.body || at.id === "main" || at.matches("#page h1[tabindex='-1']") || (held && at === held.row))) done = press("Space", '[data-act="pause"]');
    else if (key === "c") done = press("c", '[data-act="share"], [data-act="copy-link"]');
    else if (key === "j") done = step(1);
    else if (key === "k") done = step(-1);
    else if (key === "Enter" && held && at === held.row && at.tagName !== "A") {
      var inside = held.row.querySelector(INSIDE);
      if (inside) { inside.click(); done = true; }
    } else if (key === "Escape" && held && at === held.row && !new URLSearchParams(location.search).get("limit")) { at.blur(); held = null; }
    if (done) event.preventDefault();
  });

  document.addEventListener("click", function (event) {
    var act = event.target.closest("[data-act]"), what = act && act.dataset.act;
    if (what === "search") open("search-sheet");
    else if (what === "help") open("help-sheet");
    else if (what === "close-sheet") act.closest("dialog").close();
    else if (event.target.tagName === "DIALOG" && event.target.classList.contains("sheet")) event.target.close(); // beside the sheet
    else if (event.target.closest("dialog.sheet a[href]")) event.target.closest("dialog").close();
  });
  // Tab stays inside a sheet: the browser would also visit its own bars.
  document.addEventListener("keydown", function (event) {
    var box = event.key === "Tab" && document.querySelector("dialog.sheet[open]");
    if (!box) return;
    var stops = Array.prototype.filter.call(box.querySelectorAll("a[href], button, input, [tabindex='0']"), seen);
    var first = stops[0], last = stops[stops.length - 1], at = document.activeElement;
    if (!first) return;
    if (event.shiftKey ? at === first || !box.contains(at) : at === last || !box.contains(at)) { event.preventDefault(); (event.shiftKey ? last : first).focus(); }
  });
  document.addEventListener("close", function (event) {
    if (!event.target.classList || !event.target.classList.contains("sheet")) return;
    if (back && back.isConnected && back !== document.body) back.focus();
    back = null;
  }, true);
})();
