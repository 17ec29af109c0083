// What a table's cells say: a number, an instant or words to sort by, and text for a CSV file.
(function () {
  "use strict";
  var NOTHING = /^(?:[–—\-?]|unknown|none|n\/a|no (?:reading|figure|date|data).*|not (?:yet|measured|known).*|never)?$/i;
  var SCALE = { "%": 1, "×": 1, x: 1, k: 1e3, m: 1e6, bn: 1e9, ms: 1e-3, s: 1, sec: 1, min: 60, h: 3600, d: 86400, days: 86400, day: 86400, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 1024, mib: 1048576, gib: 1073741824, tib: 1099511627776 };
  var NUMBER = /^(?:at least |at most |about )?([<>≥≤~≈]?)\s*([+\-]?)\s*\$?\s*([+\-]?)(\d[\d,]*(?:\.\d+)?|\.\d+)\s*(%|×|[a-z]+)?/i;
  var MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
  var RANK = { exhausted: 0, fail: 0, tight: 1, warn: 1, unknown: 2, ok: 3, pass: 3 };

  function plain(words) { return words.replace(/[\u202f\u00a0\u2009]/g, " ").replace(/\u2212/g, "-").replace(/\s+/g, " ").trim(); }

  // What "today" is: the day of the page's clock in its zone, as the server writes it.
  var day_of = { minute: -1, now: null };
  function now_shown() {
    var seconds = window.pages ? window.pages.now() : Date.now() / 1000, zone = document.querySelector("[data-menu=range][data-zone]");
    if (Math.floor(seconds / 60) === day_of.minute && zone === day_of.zone) return day_of.now;
    var text = window.times && zone ? window.times.wall(seconds, zone.dataset.zone) : new Date(seconds * 1000).toISOString().slice(0, 16);
    day_of = { minute: Math.floor(seconds / 60), zone: zone, now: new Date(text + "Z") };
    return day_of.now;
  }

  function instant(words) {
    var found = /^(?:(today|yesterday|tomorrow)|(\d{1,2}) ([A-Z][a-z]{2})(?: (\d{4}))?)(?:,? (\d{2}):(\d{2}))?/.exec(words), now, day;
    if (!found) { found = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}))?/.exec(words); return found ? Date.UTC(+found[1], +found[2] - 1, +found[3], +found[4] || 0, +found[5] || 0) : null; }
    now = now_shown();
    if (found[1]) day = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + { today: 0, yesterday: -1, tomorrow: 1 }[found[1]]);
    else if (MONTHS.indexOf(found[3].toLowerCase()) < 0) return null;
    else day = Date.UTC(+found[4] || now.getUTCFullYear(), MONTHS.indexOf(found[3].toLowerCase()), +found[2]);
    return day + ((+found[5] || 0) * 60 + (+found[6] || 0)) * 60000;
  }

  var collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  function apart(a, b) {
    if (a.by === b.by) return 0;
    // The same words with a number after them need no collation, which is slow.
    if (a.lead !== null && a.lead === b.lead) return a.tail - b.tail;
    return collator.compare(a.by, b.by);
  }

  // Where each row stands when a column goes up, equals alike, null for the unknown. `values`: a row's worth each.
  function ranks(values, numbers) {
    var known = [], told = new Map(), rank = 0, compare = numbers ? function (a, b) { return a.by - b.by; } : apart;
    values.forEach(function (value, row) {
      if (!value) { told.set(row, null); return; }
      if (numbers) { known.push({ row: row, by: value.n }); return; }
      var words = value.t !== undefined ? value.t : String(value.n), found = /^(.*?)(\d{1,15})$/.exec(words);
      known.push({ row: row, by: words, lead: found ? found[1] : null, tail: found ? Number(found[2]) : 0 });
    });
    known.sort(compare).forEach(function (each, n) { if (n && compare(known[n - 1], each) !== 0) rank += 1; told.set(each.row, rank); });
    return told;
  }

  // What a cell is sorted by: {n} a number, {t} words, null for what nobody knows.
  function worth(cell) {
    if (!cell) return null;
    var said = cell.dataset.sort;
    if (said !== undefined) return said === "" ? null : isNaN(said) ? { t: said } : { n: Number(said) };
    var inner = cell.firstElementChild, mark = inner && cell.querySelector(".age[data-at]"), words = plain(cell.textContent);
    if (mark && plain(mark.textContent) === words) return { n: -Number(mark.dataset.at) };
    mark = inner && cell.querySelector(".glyph");
    if (mark && !words) { words = Object.keys(RANK).find(function (name) { return mark.classList.contains(name); }); return words ? { n: RANK[words] } : null; }
    if (NOTHING.test(words)) return null;
    var at = instant(words.replace(/^(?:after|by|until|since) /, ""));
    if (at !== null) return { n: at, t: words };
    var found = NUMBER.exec(words);
    if (!found) return { t: words };
    var unit = (found[5] || "").toLowerCase(), number = Number(found[4].replace(/,/g, "")) * (SCALE[unit] || 1);
    if (found[2] === "-" || found[3] === "-") number = -number;
    return { n: number + (found[1] === "<" ? -1e-9 : found[1] === ">" ? 1e-9 : 0), t: words };
  }

  function cellText(cell) {
    var mark = cell.querySelector(".age[data-at]"), glyph = cell.querySelector(".glyph"), said = plain(cell.textContent);
    if (mark && plain(mark.textContent) === said) return new Date(Number(mark.dataset.at) * 1000).toISOString().replace(".000Z", "Z");
    if (!said && glyph) return glyph.getAttribute("aria-label") || "";
    // Blocks within a cell are lines of their own: a space between them.
    return plain(Array.prototype.map.call(cell.childNodes, function (node) { return node.textContent; }).join(" "));
  }

  function quoted(text) {
    // What a spreadsheet would run as a formula gets an apostrophe; a negative number is a number.
    if (/^[=+\-@\t\r]/.test(text) && !/^[+-]?\$?[\d.,]+ ?%?$/.test(text)) text = "'" + text;
    return /[",\n\r]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }

  // The lines of a file: headings, and a row's cells each.
  function csv(names, rows) {
    var lines = [names.map(quoted).join(",")];
    rows.forEach(function (row) { lines.push(names.map(function (_, n) { return row.children[n] ? quoted(cellText(row.children[n])) : ""; }).join(",")); });
    return "\ufeff" + lines.join("\r\n") + "\r\n";
  }

  window.cells = { plain: plain, worth: worth, ranks: ranks, csv: csv };
})();
