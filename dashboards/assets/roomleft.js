// The browser's side: links without reloads, ages that keep counting, the theme, menus, small actions.
(function () {
  "use strict";
  var THIN = "\u202f";
  var TICK_MS = 5000, PATIENCE_MS = 30000, SELDOM_MS = 60000, UNHEARD_S = 12;
  var ticks = 0, asking = 0, asked = 0; // rounds so far, answers awaited, when the last round began
  var hold = TICK_MS, askedAll = 0; // how long what is still missing waits for the next round of all, and when the last began
  var contact = null; // {server: epoch s, at: performance ms, speed}

  // `instead`: the address takes the place of the one before, to which Back then does not lead.
  function go(href, instead) {
    if (href === location.pathname + location.search) return;
    if (instead) history.replaceState(history.state, "", href); else history.pushState({}, "", href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }
  // As a link of the page is followed: menus close, another page begins at its top.
  function follow(href) {
    var moved = new URL(href, location.href).pathname !== location.pathname;
    closeMenus(null);
    go(href);
    if (moved) window.scrollTo(0, 0);
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

  // A page that was never answered must not look as if it were coming: it says so, and since when.
  function unheard() {
    var silent = performance.now() / 1000, bar = document.getElementById("unheard"), live = document.querySelector("#live .live-word");
    if (contact || !live || document.hidden || silent < UNHEARD_S) { if (bar && contact) bar.remove(); return; }
    document.body.classList.add("stale");
    if (live.textContent !== "No answer yet") live.textContent = "No answer yet";
    if (!bar) {
      bar = document.createElement("div");
      bar.id = "unheard";
      bar.className = "signed-out";
      bar.setAttribute("role", "alert");
      bar.append("The server does not answer, so nothing is shown yet. This page goes on asking.", document.createElement("button"));
      bar.lastChild.className = "button";
      bar.lastChild.textContent = "Load again";
      bar.lastChild.addEventListener("click", function () { location.reload(); });
      document.body.append(bar);
    }
  }

  function count() {
    unheard();
    if (!contact) return;
    var silent = (performance.now() - contact.at) / 1000;
    var now = contact.server + silent * contact.speed;
    document.querySelectorAll(".age[data-at]").forEach(function (el) {
      var old = now - Number(el.dataset.at);
      var words = (el.dataset.prefix || "") + age(old);
      if (el.firstChild && el.firstChild.nodeType === 3) { if (el.firstChild.data !== words) el.firstChild.data = words; }
      el.classList.toggle("old", old > Number(el.dataset.old));
    });
    var stale = window.refresh.overdue(contact.at) > 10;
    document.body.classList.toggle("stale", stale);
    var live = document.getElementById("live");
    if (live) {
      // The word is told by screen readers whenever it changes: what counts on stands beside it.
      var said = stale ? ["Stale, reconnecting", age(silent)] : window.refresh.words(silent, age);
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
    var now = performance.now(), since = now - asked;
    // What is still a grey field was never drawn: a round that was given up, or came just as Dash drew, drops the answer. Most blocks
    // skip most rounds, so then a round comes that none skips. That is owed to somebody who paused, too.
    var empty = asking > 0 || document.querySelector("#page .skeleton");
    if (!empty) hold = TICK_MS;
    if (document.hidden || !laidOut() || since < TICK_MS || (asking > 0 && since < Math.max(PATIENCE_MS, hold))) return;
    var every = window.refresh.every(), all = empty && now - askedAll >= hold;
    if (!all && (every === 0 || since < every)) return;
    asked = now;
    // A server that has too much to do is not asked for everything over and over.
    if (all) { askedAll = now; hold = Math.min(SELDOM_MS, 2 * hold); }
    // Blocks that are drawn in one round of six count on rounds of five seconds.
    ticks = all || every >= 6 * TICK_MS ? (Math.floor(ticks / 6) + 1) * 6 : ticks + 1;
    window.dash_clientside.set_props("tick", { data: ticks });
  }

  var fading = 0;
  function toast(words, ms) {
    var el = document.getElementById("toast");
    if (!el) return;
    el.textContent = words;
    el.classList.add("shown");
    clearTimeout(fading);
    fading = setTimeout(function () { el.classList.remove("shown"); }, ms || 2500);
  }

  // Browsers give a clipboard to encrypted pages and to the machine itself alone; elsewhere what is chosen on the page can be copied.
  function copy(text, words) {
    var done = function () { toast(words); };
    var byHand = function () {
      var field = document.createElement("textarea"), held = document.activeElement, worked = false;
      field.value = text;
      field.style.cssText = "position:fixed;top:0;opacity:0";
      (document.querySelector("dialog[open]") || document.body).appendChild(field);
      field.select();
      try { worked = document.execCommand("copy"); } catch (e) { /* then it is shown */ }
      field.remove();
      if (held && held !== document.body) held.focus({ preventScroll: true });
      if (worked) done(); else toast(text, 20000);
    };
    if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(text).then(done, byHand); else byHand();
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
    document.querySelectorAll("details.menu-holder[open]").forEach(function (el) {
      if (el === except) return;
      var at = document.activeElement, chosen = el.contains(at) && at.matches(":focus-visible") && !at.matches("summary");
      el.removeAttribute("open");
      if (chosen) giveBack(el);
    });
  }
  // Who chose by the keyboard is where the menu was opened, also when that is drawn anew.
  function giveBack(menu) {
    var own = menu.querySelector("summary"), name = menu.dataset.menu, path = location.pathname;
    own.focus({ preventScroll: true });
    if (!name) return;
    var watch = new MutationObserver(function () {
      var at = document.activeElement, again = document.querySelector('details[data-menu="' + name + '"] > summary');
      if (location.pathname !== path || (at !== document.body && at !== own && at !== again)) { watch.disconnect(); return; }
      if (at === document.body && again) again.focus({ preventScroll: true });
    });
    watch.observe(document.documentElement, { childList: true, subtree: true });
    setTimeout(function () { watch.disconnect(); }, 5000);
  }
  document.addEventListener("focusout", function (event) {
    var menu = event.target.closest && event.target.closest("details.menu-holder[open]");
    if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.removeAttribute("open");
  });

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
      // Days are those of the zone chosen; minutes stay the same instants.
      var minutes = (new URLSearchParams(location.search).get("range") || "").indexOf("T") > 0 && holder.dataset.end;
      link.href = withQuery(minutes ? { tz: own, range: window.times.range(Number(holder.dataset.begin), Number(minutes), own) } : { tz: own });
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
      follow(link.dataset.keep ? keeping(link.getAttribute("href")) : link.getAttribute("href"));
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
    // It closes what is on top.
    if (document.querySelector("dialog[open]")) return;
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

  // Another page's address with what every link keeps.
  function keeping(path) {
    var here = new URLSearchParams(location.search), kept = new URLSearchParams();
    ["range", "platform", "tz", "compare", "environment"].forEach(function (name) { here.getAll(name).forEach(function (value) { kept.append(name, value); }); });
    var text = kept.toString().replace(/%3A/g, ":").replace(/%2F/g, "/");
    return path + (text ? "?" + text : "");
  }
  window.pages = { go: go, follow: follow, withQuery: withQuery, keeping: keeping, toast: toast, copy: copy, closeMenus: closeMenus, laidOut: laidOut, count: count,
    now: function () { return contact ? contact.server + (performance.now() - contact.at) / 1000 * contact.speed : Date.now() / 1000; },
    // When the server last told its clock: what is on the screen is no newer.
    heard: function () { return contact ? contact.server : Date.now() / 1000; } };
  setInterval(function () { count(); tick(); name(); }, 1000);
  document.addEventListener("visibilitychange", tick);
  // Another page's fields are missing for reasons of their own.
  window.addEventListener("_dashprivate_pushstate", function () { hold = TICK_MS; askedAll = performance.now(); });

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
