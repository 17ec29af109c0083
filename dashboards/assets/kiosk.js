// Wall screens: ?kiosk=1 shows one page without controls, ?kiosk=60&pages=/,/on-call goes round.
(function () {
  "use strict";
  // Of an answer that is late: how many seconds until that is said, and until the page begins anew once the server is back.
  var STALE_S = 10, LOST_S = 55, DIALOG_S = 60, FRESH_START_S = 6 * 3600;
  var KEPT = ["tz", "range", "platform", "environment", "compare"];
  var began = performance.now(), since = began, moved = began, heard = null, lost = false, place = 0, bar = null, awake = null;
  var asked = new URLSearchParams(location.search), on = asked.has("kiosk") && asked.get("kiosk") !== "0";
  var every = Math.max(0, Number(asked.get("kiosk")) || 0), zone = asked.get("tz") || "UTC";
  // At 1 nothing turns; a page must at least have time to be drawn.
  every = every <= 1 ? 0 : Math.max(5, every);
  var pages = (asked.get("pages") || "").split(",").filter(function (path) { return path[0] === "/" && path[1] !== "/"; }).slice(0, 30);

  function go(href) {
    history.replaceState({}, "", href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }
  function words(tag, name, text) {
    var el = document.createElement(tag);
    el.className = name;
    if (text) el.textContent = text;
    return el;
  }
  function span(s) { return s < 99.5 ? Math.round(s) + "\u202fs" : s < 5970 ? Math.round(s / 60) + "\u202fmin" : s < 172800 ? Math.round(s / 3600) + "\u202fh" : Math.round(s / 86400) + "\u202fd"; }

  function listen() {
    var own = window.dash_clientside && window.dash_clientside.roomleft;
    if (!own || !own.clock || own.clock.kiosk) return;
    var plain = own.clock;
    own.clock = function (told) {
      if (told) heard = { now: told.now, at: performance.now(), speed: told.speed || 1 };
      return plain.apply(this, arguments);
    };
    own.clock.kiosk = true;
  }

  function enter() {
    document.documentElement.dataset.kiosk = "1";
    bar = words("div", "kiosk-bar");
    bar.append(words("span", "kiosk-lost"), words("span", "kiosk-age"), words("time", "kiosk-clock"), words("button", "button kiosk-leave", "Leave"));
    bar.querySelector("button").addEventListener("click", leave);
    document.body.append(bar);
    stayAwake();
  }
  // The screen stays on as long as the wall screen does; the browser lets go of it whenever the tab is hidden.
  function stayAwake() {
    if (!on || !navigator.wakeLock || document.visibilityState !== "visible" || (awake && !awake.released)) return;
    navigator.wakeLock.request("screen").then(function (lock) { if (on) awake = lock; else lock.release(); }, function () {});
  }
  document.addEventListener("visibilitychange", stayAwake);
  function leave() {
    on = false;
    if (awake) awake.release().catch(function () {});
    awake = null;
    delete document.documentElement.dataset.kiosk;
    document.body.classList.remove("kiosk-stale");
    if (bar) bar.remove();
    var url = new URL(location.href);
    url.searchParams.delete("kiosk");
    url.searchParams.delete("pages");
    go(url.pathname + url.search);
    window.dispatchEvent(new Event("resize"));
  }

  function turn(now) {
    if (!every || pages.length < 1 || now - since < every * 1000) return;
    since = now;
    place = (place + 1) % pages.length;
    var url = new URL(pages[place], location.origin);
    url.searchParams.set("kiosk", String(every));
    // What the first address asked for holds on every page that does not ask for something else itself.
    KEPT.forEach(function (name) { if (!url.searchParams.has(name)) asked.getAll(name).forEach(function (value) { url.searchParams.append(name, value); }); });
    go(url.pathname + url.search + "&pages=" + pages.map(encodeURIComponent).join(",") + url.hash);
    scrollTo(0, 0);
  }

  function look() {
    listen();
    if (!on || !document.body) return;
    if (!bar) enter();
    var now = performance.now(), silent = heard ? (now - heard.at) / 1000 : (now - began) / 1000;
    var clock = heard ? heard.now + (now - heard.at) / 1000 * heard.speed : Date.now() / 1000;
    var shown = "UTC";
    try { new Intl.DateTimeFormat("en-GB", { timeZone: zone }); shown = zone; } catch (e) { /* an unknown zone */ }
    bar.querySelector("time").textContent = new Intl.DateTimeFormat("en-GB", { timeZone: shown, hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(clock * 1000) + " " + (shown === "UTC" ? "UTC" : shown.split("/").pop().replace(/_/g, " "));
    var newest = Math.max.apply(null, Array.prototype.map.call(document.querySelectorAll("#page .age[data-at]"), function (el) { return Number(el.dataset.at); }).concat([-Infinity]));
    bar.querySelector(".kiosk-age").textContent = newest > 0 ? "Data " + span(Math.max(0, clock - newest)) + " old" : "Looked " + span(silent) + " ago";
    // Nobody waits for an answer that was not asked for: the interval is the reader's, and a pause has none.
    var late = window.refresh ? window.refresh.overdue(heard ? heard.at : began) : 0, stale = late > STALE_S;
    document.body.classList.toggle("kiosk-stale", stale);
    bar.querySelector(".kiosk-lost").textContent = stale ? "No answer for " + span(silent) + ": these figures are old. Trying again." : "";
    if (late > LOST_S) lost = true;
    // After a long silence the server may be another version; and a page that stays for weeks begins anew now and then.
    if (lost && !stale || now - began > FRESH_START_S * 1000 && !stale) {
      lost = false;
      began = now;
      fetch("/healthz", { cache: "no-store" }).then(function (answer) { if (answer.ok) location.reload(); }, function () {});
      return;
    }
    // Nothing that opened by chance stays for the night; and the picture wanders by some pixels, so that nothing burns in.
    if (now - moved > DIALOG_S * 1000) {
      document.querySelectorAll("dialog[open]").forEach(function (el) { el.close(); });
      document.querySelectorAll("details.menu-holder[open]").forEach(function (el) { el.removeAttribute("open"); });
    }
    var wander = Math.floor(now / 60000) % 4;
    document.documentElement.style.setProperty("--wander", [0, 2, 4, 2][wander] + "px");
    turn(now);
  }

  ["pointermove", "keydown", "pointerdown"].forEach(function (name) {
    addEventListener(name, function (event) {
      moved = performance.now();
      if (!on) return;
      document.documentElement.classList.add("kiosk-awake");
      clearTimeout(look.calm);
      look.calm = setTimeout(function () { document.documentElement.classList.remove("kiosk-awake"); }, 3000);
      if (name === "keydown" && event.key === "Escape" && !document.querySelector("dialog[open]")) leave();
    }, { passive: true });
  });
  document.addEventListener("click", function (event) {
    var act = event.target.closest("[data-act=kiosk]");
    if (!act) return;
    document.querySelectorAll("dialog[open]").forEach(function (el) { el.close(); });
    document.querySelectorAll("details.menu-holder[open]").forEach(function (el) { el.removeAttribute("open"); });
    var url = new URL(location.href);
    url.searchParams.set("kiosk", "1");
    go(url.pathname + url.search);
    every = 0;
    on = true;
    bar = null;
    look();
    window.dispatchEvent(new Event("resize"));
  });
  if (on) document.documentElement.dataset.kiosk = "1";
  setInterval(look, 1000);
  look();
})();
