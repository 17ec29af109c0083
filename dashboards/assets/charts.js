// Charts: one instant shown on every chart of a page, a click that leads to what is behind a point, and the menu by which a chart is taken away.
(function () {
  "use strict";
  var EXPORT = "/export/chart";
  var MOST_WORDS = 5;

  function make(tag, className, words) {
    var el = document.createElement(tag);
    if (className) el.className = className;
    if (words !== undefined) el.textContent = words;
    return el;
  }
  function toast(words) { if (window.deeds) window.deeds.toast(words); }
  // A page may draw its charts anew at any moment: they are found again by name.
  function frameOf(name) { return Array.prototype.find.call(document.querySelectorAll(".chart-frame"), function (each) { return each.dataset.chart === name; }); }
  function plotOf(frame) { return frame && frame.querySelector(".js-plotly-plot"); }
  function metaOf(plot) { return (plot && plot.layout && plot.layout.meta) || {}; }
  function words(el) { return el ? el.textContent.replace(/\s+/g, " ").trim() : ""; }
  function unescaped(text) { return String(text || "").replace(/[\u2068\u2069]/g, "").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&"); }
  function escaped(text) { return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"); }
  // Times on a chart are the reader's wall clock without a zone: here they are counted as if they were UTC, and written the same way again.
  function ms(text) { return Date.parse(text + (text.length > 10 ? "Z" : "T00:00Z")); }
  function stamp(at) { return new Date(at).toISOString().slice(0, 19) + "Z"; }

  // A value in the words of the hover box, whose template has the number's form and what stands around it.
  function value(number, template) {
    var found = /^(.*?)%\{y:([^}]*)\}([^<(]*)/.exec(unescaped(template)) || ["", "", "~g", ""], form = found[2], steps = 0;
    var digits = Number((/\.(\d)/.exec(form) || [0, 4])[1]), kind = form.slice(-1), most = { maximumFractionDigits: digits };
    if (form.indexOf("~") < 0) most.minimumFractionDigits = digits;
    if (kind === "%") number *= 100;
    if (kind === "s") for (; Math.abs(number) >= 1000 && steps < 5; steps += 1) number /= 1000;
    if (kind === "s" || kind === "g") most = { maximumSignificantDigits: Math.max(1, digits) };
    return found[1] + (form[0] === "$" ? "$" : "") + number.toLocaleString("en", most) + ["", "k", "M", "G", "T", "P"][steps] + (kind === "%" ? "%" : "") + found[3].trimEnd();
  }

  // ---- one instant on every chart ----
  var parsed = new WeakMap(), pointer = null, frame_asked = 0, shown = [];

  function isTime(plot) { return plot && plot._fullLayout && plot._fullLayout.xaxis && plot._fullLayout.xaxis.type === "date"; }
  function times(xs) {
    if (!parsed.has(xs)) parsed.set(xs, Array.prototype.map.call(xs, ms));
    return parsed.get(xs);
  }
  function nearest(all, at) {
    var low = 0, high = all.length - 1;
    while (high - low > 1) { var middle = (low + high) >> 1; if (all[middle] <= at) low = middle; else high = middle; }
    return Math.abs(all[high] - at) < Math.abs(all[low] - at) ? high : low;
  }
  function said(plot, at, reach) {
    var found = [];
    (plot.data || []).forEach(function (trace) {
      if (!trace.x || !trace.x.length || !trace.name || trace.hoverinfo === "skip" || trace.mode === "markers") return;
      var all = times(trace.x), place = trace.type === "bar" ? before(all, at) : nearest(all, at);
      // A line in parts, with gaps between them, tells of each stretch by the part that covers it.
      if (trace.meta && trace.meta.part !== undefined && (at < all[0] || at > all[all.length - 1])) return;
      var y = place < 0 ? null : trace.y[place];
      if (y === null || y === undefined || (trace.type !== "bar" && Math.abs(all[place] - at) > reach)) return;
      found.push((plot.data.length > 1 ? unescaped(trace.name) + " " : "") + value(Number(y), [].concat(trace.hovertemplate).filter(Boolean).pop()));
    });
    return found.length > MOST_WORDS ? found.slice(0, MOST_WORDS).concat("…") : found;
  }
  function before(all, at) {
    var place = nearest(all, at);
    return all[place] > at ? place - 1 : place;
  }
  function crossOf(frame) {
    var holder = frame.querySelector(":scope > [role=img]"), cross = holder.querySelector(":scope > .chart-cross");
    if (!cross) {
      cross = make("div", "chart-cross");
      cross.setAttribute("aria-hidden", "true");
      cross.appendChild(make("div", "chart-cross-words"));
      holder.appendChild(cross);
    }
    return cross;
  }
  function hideCross() { shown.forEach(function (cross) { cross.style.display = "none"; }); shown = []; }
  function drawCross() {
    frame_asked = 0;
    var under = pointer && document.elementFromPoint(pointer.clientX, pointer.clientY), over = under && under.closest(".chart-frame .js-plotly-plot");
    hideCross();
    if (!isTime(over)) return;
    hear(over);
    var axis = over._fullLayout.xaxis, left = pointer.clientX - over.getBoundingClientRect().left - axis._offset;
    if (left < 0 || left > axis._length) return;
    var at = axis.p2c(left);
    document.querySelectorAll(".chart-frame").forEach(function (frame) {
      var plot = plotOf(frame);
      if (!isTime(plot)) return;
      var own = plot._fullLayout.xaxis, place = own.c2p(at), rect = plot.getBoundingClientRect();
      if (place < 0 || place > own._length || rect.bottom < 0 || rect.top > innerHeight) return;
      var cross = crossOf(frame), margins = plot._fullLayout._size, wide = own.p2c(own._length) - own.p2c(0);
      cross.style.transform = "translateX(" + Math.round(own._offset + place) + "px)";
      cross.style.top = margins.t + "px";
      cross.style.height = margins.h + "px";
      cross.style.display = "block";
      cross.classList.toggle("late", place > own._length / 2);
      var lines = plot === over ? [] : said(plot, at, wide / 20);
      cross.firstChild.textContent = lines.join("\n");
      cross.firstChild.hidden = !lines.length;
      cross.firstChild.style.maxWidth = Math.min(220, (place > own._length / 2 ? own._offset + place : rect.width - own._offset - place) - 10) + "px";
      shown.push(cross);
    });
  }
  document.addEventListener("pointermove", function (event) {
    if (event.pointerType !== "mouse" || event.buttons) { if (shown.length) hideCross(); return; }
    pointer = event;
    if (!frame_asked) frame_asked = requestAnimationFrame(drawCross);
  }, { passive: true });
  document.addEventListener("pointerleave", function () { pointer = null; hideCross(); });
  // Drawn anew under a pointer that rests: the line is put back.
  setInterval(function () { if (pointer && shown.some(function (cross) { return !cross.isConnected; })) drawCross(); }, 200);

  // ---- a click on a point: the rows behind it ----
  var due = 0, twice = -Infinity; // what a click leads to, and when one was the second of two
  function hear(plot) {
    if (!plot || !plot.on || plot.heardOn === plot._ev) return;
    plot.heardOn = plot._ev;
    // The first click of a double one looks like any other: it waits until no second can come. Two lead nowhere: they zoom out.
    var wait = (plot._context && plot._context.doubleClickDelay) || 300;
    plot.on("plotly_click", function (told) {
      var act = clicked(plot, told);
      clearTimeout(due);
      if (act && performance.now() - twice > wait) due = setTimeout(act, wait);
    });
    plot.on("plotly_doubleclick", function () { twice = performance.now(); clearTimeout(due); });
    plot.closest(".chart-frame").classList.toggle("clickable", Boolean(metaOf(plot).click));
  }
  // At the press as well: a chart drawn anew under a pointer that rests has forgotten who listened, and tells of no pointer that comes.
  ["pointerover", "pointerdown"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      hear(event.target.closest && event.target.closest(".chart-frame .js-plotly-plot"));
      if (name === "pointerdown") clearTimeout(due);
    }, { passive: true, capture: true });
  });

  // Of bars with a line over them the bars: the line's points stand in the middle of a bucket.
  function behind(told) {
    var bars = told.points.filter(function (point) { return point.data.type === "bar"; });
    return (bars.length ? bars : told.points.slice()).sort(function (a, b) { return a.curveNumber - b.curveNumber; });
  }
  function hit(plot, told) {
    var layout = plot._fullLayout, y = told.event.clientY - plot.getBoundingClientRect().top - layout.yaxis._offset;
    var points = behind(told);
    if (points[0].data.type === "bar") {
      var aim = layout.yaxis.p2c(y), base = 0;
      return points.find(function (point) { base += Number(point.y) || 0; return aim <= base; }) || null;
    }
    return points.reduce(function (best, point) {
      var away = Math.abs(layout.yaxis.c2p(point.y) - y);
      return best && best.away <= away ? best : { away: away, point: point };
    }, null).point;
  }
  // The instant of a point. The clock shows an hour twice where it goes back: the second time stands behind later ones, or behind itself.
  function instant(plot, point) {
    var zone = metaOf(plot).zone || "UTC", text = String(point.x).replace(" ", "T"), xs = point.data.x, all = window.times.instants(ms(text) / 1000, zone);
    var again = all.length > 1 && Array.prototype.some.call(xs.slice(0, point.pointNumber), function (x) { return ms(String(x).replace(" ", "T")) >= ms(text); });
    return 1000 * all[again ? 1 : 0];
  }
  // The bucket a point stands for, by the stamp of its beginning. Bars stand in the order of their buckets.
  function bucketOf(plot, point) {
    var keys = Object.keys(metaOf(plot).ends || {});
    return point.data.type === "bar" && keys.length === point.data.x.length ? keys[point.pointNumber] : stamp(instant(plot, point));
  }
  function behindBucket(plot, key) {
    var meta = metaOf(plot), start = Date.parse(key), end = meta.ends && meta.ends[key] ? Date.parse(meta.ends[key]) : start + (meta.step_s || 60) * 1000;
    if (meta.starts && meta.starts[key]) start = Date.parse(meta.starts[key]);
    return window.times.range(start / 1000, Math.max(end, start + 60000) / 1000, meta.zone || "UTC");
  }
  function withRange(href, range) { return href + (href.indexOf("?") < 0 ? "?" : "&") + "range=" + range.replace(/\+/g, "%2B"); }
  // What a click leads to; nothing where it leads nowhere.
  function clicked(plot, told) {
    var meta = metaOf(plot), frame = plot.closest(".chart-frame");
    if (!meta.click || !told.points || !told.points.length || !frame) return null;
    var point = hit(plot, told), key = bucketOf(plot, point || behind(told)[0]), range = behindBucket(plot, key);
    var href = (point && point.data.meta && point.data.meta.href) || meta.href;
    // What is only forecast has no rows behind it.
    if (meta.last && Date.parse(key) > Date.parse(meta.last)) return function () { table(frame, ""); };
    return function () { if (href) window.pages.follow(withRange(href, range)); else table(frame, range); };
  }

  // ---- the menu of a chart ----
  var menu = null;

  function query(frame, range) {
    var asked = new URLSearchParams(frame.dataset.behind);
    if (range) asked.set("range", range);
    return asked.toString();
  }
  function closeMenu(focus) {
    if (!menu) return;
    var frame = frameOf(menu.chart), button = frame && frame.querySelector("[data-chart-menu]");
    menu.remove();
    menu = null;
    if (!button) return;
    button.setAttribute("aria-expanded", "false");
    if (focus) button.focus({ preventScroll: true });
  }
  function item(words, run) {
    var el = make("button", "menu-item", words);
    el.type = "button";
    el.addEventListener("click", function () { closeMenu(true); run(); });
    return el;
  }
  function openMenu(button) {
    var frame = button.closest(".chart-frame"), items = [], place = button.getBoundingClientRect();
    closeMenu(false);
    menu = make("div", "chart-menu");
    menu.chart = frame.dataset.chart;
    menu.setAttribute("role", "menu");
    menu.setAttribute("aria-label", "Take this chart away");
    if (frame.dataset.behind) {
      items.push(item("Table", function () { table(frame, ""); }));
      var csv = make("a", "menu-item", "CSV, all of it");
      csv.href = EXPORT + ".csv?" + query(frame, "");
      csv.setAttribute("download", "");
      csv.addEventListener("click", function () { setTimeout(closeMenu, 0, true); });
      items.push(csv);
    }
    items.push(item("PNG picture", function () { picture(frameOf(frame.dataset.chart) || frame); }));
    items.push(item("Copy link to this chart", function () { copyLink(frameOf(frame.dataset.chart) || frame); }));
    items.forEach(function (each) { each.setAttribute("role", "menuitem"); each.tabIndex = -1; menu.appendChild(each); });
    document.body.appendChild(menu);
    var size = menu.getBoundingClientRect(), below = place.bottom + size.height + 4 < innerHeight;
    menu.style.left = Math.max(8, Math.min(place.right - size.width, innerWidth - size.width - 8)) + "px";
    menu.style.top = (below ? place.bottom + 4 : Math.max(8, place.top - size.height - 4)) + "px";
    button.setAttribute("aria-expanded", "true");
    items[0].focus();
    menu.addEventListener("keydown", function (event) {
      var at = items.indexOf(document.activeElement), step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) items[(at + step + items.length) % items.length].focus();
      else if (event.key === "Home") items[0].focus();
      else if (event.key === "End") items[items.length - 1].focus();
      else if (event.key === "Escape" || event.key === "Tab") closeMenu(true);
      else { event.stopPropagation(); return; }
      event.preventDefault();
      event.stopPropagation();
    });
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-chart-menu]");
    if (button) { if (menu && menu.chart === button.dataset.chartMenu) closeMenu(true); else openMenu(button); return; }
    if (menu && !menu.contains(event.target)) closeMenu(false);
  });
  document.addEventListener("scroll", function () { closeMenu(false); }, { capture: true, passive: true });

  // ---- its data as a table ----
  function table(frame, range) {
    var asked = query(frame, range), dialog = make("dialog", "chart-table"), head = make("div", "chart-table-head");
    var title = make("h2", "", "Table"), acts = make("div", "chart-table-acts"), body = make("div", "chart-table-body", "Reading …");
    var close = make("button", "button", "Close"), csv = make("a", "button", "CSV");
    close.type = "button";
    close.addEventListener("click", function () { dialog.close(); });
    csv.href = EXPORT + ".csv?" + asked;
    csv.setAttribute("download", "");
    title.id = "chart-table-title";
    dialog.setAttribute("aria-labelledby", title.id);
    acts.append(csv, close);
    head.append(title, acts);
    dialog.append(head, body);
    dialog.addEventListener("close", function () { dialog.remove(); var again = frameOf(frame.dataset.chart); if (again) again.querySelector("[data-chart-menu]").focus({ preventScroll: true }); });
    dialog.addEventListener("keydown", function (event) { event.stopPropagation(); });
    dialog.addEventListener("click", function (event) {
      if (event.target === dialog || event.target.closest("a[data-nav]")) setTimeout(function () { dialog.close(); }, 0);
    });
    document.body.appendChild(dialog);
    dialog.showModal();
    body.tabIndex = 0;
    fetch(EXPORT + ".json?" + asked, { headers: { accept: "application/json" } }).then(function (answer) {
      return answer.json().then(function (told) { return { ok: answer.ok, told: told }; });
    }).then(function (got) {
      if (!got.ok) { var fault = got.told.error || got.told; throw new Error((fault.what || fault.message || "it could not be read") + (fault.hint ? ". " + fault.hint.charAt(0).toUpperCase() + fault.hint.slice(1) : "")); }
      fill(title, body, got.told);
    }).catch(function (error) { body.textContent = "There is no table: " + error.message; });
  }
  function fill(title, body, told) {
    title.textContent = told.title;
    body.textContent = "";
    var few = told.rows.length < told.count ? "The newest " + told.rows.length.toLocaleString("en") + " of " + told.count.toLocaleString("en") + " lines; the CSV has all. " : "";
    body.appendChild(make("p", "dim", few + told.note + (told.note ? ". " : "") + "Times: " + told.zone + "."));
    if (!told.rows.length) { body.appendChild(make("p", "", "No values in this range: choose a longer one, or see at Sources what is read.")); return; }
    var grid = make("table", "plain-table"), caption = make("caption", "sr", told.title), head = grid.createTHead().insertRow(), rows = grid.createTBody();
    grid.prepend(caption);
    told.columns.forEach(function (column) {
      var cell = make("th", column.number ? "num" : "", column.words);
      cell.scope = "col";
      head.appendChild(cell);
    });
    told.rows.forEach(function (row, n) {
      var line = rows.insertRow();
      row.forEach(function (text, place) {
        var cell = line.insertCell();
        if (told.columns[place].number) cell.className = "num";
        if (place === 0 && told.links[n]) {
          var link = make("a", "", text);
          link.href = told.links[n];
          link.dataset.nav = "1";
          link.title = "What is behind it";
          cell.appendChild(link);
        } else cell.textContent = text;
      });
    });
    body.appendChild(grid);
  }

  // ---- a link and a picture ----
  function copyLink(frame) {
    var asked = new URLSearchParams(location.search), meta = metaOf(plotOf(frame)), path = location.pathname;
    var elsewhere = document.querySelector("[data-zoom-to]"), signal = new URLSearchParams(frame.dataset.behind || "").get("signal");
    var fixed = Boolean(frame.dataset.ranged && meta.since);
    if (fixed) {
      asked.set("range", meta.range);
      asked.set("tz", meta.zone || "UTC");
      // A page that is always of now cannot show these times again: the page that can has the same chart.
      if (elsewhere && elsewhere.dataset.zoomTo && signal) { path = elsewhere.dataset.zoomTo; asked.set("component", signal.split(".")[0]); }
    }
    var text = asked.toString().replace(/%3A/g, ":").replace(/%2F/g, "/");
    var said = fixed ? "Link copied: this chart at exactly these times" : "Link copied. This chart always shows how things are now";
    window.pages.copy(location.origin + path + (text ? "?" + text : "") + "#" + encodeURIComponent(frame.dataset.chart), said);
  }

  function titleOf(frame) {
    var card = frame.closest(".card, .drawer"), own = frame.previousElementSibling;
    if (own && own.matches("h2, .chart-title")) return words(own);
    var head = card && card.querySelector("h2"), unit = head && words(head.querySelector(".unit")), named = head && head.cloneNode(true);
    if (named) named.querySelectorAll(".unit, .badge").forEach(function (each) { each.remove(); });
    return [words(named), unit].filter(Boolean).join(", ") || frame.dataset.chart;
  }
  function picture(frame) {
    var plot = plotOf(frame), meta = metaOf(plot), style = getComputedStyle(document.documentElement), card = frame.closest(".card, .drawer");
    if (!plot || !plot.layout || !window.Plotly) { toast("The chart is not drawn yet: try again in a moment"); return; }
    var layout = JSON.parse(JSON.stringify(plot.layout)), full = plot._fullLayout, margin = Object.assign({}, full._size && { l: full._size.l, r: full._size.r, t: full._size.t, b: full._size.b });
    var asked = new URLSearchParams(frame.dataset.behind || ""), title = titleOf(frame);
    var platform = asked.get("platform") || (location.pathname.match(/^\/platforms\/([^/]+)/) || [])[1] || "";
    // Of several figures the one that the chart adds up to.
    var main = card && (card.querySelector(".chart-lead") || card), age = words(card && card.querySelector(".age"));
    var lead = [words(main && main.querySelector(".card-value")), words(main && main.querySelector(".card-context"))].filter(Boolean).join(" · ");
    var foot = [meta.since ? meta.since.replace("T", " ") + " to " + meta.until.replace("T", " ") + " " + meta.zone : "", platform, age ? "age " + age : "", "Roomleft"].filter(Boolean).join(" · ");
    var wide = Math.max(plot.clientWidth, 720), letters = Math.floor((wide - 24) / 6.2);
    var cut = function (text) { return escaped(text.length > letters ? text.slice(0, letters - 1) + "…" : text); };
    var put = function (text, y, anchor, shift, size) {
      return { xref: "paper", yref: "paper", x: 0, y: y, xanchor: "left", yanchor: anchor, xshift: 12 - margin.l, yshift: shift, showarrow: false, align: "left", text: text, font: { size: size, color: style.getPropertyValue(size > 12 ? "--text" : "--dim").trim() } };
    };
    layout.annotations = (layout.annotations || []).concat([
      put("<b>" + cut(title) + "</b>", 1, "bottom", margin.t + 22, 14), put(cut(lead), 1, "bottom", margin.t + 4, 11), put(cut(foot), 0, "top", -margin.b - 2, 11)
    ]);
    if (full.xaxis && full.xaxis.range) layout.xaxis = Object.assign({}, layout.xaxis, { range: full.xaxis.range.slice() });
    layout.margin = { l: margin.l, r: margin.r, t: margin.t + 46, b: margin.b + 22 };
    layout.height = (plot.clientHeight || layout.height) + 68;
    layout.width = wide;
    layout.autosize = false;
    layout.paper_bgcolor = style.getPropertyValue("--surface").trim() || "#fff";
    window.chartPicture({ data: plot.data, layout: layout, config: { displayModeBar: false } }, wide, layout.height).then(function (address) {
      var link = make("a");
      link.href = address;
      link.download = (title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "chart") + (meta.until ? "-" + meta.until.replace(":", "") : "") + ".png";
      document.body.appendChild(link);
      link.click();
      link.remove();
      toast("Picture saved");
    }, function () { toast("The picture could not be made: take the CSV, or reload the page"); });
  }

  // ---- a link that names a chart: bring it into view once it is drawn ----
  function pointAt() {
    var name = decodeURIComponent(location.hash.slice(1)), left = false, until = Date.now() + 180000, awaited = Date.now(), times_shown = 0;
    if (!name || /[^\w.@:#/ -]/.test(name)) return;
    var leave = function () { left = true; };
    ["wheel", "touchstart", "keydown"].forEach(function (kind) { addEventListener(kind, leave, { once: true, passive: true }); });
    (function look() {
      var frame = frameOf(name), place = frame || name.indexOf("term-") === 0 ? null : document.getElementById(name);
      if (place && !left) { place.scrollIntoView({ block: "start" }); return; }
      // On a slow server the page may be long in coming: only once it stands is a chart missing.
      if (frame || !document.getElementById("page") || document.querySelector("#page .skeleton")) awaited = Date.now();
      var gone = !times_shown && Date.now() - awaited > 8000;
      if (!left && gone) toast("The chart that this link names is not here: its filters fit nothing now, or it needs a role that you do not have (an administrator gives roles)");
      if (left || gone || Date.now() > until || times_shown > 3) return;
      if (frame && frame.querySelector(".main-svg")) {
        // What stands above may still grow: once more a little later.
        (frame.closest(".card") || frame).scrollIntoView({ block: "center" });
        if (!times_shown) frame.classList.add("pointed-at");
        times_shown += 1;
        setTimeout(function () { frame.classList.remove("pointed-at"); }, 6000);
      }
      setTimeout(look, times_shown ? 700 : 150);
    })();
  }
  addEventListener("hashchange", pointAt);
  addEventListener("_dashprivate_pushstate", function () { if (location.hash) setTimeout(pointAt, 0); });
  pointAt();
})();
