// On call: taking an alert on, silencing, ending a silence. What the server refuses is said in the form, which stays open.
(function () {
  "use strict";
  var make = window.deeds.make, toast = window.deeds.toast, send = window.deeds.send, again = window.deeds.again;
  var DAYS = [["mon", "Mon"], ["tue", "Tue"], ["wed", "Wed"], ["thu", "Thu"], ["fri", "Fri"], ["sat", "Sat"], ["sun", "Sun"]];
  var SPANS = [["1h", "1 hour"], ["4h", "4 hours"], ["8h", "8 hours"], ["1d", "1 day"], ["7d", "7 days"], ["30d", "30 days"]];
  var YEAR = ["365d", "1 year"];

  function labelled(words, field, className) { return make("label", className ? { "class": className } : {}, [words, field]); }

  function input(name, attributes) { return make("input", Object.assign({ name: name, type: "text", autocomplete: "off" }, attributes || {})); }

  function select(name, options) {
    return make("select", { name: name }, options.map(function (each) { return make("option", { value: each[0] }, [each[1]]); }));
  }

  function open(title, parts, submit, ask, done) { return window.deeds.form(title, parts, submit, ask, done, { className: "oncall-form" }); }

  function acknowledge(told) {
    open("You have it: " + told.title, [labelled("A word on it, if you like", make("textarea", { name: "note", rows: "2", maxlength: "500" }))], "Acknowledge",
      function (form) { return send("POST", "/api/v1/alerts/" + encodeURIComponent(told.episode) + "/acknowledge", { note: form.elements.note.value.trim() }); },
      function () { return "Acknowledged: nobody else is paged for it until it is over"; });
  }

  function silence(told) {
    var matchers = make("textarea", { name: "matchers", rows: String(Math.max(2, told.matchers.length)), spellcheck: "false" });
    matchers.value = told.matchers.join("\n");
    var spans = told.recurring ? SPANS.concat([YEAR]) : SPANS;
    var parts = [
      labelled("What it matches: a matcher a line, such as severity=warning or component=~\"cache|edge\"", matchers),
      make("div", { "class": "pair" }, [labelled("For", select("lasts", spans)), labelled("Why", input("note", { maxlength: "500" }))])
    ];
    if (told.recurring) {
      var days = DAYS.map(function (each) { return make("label", {}, [make("input", { type: "checkbox", name: "days", value: each[0] }), each[1]]); });
      parts.push(
        make("label", {}, ["Only at times that come again (choose days; empty: all the time)"]),
        make("div", { "class": "days" }, days),
        make("div", { "class": "pair" }, [labelled("From", input("since", { placeholder: "22:00" })), labelled("To", input("until", { placeholder: "06:00" }))]),
        labelled("In the zone", input("zone", { value: told.zone }))
      );
    }
    open(told.title ? "Silence: " + told.title : "New silence", parts, "Silence", function (form) {
      var body = { matchers: matchers.value.split("\n").map(function (line) { return line.trim(); }).filter(Boolean), "for": form.elements.lasts.value, comment: form.elements.note.value.trim() };
      if (told.recurring) {
        var chosen = Array.prototype.filter.call(form.querySelectorAll("[name=days]"), function (each) { return each.checked; }).map(function (each) { return each.value; });
        if (chosen.length) body.recurring = { days: chosen, since: form.elements.since.value.trim(), until: form.elements.until.value.trim(), zone: form.elements.zone.value.trim() };
      }
      return send("POST", "/api/v1/silences", body);
    }, function () { return "Silenced"; });
  }

  function end(told, button) {
    if (!window.confirm("End the silence of " + told.words + "? Whoever was told of what it hides is not told again; what nobody was told of yet is told.")) return;
    done(button, send("DELETE", "/api/v1/silences/" + told.id, {}), "Ended");
  }

  function prolong(told, button) { done(button, send("POST", "/api/v1/silences", { id: String(told.id), endsAt: told.ends_at }), "It lasts an hour longer"); }

  function done(button, asked, words) {
    button.disabled = true;
    asked.then(function () { toast(words); again(); }).catch(function (error) { toast(error.message); }).then(function () { button.disabled = false; });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("button[data-told]");
    if (!button) return;
    var told = JSON.parse(button.dataset.told);
    if (button.dataset.act === "ack") acknowledge(told);
    if (button.dataset.act === "silence") silence(told);
    if (button.dataset.act === "end-silence") end(told, button);
    if (button.dataset.act === "prolong-silence") prolong(told, button);
  });
})();
