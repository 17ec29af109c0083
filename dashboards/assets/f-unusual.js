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
    var says = make("div", { "class": "says", role: "status" });
    var keep = make("button", { type: "submit", "class": "button primary" }, ["It was expected"]);
    var stop = make("button", { type: "button", "class": "button" }, ["Cancel"]);
    var form = make("form", { method: "dialog" }, [
      make("h2", {}, [told.name]),
      make("label", {}, ["What it was", select("kind", KINDS)]),
      make("label", {}, ["Expected until", select("lasts", SPANS)]),
      make("label", {}, ["Note", make("input", { name: "note", type: "text", autocomplete: "off", maxlength: "500" })]),
      says, make("div", { "class": "acts" }, [stop, keep])
    ]);
    var dialog = make("dialog", { "class": "oncall-form", "aria-label": "Mark as expected" }, [form]);
    stop.addEventListener("click", function () { dialog.close(); });
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      keep.disabled = true;
      var body = { kind: form.elements.kind.value, note: form.elements.note.value.trim() };
      if (form.elements.lasts.value) body["for"] = form.elements.lasts.value;
      window.deeds.send("POST", "/api/v1/anomalies/" + encodeURIComponent(told.id) + "/expected", body).then(function () {
        dialog.close();
        window.deeds.toast("Remembered as expected");
        window.deeds.again();
      }).catch(function (error) {
        says.textContent = error.message;
        says.classList.add("bad");
      }).then(function () { keep.disabled = false; });
    });
    window.deeds.show(dialog);
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("button[data-anomaly]");
    if (button) open(JSON.parse(button.dataset.anomaly));
  });
})();
