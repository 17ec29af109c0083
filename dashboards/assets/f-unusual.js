// "Mark as expected": what it was, for how long, a note. What the server refuses is said in the form, which stays open.
(function () {
  "use strict";
  var make = window.deeds.make;
  var KINDS = [["launch", "Launch"], ["campaign", "Campaign"], ["backfill", "Back-fill"], ["holiday", "Holiday"], ["other", "Something else"]];
  var SPANS = [["", "A day from now"], ["3d", "3 days from its beginning"], ["7d", "A week from its beginning"], ["30d", "30 days from its beginning"]];

  function select(name, options) {
    return make("select", { name: name }, options.map(function (each) { return make("option", { value: each[0] }, [each[1]]); }));
  }

  function open(told) {
    var parts = [
      make("label", {}, ["What it was", select("kind", KINDS)]),
      make("label", {}, ["Expected until", select("lasts", SPANS)]),
      make("label", {}, ["Note", make("input", { name: "note", type: "text", autocomplete: "off", maxlength: "500" })])
    ];
    window.deeds.form(told.name, parts, "It was expected", function (form) {
      var body = { kind: form.elements.kind.value, note: form.elements.note.value.trim() };
      if (form.elements.lasts.value) body["for"] = form.elements.lasts.value;
      return window.deeds.send("POST", "/api/v1/anomalies/" + encodeURIComponent(told.id) + "/expected", body);
    }, function () { return "Remembered as expected"; }, { className: "oncall-form", label: "Mark as expected" });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("button[data-anomaly]");
    if (button) open(JSON.parse(button.dataset.anomaly));
  });
})();
