// Time on the browser's side: how often data is asked for, zooming a chart into the page's range, links that share what is on screen, and
// where the focus goes when the page changes.
(function () {
  "use strict";
  var USUAL_S = 5, OVER_S = 60, MINUTE = 60, LONGEST_S = 800 * 86400;
  var KEPT = "roomleft-refresh";
  var pausedAt = null; // performance ms
  var waited = { every: 0, from: 0 }; // the interval that is in force, and since when

  function chosen() {
    var kept = null;
    try { kept = localStorage.getItem(KEPT); } catch (e) { /* storage may be off */ }
    var seconds = Number(kept);
    return kept === null || !(seconds >= 0) ? USUAL_S : seconds;
  }
  function isOver() { var live = document.getElementById("live"); return Boolean(live && live.dataset.over); }

  // The server's pushes stop with the browser's questions.
  function tell() {
    document.body.classList.toggle("paused", pausedAt !== null);
    if (window.pages.laidOut()) window.dash_clientside.set_props("refresh", { data: { on: pausedAt === null && chosen() > 0, every_s: chosen() } });
    window.pages.count();
  }
  // What this browser remembers the server hears once there is something to tell it by.
  var first = setInterval(function () {
    if (!window.pages.laidOut()) return;
    clearInterval(first);
    if (chosen() !== USUAL_S) tell();
  }, 100);
  function pause(wanted) {
    var on = wanted === undefined ? pausedAt === null : wanted;
    if (on === (pausedAt !== null)) return;
    pausedAt = on ? performance.now() : null;
    tell();
    mark();
    window.pages.toast(on ? "Paused. The figures stay as they are" : "Live again");
    if (!on) window.dash_clientside.set_props("tick", { data: Date.now() });
  }
  function mark() {
    document.querySelectorAll("[data-act=pause]").forEach(function (el) { el.textContent = pausedAt === null ? "Pause" : "Resume"; });
    document.querySelectorAll("[data-act=every]").forEach(function (el) { el.setAttribute("aria-pressed", String(Number(el.dataset.every) === chosen())); });
  }

  window.refresh = {
    // In milliseconds; 0 asks for nothing.
    every: function () {
      if (pausedAt !== null || chosen() === 0) return 0;
      return 1000 * (isOver() ? Math.max(OVER_S, chosen()) : chosen());
    },
    // Seconds by which an answer is late, when the last came at `at` (performance ms); 0 while none is asked for. An interval that was just
    // chosen, and a tab that was just opened again, begin anew.
    overdue: function (at) {
      var every = window.refresh.every(), now = performance.now();
      if (every !== waited.every || document.hidden) waited = { every: every, from: now };
      return every === 0 ? 0 : Math.max(0, now - Math.max(at, waited.from) - every) / 1000;
    },
    words: function (silent, age) {
      if (pausedAt !== null) return ["Paused", age((performance.now() - pausedAt) / 1000) + " ago"];
      if (isOver()) return ["Past range", ""];
      return chosen() === 0 ? ["Read", age(silent) + " ago"] : ["Live", age(silent) + " ago"];
    },
    pause: pause
  };

  // ---- Times of the shown zone. Charts draw its wall clock, which the address is written in too.
  function wall(seconds, zone, offset) {
    var options = { timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" };
    if (offset) options.timeZoneName = "longOffset";
    var told = {};
    new Intl.DateTimeFormat("en-GB", options).formatToParts(new Date(seconds * 1000)).forEach(function (each) { told[each.type] = each.value; });
    var text = told.year + "-" + told.month + "-" + told.day + "T" + told.hour + ":" + told.minute;
    return offset ? text + (told.timeZoneName.replace("GMT", "") || "+00:00") : text;
  }
  // A time that happens twice is read as the first where a range begins and as the second where it ends: else it is written with its offset.
  function range(since, until, zone) {
    var from = Math.floor(since / MINUTE) * MINUTE, to = Math.ceil(until / MINUTE) * MINUTE;
    var unsure = [1800, 3600].some(function (hour) {
      return wall(from - hour, zone) === wall(from, zone) || wall(to + hour, zone) === wall(to, zone);
    });
    return wall(from, zone, unsure) + ".." + wall(to, zone, unsure);
  }
  function shift(seconds, zone) { return Date.parse(wall(seconds, zone) + "Z") / 1000 - Math.floor(seconds / MINUTE) * MINUTE; }
  // The instants at which a zone's clock shows a time, that is given as if it were UTC's: two of an hour that comes twice; of a time that is
  // skipped the one an hour later.
  function instants(seconds, zone) {
    var around = [shift(seconds - 86400, zone), shift(seconds + 86400, zone)];
    var found = around.map(function (each) { return seconds - each; }).filter(function (at, n, all) { return all.indexOf(at) === n && at + shift(at, zone) === seconds; });
    return found.length ? found.sort(function (a, b) { return a - b; }) : [seconds - around[0]];
  }
  // All of a zone: an instant (seconds) as its clock shows it, a stretch as an address writes it, and back.
  window.times = { wall: wall, range: range, instants: instants };
  function control() { return document.querySelector("details[data-menu=range]"); }
  function shown() {
    // What moves was drawn at the last answer, whatever the clock says since, and never beyond its own end.
    var told = control().dataset, until = told.moving ? Math.min(window.pages.heard(), Number(told.end || Infinity)) : Number(told.until);
    return { since: told.length && told.moving ? until - Number(told.length) : Number(told.since), until: until, zone: told.zone };
  }

  // ---- Links.
  function link(changes) {
    var query = new URLSearchParams(location.search);
    Object.keys(changes).forEach(function (key) { query.set(key, changes[key]); });
    // As the server writes it: colons and slashes need no escape in a query.
    var text = query.toString().replace(/%3A/g, ":").replace(/%2F/g, "/");
    return location.origin + location.pathname + (text ? "?" + text : "");
  }
  function share() {
    var told = control();
    if (!told || !told.dataset.ranged) {
      window.pages.copy(link(told ? { tz: told.dataset.zone } : {}), "Link copied. This page always shows how things are now");
      return;
    }
    var on = shown();
    window.pages.copy(link({ range: range(on.since, on.until, on.zone), tz: on.zone }), "Link copied: exactly these times, zone and filters");
  }

  // ---- Zoom. A chart says its x range as wall-clock text of the shown zone.
  function minute(text, up) {
    var found = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?)?/.exec(String(text));
    if (!found) return null;
    var at = Date.UTC(found[1], found[2] - 1, found[3], found[4] || 0, found[5] || 0);
    if (up && Number(found[6] || 0) > 0) at += 60000;
    return at;
  }
  function written(at) { return new Date(at).toISOString().slice(0, 16); }
  function step(href) {
    history.pushState({ zoomed: true }, "", href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }
  function zoomed(chart, told) {
    var key = Object.keys(told || {}).find(function (each) { return /^xaxis\d*\.range(\[0\])?$/.test(each); });
    if (!key) return;
    var edges = key.slice(-1) === "]" ? [told[key], told[key.replace("[0]", "[1]")]] : told[key];
    var from = minute(edges[0], false), to = minute(edges[1], true), where = control();
    if (from === null || to === null || !where) return;
    if (chart.layout && chart.layout.meta && chart.layout.meta.zoom === false) return;
    if (to - from < 60000) to = from + 60000;
    if (to - from > LONGEST_S * 1000) return;
    var query = new URLSearchParams(location.search);
    // A page of rows belongs to the range it was turned in.
    ["page", "row"].forEach(function (each) { query.delete(each); });
    query.set("range", written(from) + ".." + written(to));
    if (!where.dataset.ranged && !where.dataset.zoomTo) return; // nothing here follows a range: the chart alone is zoomed
    var text = query.toString().replace(/%3A/g, ":").replace(/%2F/g, "/");
    step((where.dataset.zoomTo || location.pathname) + "?" + text);
  }
  function zoomOut() {
    if (history.state && history.state.zoomed) { history.back(); return; }
    var where = control();
    if (!where || !where.dataset.ranged) return;
    var on = shown(), length = Math.min(LONGEST_S, 2 * (on.until - on.since));
    var until = Math.min(window.pages.now(), on.until + length / 4);
    window.pages.go(window.pages.withQuery({ range: range(until - length, until, on.zone) }));
  }
  var heard = new WeakMap();
  function listen(chart) {
    if (!chart.on || !chart.removeListener) return;
    var own = heard.get(chart);
    if (!own) {
      own = { relayout: function (told) { zoomed(chart, told); }, twice: function () { zoomOut(); } };
      heard.set(chart, own);
    }
    // A chart that was drawn anew has forgotten who listened.
    chart.removeListener("plotly_relayout", own.relayout);
    chart.removeListener("plotly_doubleclick", own.twice);
    chart.on("plotly_relayout", own.relayout);
    chart.on("plotly_doubleclick", own.twice);
  }
  ["pointerover", "pointerdown"].forEach(function (what) {
    document.addEventListener(what, function (event) {
      var chart = event.target.closest && event.target.closest(".js-plotly-plot");
      if (chart) listen(chart);
    }, true);
  });
  // A finger scrolls the page, also where it begins on a chart; a tap still points at a value.
  ["touchstart", "touchmove"].forEach(function (what) {
    document.addEventListener(what, function (event) {
      if (event.target.closest && event.target.closest(".js-plotly-plot")) event.stopPropagation();
    }, { capture: true, passive: true });
  });

  document.addEventListener("click", function (event) {
    var act = event.target.closest && event.target.closest("[data-act]");
    if (event.target.closest && event.target.closest("details.refresh > summary")) mark();
    if (!act) return;
    var what = act.dataset.act;
    if (what === "pause") { pause(); window.pages.closeMenus(null); }
    else if (what === "every") {
      try { localStorage.setItem(KEPT, act.dataset.every); } catch (e) { /* not remembered */ }
      pausedAt = null;
      tell();
      mark();
    } else if (what === "share") { share(); window.pages.closeMenus(null); }
    else if (what === "copy-link") { window.pages.copy(link({}), "Link copied: it moves on with the clock"); window.pages.closeMenus(null); }
    else if (what === "zoom-out") zoomOut();
  });

  // ---- A new page's heading gets the focus, so that a screen reader says where one is.
  var path = location.pathname;
  function moved() {
    if (location.pathname === path) return;
    path = location.pathname;
    var page = document.getElementById("page");
    if (!page) return;
    // The page left behind stands until the new one is there, and still counts its ages: its heading is not the one.
    var left = page.querySelector("h1"), words = left && left.textContent, from = document.activeElement, given = null;
    function give(anyway) {
      var heading = page.querySelector("h1"), held = document.activeElement;
      if (!heading || heading === held || (!anyway && heading === left && heading.textContent === words)) return;
      // Whoever has gone on by himself stays where he is. A heading drawn anew lets go of the focus: it gets it again.
      if (held && held !== document.body && (given || held !== from || page.contains(held))) { watch.disconnect(); return; }
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
      given = heading;
    }
    var watch = new MutationObserver(function () { give(false); });
    watch.observe(page, { childList: true, subtree: true, characterData: true });
    // Two pages of one name may share the heading.
    setTimeout(function () { if (!given) give(true); }, 1500);
    setTimeout(function () { watch.disconnect(); }, 10000);
  }
  window.addEventListener("_dashprivate_pushstate", moved);
  window.addEventListener("popstate", moved);
})();
