// Capacity: the search field, whose words stand in the address, and a row that opens like its name.
(function () {
  "use strict";
  function asked(key) { return new URLSearchParams(location.search).get(key) || ""; }

  function search(slot) {
    var key = slot.dataset.search, waiting = 0;
    var field = document.createElement("input");
    field.type = "search";
    field.className = "forecast-search";
    field.placeholder = slot.dataset.label;
    field.setAttribute("aria-label", slot.dataset.label);
    field.value = asked(key);
    field.addEventListener("input", function () {
      clearTimeout(waiting);
      waiting = setTimeout(function () {
        var query = new URLSearchParams(location.search);
        if (field.value.trim()) query.set(key, field.value.trim()); else query.delete(key);
        var text = query.toString();
        // Back leads to the page before, not through the letters.
        window.pages.go(location.pathname + (text ? "?" + text : ""), true);
      }, 300);
    });
    slot.append(field);
  }

  new MutationObserver(function () {
    document.querySelectorAll("[data-search]").forEach(function (slot) {
      if (!slot.firstChild) search(slot);
      else if (document.activeElement !== slot.firstChild && slot.firstChild.value.trim() !== asked(slot.dataset.search)) slot.firstChild.value = asked(slot.dataset.search);
    });
  }).observe(document.documentElement, { childList: true, subtree: true });

  document.addEventListener("click", function (event) {
    var row = event.target.closest && event.target.closest(".room-row:not(.head)");
    if (!row || event.target.closest("a,button") || String(window.getSelection())) return;
    var inside = row.querySelector("a.limit-link");
    if (inside) inside.click();
  });

  // What is opened stands above the list: whoever clicked far down is taken to it.
  var last = "";
  new MutationObserver(function () {
    var panel = document.querySelector(".room-large, .forecast-open");
    var name = panel ? panel.dataset.fan || panel.dataset.target || "" : "";
    if (panel && name !== last && panel.getBoundingClientRect().top < 48) panel.scrollIntoView({ block: "start" });
    last = name;
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
