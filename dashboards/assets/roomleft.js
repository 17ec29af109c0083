// The browser's side: links without reloads, ages that keep counting, the theme, menus, small actions.
(function () {
  "use strict";
  var THIN = "\u202f";
  var TICK_MS = 5000, PATIENCE_MS = 30000;
  var ticks = 0, asking = 0, asked = 0; // rounds so far, answers awaited, when the last round began
  var contact = null; // {server: epoch s, at: performance ms, speed}

  function go(href) {
    if (href === location.pathname + location.search) return;
    history.pushState({}, "", href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }

  // A still block: HTML that is put in as a whole, and again only when it has changed. What had the focus gets it back.
  function fill(block) {
    var words = block.getAttribute("data-html");
    if (words === null || block.filled === words) return false;
    var touched = "a[href],button,summary,input", held = -1;
    if (block.contains(document.activeElement)) held = Array.prototype.indexOf.call(block.querySelectorAll(touched), document.activeElement);
    block.filled = words;
    block.innerHTML = words;
    if (held >= 0 && block.querySelectorAll(touched)[held]) block.querySelectorAll(touched)[held].focus({ preventScroll: true });
    return true;
  }
  new MutationObserver(function (changes) {
    var filled = false;
    changes.forEach(function (change) {
      if (change.type === "attributes") filled = fill(change.target) || filled;
      change.addedNodes.forEach(function (node) {
        if (node.nodeType !== 1) return;
        if (node.hasAttribute("data-html")) filled = fill(node) || filled;
        node.querySelectorAll("[data-html]").forEach(function (each) { filled = fill(each) || filled; });
      });
    });
    if (filled) count(); // it changes words itself: only then
  }).observe(document.documentElement, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-html"] });

  function age(seconds) {
    var s = Math.max(0, seconds);
    if (s < 99.5) return Math.round(s) + THIN + "s";
    if (s < 5970) return Math.round(s / 60) + THIN + "min";
    if (s < 172800) return Math.round(s / 3600) + THIN + "h";
    return Math.round(s / 86400) + THIN + "d";
  }

  function count() {
    if (!contact) return;
    var silent = (performance.now() - contact.at) / 1000;
    var now = contact.server + silent * contact.speed;
    document.querySelectorAll(".age[data-at]").forEach(function (el) {
      var old = now - Number(el.dataset.at);
      var words = (el.dataset.prefix || "") + age(old);
      if (el.firstChild && el.firstChild.nodeType === 3) { if (el.firstChild.data !== words) el.firstChild.data = words; }
      el.classList.toggle("old", old > Number(el.dataset.old));
    });
    var every = window.refresh.every() / 1000;
    var stale = every > 0 && silent > every + 10;
    document.body.classList.toggle("stale", stale);
    var live = document.getElementById("live");
    if (live) {
      var said = stale ? ["Stale " + age(silent) + ", reconnecting", ""] : window.refresh.words(silent, age);
      [".live-word", ".live-age"].forEach(function (part, n) {
        var el = live.querySelector(part);
        if (el && el.textContent !== said[n]) el.textContent = said[n];
      });
    }
  }

  // Data is asked for again every five seconds, but never before the last round is answered: a new question makes Dash drop
  // the answer to the old one, and a slow server would never be heard. A tab nobody looks at asks nothing.
  var plainFetch = window.fetch;
  window.fetch = function (input) {
    var counted = String(input && input.url || input).indexOf("_dash-update-component") >= 0;
    var answer = plainFetch.apply(this, arguments);
    if (!counted) return answer;
    asking += 1;
    var over = function () { asking -= 1; };
    answer.then(over, over);
    return answer;
  };

  // Before the layout has come Dash knows no component, and setting one throws.
  function laidOut() {
    return Boolean(window.dash_clientside && window.dash_clientside.set_props && document.getElementById("live"));
  }

  function tick() {
    var since = performance.now() - asked;
    if (document.hidden || !laidOut() || since < TICK_MS || (asking > 0 && since < PATIENCE_MS)) return;
    // What is still a grey field was never drawn: a round that was given up, or came just as Dash drew, drops the answer. Most blocks
    // skip most rounds, so then all are asked, as when a person asks. That is owed to somebody who paused, too.
    var empty = asking > 0 || document.querySelector("#page .skeleton");
    var every = window.refresh.every();
    if (!empty && (every === 0 || since < every)) return;
    asked = performance.now();
    // Blocks that are drawn in one round of six count on rounds of five seconds.
    ticks = every >= 6 * TICK_MS ? (Math.floor(ticks / 6) + 1) * 6 : ticks + 1;
    window.dash_clientside.set_props("tick", { data: empty ? Date.now() : ticks });
  }

  function toast(words) {
    var el = document.getElementById("toast");
    if (!el) return;
    el.textContent = words;
    el.classList.add("shown");
    setTimeout(function () { el.classList.remove("shown"); }, 2500);
  }

  function copy(text, words) {
    var done = function () { toast(words); };
    if (navigator.clipboard && window.isSecureContext) { navigator.clipboard.writeText(text).then(done, function () { toast(text); }); return; }
    toast(text);
  }

  function setTheme(name) {
    document.documentElement.dataset.theme = name;
    document.documentElement.dataset.agThemeMode = name;
    if (laidOut()) window.dash_clientside.set_props("theme", { data: name });
  }

  function withQuery(changes) {
    var query = new URLSearchParams(location.search);
    Object.keys(changes).forEach(function (key) { if (changes[key]) query.set(key, changes[key]); else query.delete(key); });
    // As the server writes it: colons and slashes need no escape in a query.
    var text = query.toString().replace(/%3A/g, ":").replace(/%2F/g, "/");
    return location.pathname + (text ? "?" + text : "");
  }

  function closeMenus(except) {
    document.querySelectorAll("details.menu-holder[open]").forEach(function (el) { if (el !== except) el.removeAttribute("open"); });
  }

  function edgeField(kind, end) {
    var input = document.createElement("input");
    var asked = (new URLSearchParams(location.search).get("range") || "").split("..");
    input.type = kind;
    input.className = "date-field";
    input.setAttribute("aria-label", (end === "from" ? "From, " : "To, ") + (kind === "date" ? "day" : "time, if not the whole day"));
    if (asked.length === 2) input.value = asked[end === "from" ? 0 : 1].split("T")[kind === "date" ? 0 : 1] || "";
    return input;
  }

  // Fields that Dash has no component for are made here, in the slots the page leaves.
  function fillSlots(holder) {
    holder.querySelectorAll("[data-date]").forEach(function (slot) {
      if (slot.firstChild) return;
      slot.appendChild(edgeField("date", slot.dataset.date));
    });
    holder.querySelectorAll("[data-time]").forEach(function (slot) {
      if (slot.firstChild) return;
      slot.appendChild(edgeField("time", slot.dataset.time));
    });
    holder.querySelectorAll("[data-slot=last]").forEach(function (slot) {
      if (slot.firstChild) return;
      var number = document.createElement("input"), unit = document.createElement("select");
      var said = /^(\d+)([mhdw])$/.exec(new URLSearchParams(location.search).get("range") || "");
      Object.assign(number, { type: "number", min: 1, value: said ? said[1] : 3, className: "date-field number" });
      number.setAttribute("aria-label", "How many");
      unit.className = "date-field";
      unit.setAttribute("aria-label", "Of what");
      [["m", "minutes"], ["h", "hours"], ["d", "days"], ["w", "weeks"]].forEach(function (each) {
        unit.add(new Option(each[1], each[0], false, each[0] === (said ? said[2] : "h")));
      });
      slot.append(number, unit);
    });
    holder.querySelectorAll("[data-own-zone]").forEach(function (slot) {
      var own = Intl.DateTimeFormat().resolvedOptions().timeZone;
      if (slot.firstChild || !own || own === "UTC") return;
      var link = document.createElement("a");
      link.className = "menu-item";
      link.dataset.nav = "1";
      link.href = withQuery({ tz: own });
      link.textContent = "Your zone, " + own.split("/").pop().replace(/_/g, " ");
      slot.appendChild(link);
    });
  }

  document.addEventListener("click", function (event) {
    var summary = event.target.closest("details.menu-holder > summary");
    closeMenus(summary ? summary.parentElement : event.target.closest("details.menu-holder"));
    if (summary) { fillSlots(summary.parentElement); return; }
    var link = event.target.closest("a[data-nav]");
    if (link && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      closeMenus(null);
      var moved = new URL(link.href).pathname !== location.pathname;
      go(link.getAttribute("href"));
      if (moved) window.scrollTo(0, 0);
      return;
    }
    var act = event.target.closest("[data-act]");
    if (act) {
      var what = act.dataset.act;
      if (what === "theme") {
        var next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
        try { localStorage.setItem("roomleft-theme", next); } catch (e) { /* not remembered */ }
        setTheme(next);
      } else if (what === "copy") copy(act.dataset.copy, "Copied");
      else if (what === "again") window.dash_clientside.set_props("tick", { data: Date.now() });
      else if (what === "close-drawer") go(withQuery({ limit: null }));
      else if (what === "dates") {
        var field = function (kind, end) { return act.closest("details").querySelector("[data-" + kind + "=" + end + "] input").value; };
        var times = field("time", "from") || field("time", "to");
        var from = field("date", "from"), to = field("date", "to") || from;
        if (!from) { toast("Choose the first day"); return; }
        if (times) from += "T" + (field("time", "from") || "00:00");
        if (field("time", "to")) to += "T" + field("time", "to");
        if (from > to + (times && to.length === 10 ? "T24" : "")) { toast("It ends before it begins"); return; }
        closeMenus(null);
        go(withQuery({ range: from + ".." + to }));
      } else if (what === "last") {
        var number = act.closest("details").querySelector("[data-slot=last] input"), unit = act.closest("details").querySelector("[data-slot=last] select");
        if (!number.value || Number(number.value) < 1) { toast("How many?"); return; }
        closeMenus(null);
        go(withQuery({ range: Math.round(Number(number.value)) + unit.value }));
      }
      return;
    }
    var row = event.target.closest(".limit-row:not(.head)");
    if (row && !event.target.closest("a,button") && !String(window.getSelection())) {
      var inside = row.querySelector("a.limit-link");
      if (inside) inside.click();
    }
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    var open = document.querySelector("details.menu-holder[open]");
    if (open) { open.removeAttribute("open"); open.querySelector("summary").focus(); return; }
    if (new URLSearchParams(location.search).get("limit")) {
      var key = new URLSearchParams(location.search).get("limit");
      go(withQuery({ limit: null }));
      var back = Array.prototype.find.call(document.querySelectorAll("a.limit-link"), function (a) { return new URL(a.href).searchParams.get("limit") === key; });
      if (back) back.focus();
    }
  });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function (event) {
    var kept = null;
    try { kept = localStorage.getItem("roomleft-theme"); } catch (e) { /* storage may be off */ }
    if (!kept) setTheme(event.matches ? "dark" : "light");
  });

  // The tab is named after the page, which the server knows by its words.
  function name() {
    var said = document.querySelector("[data-page-title]");
    var title = said && said.dataset.pageTitle ? said.dataset.pageTitle + " \u00b7 Roomleft" : "Roomleft";
    if (document.title !== title) document.title = title;
  }

  window.pages = { go: go, withQuery: withQuery, toast: toast, copy: copy, closeMenus: closeMenus, laidOut: laidOut, count: count,
    now: function () { return contact ? contact.server + (performance.now() - contact.at) / 1000 * contact.speed : Date.now() / 1000; } };
  setInterval(function () { count(); tick(); name(); }, 1000);
  document.addEventListener("visibilitychange", tick);

  window.dash_clientside = Object.assign({}, window.dash_clientside);
  window.dash_clientside.roomleft = Object.assign({}, window.dash_clientside.roomleft, {
    theme: function (_path, shown) {
      var name = document.documentElement.dataset.theme;
      return name === shown ? window.dash_clientside.no_update : name;
    },
    clock: function (told) {
      if (told) contact = { server: told.now, at: performance.now(), speed: told.speed };
      count();
    }
  });
})();
