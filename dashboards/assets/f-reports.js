// Reports: adding and ending a recipient, sending a report now. What the server refuses is said in the form, which stays open.
(function () {
  "use strict";
  var make = window.deeds.make, toast = window.deeds.toast, send = window.deeds.send, again = window.deeds.again;
  var DAYS = [["mon", "Monday"], ["tue", "Tuesday"], ["wed", "Wednesday"], ["thu", "Thursday"], ["fri", "Friday"], ["sat", "Saturday"], ["sun", "Sunday"]];

  function labelled(words, field) { return make("label", {}, [words, field]); }

  function select(name, options, chosen) {
    var el = make("select", { name: name }, options.map(function (each) { return make("option", { value: each[0] }, [each[1]]); }));
    el.value = chosen;
    return el;
  }

  function platforms(known, chosen) {
    var boxes = known.map(function (slug) {
      var box = make("input", { type: "checkbox", name: "platforms", value: slug });
      box.checked = chosen.indexOf(slug) >= 0;
      return make("label", {}, [box, slug]);
    });
    return make("fieldset", { "class": "known-platforms" }, [make("legend", {}, ["Of which platforms (none chosen: all)"])].concat(boxes));
  }

  function chosen(form) {
    return Array.prototype.filter.call(form.querySelectorAll("[name=platforms]"), function (box) { return box.checked; }).map(function (box) { return box.value; });
  }

  function open(title, parts, submit, ask, done) {
    window.deeds.form(title, parts, submit, ask, done, { className: "oncall-form report-form", waiting: "One moment …" });
  }

  function add(told) {
    var hours = Array.from({ length: 24 }, function (_, hour) { return [String(hour), (hour < 10 ? "0" : "") + hour + ":00"]; });
    open("Add a recipient of the weekly report", [
      labelled("Address", make("input", { name: "address", type: "text", inputmode: "email", autocomplete: "off", spellcheck: "false" })),
      make("div", { "class": "pair" }, [labelled("On", select("weekday", DAYS, "mon")), labelled("At", select("hour", hours, "8"))]),
      labelled("By the clocks of", make("input", { name: "zone", type: "text", autocomplete: "off", value: told.zone })),
      platforms(told.known, [])
    ], "Add", function (form) {
      var fields = form.elements;
      return send("POST", "/api/v1/recipients", {
        address: fields.address.value.trim(), weekday: fields.weekday.value, hour: Number(fields.hour.value), zone: fields.zone.value.trim(), platforms: chosen(form)
      });
    }, function (said) { return said.address + " gets the next report"; });
  }

  function sendNow(told) {
    open("Make the weekly report now and send it", [
      labelled("To: an address a line; empty: every recipient, each in their zone", make("textarea", { name: "to", rows: "3", spellcheck: "false" })),
      platforms(told.known, told.platforms)
    ], "Send", function (form) {
      var to = form.elements.to.value.split(/[\s,;]+/).filter(Boolean);
      var body = { zone: told.zone, platforms: chosen(form) };
      if (to.length) body.to = to;
      return send("POST", "/api/v1/reports/send", body);
    }, function (said) {
      var copies = said.mailings || [];
      var sent = copies.filter(function (each) { return each.state === "sent"; }).length;
      var open = copies.length - sent;
      return (sent === 1 ? "1 copy sent" : sent + " copies sent") + (open ? ", " + open + " not yet: the archive says why" : "");
    });
  }

  function end(told, button) {
    if (!window.confirm("End the weekly report to " + told.address + "? What still waits for them is called off.")) return;
    button.disabled = true;
    send("DELETE", "/api/v1/recipients/" + encodeURIComponent(told.id), {}).then(function () { toast(told.address + " gets no further report"); again(); })
      .catch(function (error) { toast(error.message); }).then(function () { button.disabled = false; });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("button[data-told]");
    if (!button) return;
    var told = JSON.parse(button.dataset.told);
    if (button.dataset.act === "add-recipient") add(told);
    if (button.dataset.act === "send-report") sendNow(told);
    if (button.dataset.act === "end-recipient") end(told, button);
  });
})();
