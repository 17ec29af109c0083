// A table's menu: all its rows as a CSV file, which columns are shown, and back to how it was.
(function () {
  "use strict";

  function make(tag, name, text) {
    var el = document.createElement(tag);
    if (name) el.className = name;
    if (text !== undefined) el.textContent = text;
    return el;
  }

  function download(title, names, rows) {
    var text = window.cells.csv(names.map(function (name) { return name[0] === "#" ? "" : name; }), rows);
    var link = make("a"), url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.href = url;
    link.download = (title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "table") + ".csv";
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(url); }, 10000);
  }

  // `of`: the table's title, its rows in their order, and what makes a change seen and remembered.
  function fill(bar, of) {
    var own = bar.owner, box = bar.querySelector(".menu");
    box.textContent = "";
    if (!own.ownCsv) {
      var csv = make("button", "menu-item", "CSV of all " + own.count.toLocaleString("en") + " rows");
      csv.addEventListener("click", function () { download(of.title(own), own.names, of.rows(own)); bar.querySelector("details").removeAttribute("open"); });
      box.append(csv);
    }
    // On a phone the rows of a grid are cards: they have no columns.
    if (own.choosable && own.names.length > 2 && !(own.grid && innerWidth < 768)) {
      box.append(make("div", "menu-heading" + (own.ownCsv ? " first" : ""), "Columns"));
      own.names.forEach(function (name, n) {
        if (n < (own.grid ? 2 : 1) || name[0] === "#") return;
        var label = make("label", "menu-item check"), tick = make("input");
        tick.type = "checkbox";
        tick.checked = (own.state.h || []).indexOf(name) < 0;
        tick.addEventListener("change", function () {
          var mine = bar.owner, gone = (mine.state.h || []).filter(function (each) { return each !== name; });
          mine.state.h = tick.checked ? gone : gone.concat([name]);
          of.changed(mine);
        });
        label.append(tick, " ", make("bdi", "", name));
        box.append(label);
      });
    }
    var again = make("button", "menu-item", "As it was");
    again.addEventListener("click", function () { var mine = bar.owner; mine.state = {}; mine.page = 0; of.changed(mine); bar.querySelector("details").removeAttribute("open"); });
    box.append(again);
  }

  window.tableMenu = { fill: fill, make: make };
})();
