// The forms of the Budgets page: drawn from what a button carries, sent to the API, which checks them and says what to do.
(function () {
  "use strict";
  var make = window.deeds.make, toast = window.deeds.toast, again = window.deeds.again;

  function input(field) {
    var el;
    if (field.type === "select") el = make("select", {}, field.options.map(function (each) { return make("option", { value: each[0] }, [each[1]]); }));
    else if (field.type === "text") el = make("textarea", { rows: "2" });
    else el = make("input", { type: { check: "checkbox", date: "date", hidden: "hidden" }[field.type] || "text", autocomplete: "off" });
    el.name = field.name;
    if (field.required) el.required = true;
    if (field.type === "check") el.checked = Boolean(field.value);
    else if (field.value !== undefined && field.value !== null && field.value !== "") el.value = field.value;
    return el;
  }

  function drawn(field) {
    if (field.type === "heading") return make("div", { "class": "form-heading" }, [field.label]);
    var el = input(field);
    if (field.type === "hidden") return el;
    var label = make("label", { "class": (field.type === "check" ? "check" : "") + (field.half ? " half" : "") }, field.type === "check" ? [el, field.label] : [field.label, el]);
    if (field.when) label.dataset.when = JSON.stringify(field.when);
    if (field.unless) label.dataset.unless = JSON.stringify(field.unless);
    return label;
  }

  function shape(form) {
    form.querySelectorAll("[data-when], [data-unless]").forEach(function (label) {
      var rule = JSON.parse(label.dataset.when || label.dataset.unless);
      var fits = rule.slice(1).indexOf(form.elements[rule[0]].value) >= 0;
      label.hidden = label.dataset.when ? !fits : fits;
    });
  }

  // `a.b` is b within a. What was left as it was is not sent when something is edited.
  function filled(form, told) {
    var body = {};
    var touched = {};
    told.fields.forEach(function (field) {
      if (!field.name) return;
      var el = form.elements[field.name];
      var value = field.type === "check" ? el.checked : el.value.trim();
      var before = field.type === "check" ? Boolean(field.value) : String(field.value === undefined || field.value === null ? "" : field.value);
      if (value !== before || field.type === "hidden") {
        touched[field.name.split(".")[0]] = true;
        if (field["with"]) touched[field["with"]] = true;
      }
      field.now = value;
    });
    told.fields.forEach(function (field) {
      if (!field.name) return;
      // What an amount is for goes with it: neither is guessed.
      if (told.method === "PUT" && !touched[field.name.split(".")[0]] && !(field["with"] && touched[field["with"]])) return;
      var place = body, path = field.name.split(".");
      path.slice(0, -1).forEach(function (step) { place = place[step] = place[step] || {}; });
      place[path[path.length - 1]] = field.empty === "null" && field.now === "" ? null : field.now;
    });
    if (body.counts) {
      var counts = body.counts.split(":");
      delete body.counts;
      body.meter = Object.assign(body.meter || {}, { kind: counts[0], unit: counts[1] });
      if (counts[0] === "count") body.meter.of = counts[1];
      body.limit.unit = counts[1];
    }
    return body;
  }

  function open(told) {
    var fields = make("div", { "class": "form-fields" }, told.fields.map(drawn));
    var form = window.deeds.form(told.title, [fields], told.submit,
      function (asked) { return window.deeds.send(told.method, told.url, filled(asked, told)); },
      function (said) { return ["Kept", said.amount_means, said.note].filter(Boolean).join(": "); },
      { className: "rule-form budget-form" });
    form.addEventListener("change", function () { shape(form); });
    shape(form);
  }

  // The budget that is opened stands above the list: whoever clicked far down is taken to it.
  var last = "";
  new MutationObserver(function () {
    // While the one that the address names is read, its place is kept, so that nothing moves under the pointer.
    var asked = location.pathname === "/budgets" && /[?&](budget|credit)=[^&]/.test(location.search);
    document.documentElement.toggleAttribute("data-budget-asked", asked);
    var panel = document.querySelector("#budgets-panel .budget-panel");
    var name = panel ? panel.dataset.key || "" : "";
    if (panel && name !== last && panel.getBoundingClientRect().top < 0) panel.scrollIntoView({ block: "start" });
    last = name;
  }).observe(document.documentElement, { childList: true, subtree: true });

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("button[data-form]");
    if (!button) return;
    var told = JSON.parse(button.dataset.form);
    if (button.dataset.act === "budget-form") open(told);
    if (button.dataset.act === "budget-do" && window.confirm(told.ask)) {
      button.disabled = true;
      window.deeds.send(told.method, told.url, {}).then(function () { toast("Taken back"); again(); }).catch(function (error) { toast(error.message); })
        .then(function () { button.disabled = false; });
    }
  });
})();
