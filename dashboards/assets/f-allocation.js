// The form of a mapping rule: what it would change is shown before it is kept. Rules are withdrawn here too.
(function () {
  "use strict";
  var make = window.deeds.make, toast = window.deeds.toast, again = window.deeds.again;
  var DIMENSIONS = ["team", "project", "feature", "environment", "cost_centre", "component"];

  function field(words, input) { return make("label", {}, [words, input]); }

  function matched(text) {
    var match = {};
    text.split("\n").forEach(function (line) {
      if (!line.trim()) return;
      var at = line.indexOf("=");
      if (at < 1) throw new Error("“" + line.trim() + "” is not dimension = value");
      var values = line.slice(at + 1).split(",").map(function (value) { return value.trim(); });
      match[line.slice(0, at).trim()] = values;
    });
    return match;
  }

  function parts(text) {
    var share = {};
    text.split(",").forEach(function (each) {
      var at = each.lastIndexOf("=");
      if (at < 1) throw new Error("“" + each.trim() + "” is not value = part");
      share[each.slice(0, at).trim()] = each.slice(at + 1).trim();
    });
    return share;
  }

  function words(seen) {
    var lines = ["It fits " + Number(seen.matched_requests).toLocaleString("en") + " calls, " + dollars(seen.matched_usd) + " of AI usage, from " + seen.since.slice(0, 10) + " to " + seen.until.slice(0, 10) + " (UTC)."];
    seen.moved.forEach(function (moved) {
      Object.keys(moved.after_usd).slice(0, 12).forEach(function (name) {
        lines.push(moved.dimension.replace("_", " ") + " " + name + ": " + dollars(moved.before_usd[name]) + " → " + dollars(moved.after_usd[name]));
      });
      lines.push("Without " + moved.dimension.replace("_", " ") + ": " + dollars(moved.unallocated_before_usd) + " → " + dollars(moved.unallocated_after_usd));
    });
    return lines.concat(seen.warnings.map(function (warning) { return "Note: " + warning + "."; })).join("\n");
  }

  function dollars(text) {
    var amount = Number(text || 0);
    return "$" + amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: amount && amount < 0.01 ? 9 : 2 });
  }

  function offered(chosen) {
    var holder = document.querySelector("[data-rule-platforms]");
    var titles = holder ? JSON.parse(holder.dataset.rulePlatforms) : {};
    if (chosen && !titles[chosen]) titles[chosen] = chosen;
    return Object.keys(titles).map(function (slug) { return make("option", { value: slug }, [titles[slug]]); });
  }

  function form(filled) {
    var name = make("input", { required: "", maxlength: "100" });
    var dimension = make("select", {}, DIMENSIONS.map(function (each) { return make("option", { value: each }, [each.replace("_", " ")]); }));
    var value = make("input", { maxlength: "200", placeholder: "data, or data=0.6, web=0.4 to share" });
    var match = make("textarea", { spellcheck: "false", placeholder: "model = gpt-4o*, o3\napi_key_hash = …" });
    var platform = make("select", {}, [make("option", { value: "" }, ["all platforms"])].concat(offered(filled.platform)));
    var since = make("input", { type: "date", required: "" }), until = make("input", { type: "date" });
    var override = make("input", { type: "checkbox" });
    var says = make("div", { "class": "says", role: "status" });
    var look = make("button", { type: "button", "class": "button" }, ["Preview"]);
    var keep = make("button", { type: "submit", "class": "button primary" }, ["Keep the rule"]);
    var stop = make("button", { type: "button", "class": "button" }, ["Cancel"]);
    dimension.value = filled.dimension;
    platform.value = filled.platform;
    since.value = filled.since || new Date().toISOString().slice(0, 10);
    match.value = Object.keys(filled.match).map(function (each) { return each + " = " + filled.match[each]; }).join("\n");
    name.value = Object.keys(filled.match).map(function (each) { return filled.match[each]; }).join(" ").slice(0, 100);
    var body = make("form", { method: "dialog" }, [
      make("h2", {}, ["To whom does it belong?"]),
      make("div", { "class": "pair" }, [field("Assign the", dimension), field("Value", value)]),
      field("Usage that fits every line; several values with commas, start* for a beginning, nothing for usage that does not say", match),
      make("div", { "class": "pair" }, [field("Of", platform), field("Name of the rule", name)]),
      make("div", { "class": "pair" }, [field("From (UTC)", since), field("Until, if it ends", until)]),
      make("label", { "class": "check" }, [override, "Also replace what usage says itself"]),
      says,
      make("div", { "class": "acts" }, [stop, look, keep])
    ]);
    var dialog = make("dialog", { "class": "rule-form", "aria-label": "Mapping rule" }, [body]);

    function asked() {
      var said = {
        name: name.value.trim(), platform: platform.value, valid_from: since.value + "T00:00:00Z", valid_to: until.value ? until.value + "T00:00:00Z" : null,
        match: matched(match.value), override: override.checked
      };
      said[value.value.indexOf("=") > 0 ? "share" : "assign"] = {};
      if (said.share) said.share[dimension.value] = parts(value.value); else said.assign[dimension.value] = value.value.trim();
      return said;
    }

    function tell(text, bad) { says.textContent = text; says.classList.toggle("bad", Boolean(bad)); }

    function send(url, then) {
      var said;
      try { said = asked(); } catch (error) { tell(error.message, true); return; }
      keep.disabled = look.disabled = true;
      tell("…");
      window.deeds.send("POST", url, said).then(then).catch(function (error) { tell(error.message, true); }).then(function () { keep.disabled = look.disabled = false; });
    }

    look.addEventListener("click", function () { send("/api/v1/allocation/preview", function (seen) { tell(words(seen)); }); });
    stop.addEventListener("click", function () { dialog.close(); });
    body.addEventListener("submit", function (event) {
      event.preventDefault();
      send("/api/v1/allocation/rules", function () { dialog.close(); toast("The rule counts from " + since.value); again(); });
    });
    window.deeds.show(dialog);
    value.focus();
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("button[data-act]");
    if (!button) return;
    if (button.dataset.act === "allocate") form(JSON.parse(button.dataset.filled));
    if (button.dataset.act === "withdraw-rule" && window.confirm("Withdraw the rule “" + button.dataset.name + "”? What it assigned is assigned no longer, also in the past.")) {
      window.deeds.send("POST", button.dataset.url, {}).then(function () { toast("Withdrawn"); again(); }).catch(function (error) { toast(error.message); });
    }
  });
})();
