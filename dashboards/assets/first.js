// Before anything is drawn: the fields of this page get the heights they had when it was last seen here, so that nothing jumps as they fill.
// Then the copy of the frame that came with the page goes, when Dash has drawn its own.
(function () {
  "use strict";
  var KEPT = "roomleft-heights", MOST = 80;
  var sheet = document.createElement("style");
  document.head.appendChild(sheet);

  function address(search) { return location.pathname + (search || "") + " " + Math.round(innerWidth / 16); }
  function read() { try { return JSON.parse(localStorage.getItem(KEPT)) || {}; } catch (e) { return {}; } }

  function reserve() {
    var kept = read(), known = kept[address(location.search)] || kept[address()];
    var rules = Object.keys(known || {}).filter(function (id) { return /^[\w-]+$/.test(id) && Number(known[id]) > 0; }).map(function (id) {
      return "#" + id + ',[data-was="' + id + '"]{min-height:' + Number(known[id]) + "px}";
    });
    sheet.textContent = rules.join("\n");
    document.documentElement.classList.toggle("measured", Boolean(known));
  }

  // Measured without what was reserved: what has become shorter is so the next time.
  function measure() {
    var page = document.getElementById("page"), found = {};
    if (!page || !page.children.length || document.hidden || page.querySelector(".skeleton")) return false;
    sheet.disabled = true;
    page.querySelectorAll(":scope > [id], :scope > * > [id]").forEach(function (el) {
      if (el.offsetParent) found[el.id] = Math.round(el.getBoundingClientRect().height);
    });
    sheet.disabled = false;
    var kept = read(), names = [address(location.search), address()];
    names.forEach(function (name) { delete kept[name]; kept[name] = found; });
    Object.keys(kept).slice(0, -MOST).forEach(function (name) { delete kept[name]; });
    try { localStorage.setItem(KEPT, JSON.stringify(kept)); } catch (e) { /* not remembered */ }
    return true;
  }

  var waiting = 0;
  function later() { clearTimeout(waiting); waiting = setTimeout(function () { if (!measure()) later(); }, 1500); }
  var was = location.pathname;
  function moved() {
    // On the same page somebody opened or closed something: its height is its own then.
    if (location.pathname === was) { sheet.textContent = ""; later(); return; }
    was = location.pathname;
    reserve();
    later();
  }
  reserve();
  later();
  window.addEventListener("_dashprivate_pushstate", moved);
  window.addEventListener("popstate", moved);
  window.addEventListener("resize", function () { sheet.textContent = ""; later(); });

  // The layout is asked for with the address it is of, escaped as in the page's preload: else the browser would ask twice.
  var plain = window.fetch;
  window.fetch = function (input, options) {
    if (typeof input !== "string" || !/_dash-layout$/.test(input)) return plain.apply(this, arguments);
    var at = encodeURIComponent(location.pathname + location.search).replace(/[!'()*]/g, function (c) {
      return "%" + c.charCodeAt(0).toString(16).toUpperCase();
    });
    return plain.call(window, input + "?at=" + at, options);
  };

  function over() {
    var copy = document.getElementById("first-paint");
    if (!copy || !document.querySelector("#react-entry-point #page > *")) return false;
    copy.remove();
    return true;
  }
  var watch = new MutationObserver(function () { if (over()) watch.disconnect(); });
  watch.observe(document.documentElement, { subtree: true, childList: true });
})();
