// A chart on a phone: fewer dates below, and on top only the words that fit beside each other. What is left out is told by a tap.
(function () {
  "use strict";
  var NARROW_PX = 420, TICKS = 5, LETTER_PX = 6.4, DOT = "\u00b7";

  function ms(text) { return Date.parse(String(text).replace(" ", "T") + (String(text).length > 10 ? "Z" : "T00:00Z")); }
  function wide(layout, plot) { return plot.clientWidth - ((layout.margin && layout.margin.l) || 0) - ((layout.margin && layout.margin.r) || 0); }

  function over(each) { return each.yref === "paper" && each.y === 1 && typeof each.x === "string"; }

  // Names of alerts would lie over the lines: their bands stay. Of two words over the chart that touch the first stays, and of a mark without a word its dot.
  function words(annotations, start, length, px) {
    var free = -1e9, kept = annotations.filter(function (each) { return !(over(each) && each.yanchor === "top"); });
    var small = new Set(), top = kept.filter(function (each) { return over(each) && each.text !== DOT; });
    top.sort(function (a, b) { return ms(a.x) - ms(b.x); }).forEach(function (each) {
      var at = (ms(each.x) - start) / length * px, size = String(each.text).length * LETTER_PX;
      var left = each.xanchor === "left" ? at : each.xanchor === "right" ? at - size : at - size / 2;
      if (left < free) small.add(each); else free = left + size + 4;
    });
    return kept.map(function (each) { return small.has(each) ? Object.assign({}, each, { text: DOT }) : each; });
  }

  function fitted(plot, layout) {
    var axis = layout && layout.xaxis;
    if (!plot || !axis || axis.type !== "date" || !plot.clientWidth || plot.clientWidth >= NARROW_PX) return layout;
    var range = axis.range || [], start = ms(range[0]), length = ms(range[1]) - start;
    return Object.assign({}, layout, {
      xaxis: Object.assign({}, axis, { nticks: Math.min(axis.nticks || TICKS, TICKS) }),
      annotations: length > 0 && layout.annotations ? words(layout.annotations, start, length, wide(layout, plot)) : layout.annotations
    });
  }

  // The library comes later than this: it is met when it names itself.
  var library;
  function met(found) {
    if (found && !found.fitsNarrow) ["react", "newPlot"].forEach(function (name) {
      var plain = found[name];
      found[name] = function (plot, data, layout, config) {
        var el = typeof plot === "string" ? document.getElementById(plot) : plot;
        if (data && !Array.isArray(data) && data.layout) return plain.call(found, plot, Object.assign({}, data, { layout: fitted(el, data.layout) }));
        return plain.call(found, plot, data, fitted(el, layout), config);
      };
    });
    if (found) found.fitsNarrow = true;
    library = found;
  }
  if (window.Plotly) met(window.Plotly);
  Object.defineProperty(window, "Plotly", { configurable: true, get: function () { return library; }, set: met });
})();
