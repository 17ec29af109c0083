// People and the account: adding and changing people, links, sessions, the password, signing out. What the server refuses is said in the form.
(function () {
  "use strict";
  var make = window.deeds.make, toast = window.deeds.toast, send = window.deeds.send, again = window.deeds.again;
  var PEOPLE = "/api/v1/people", ACCOUNT = "/api/v1/account";

  function labelled(words, field) { return make("label", {}, [words, field]); }
  function text(name, value, type, complete) {
    var field = make("input", { name: name, type: type || "text", autocomplete: complete || "off", spellcheck: "false", autocapitalize: "none" });
    field.value = value || "";
    return field;
  }
  function person(name) { return PEOPLE + "/" + encodeURIComponent(name); }

  function role(told, chosen) {
    var said = make("span", { "class": "role-says" });
    var el = make("select", { name: "role" }, Object.keys(told.roles).map(function (each) { return make("option", { value: each }, [each]); }));
    el.value = chosen;
    function say() { said.textContent = told.roles[el.value]; }
    el.addEventListener("change", say);
    say();
    return make("div", {}, [labelled("Role", el), said]);
  }

  function open(title, parts, submit, ask, done) {
    return window.deeds.form(title, parts, submit, ask, done, { className: "oncall-form people-form", waiting: "One moment …" });
  }

  // A secret that is shown once: nobody can read it here later.
  function show(title, words, link) {
    var field = make("input", { type: "text", readonly: "", value: link, "aria-label": "The link" });
    var copy = make("button", { type: "button", "class": "button primary" }, ["Copy"]);
    var shut = make("button", { type: "button", "class": "button" }, ["Done"]);
    var dialog = make("dialog", { "class": "oncall-form people-form", "aria-label": title },
      [make("h2", {}, [title]), make("p", { "class": "dim" }, [words]), field, make("div", { "class": "acts" }, [shut, copy])]);
    copy.addEventListener("click", function () {
      field.select();
      (navigator.clipboard ? navigator.clipboard.writeText(link) : Promise.reject()).then(function () { toast("Copied"); }, function () { toast("Marked: copy it by hand"); });
    });
    shut.addEventListener("click", function () { dialog.close(); });
    window.deeds.show(dialog);
    field.select();
  }

  var ONCE = "It works once, within a day, and is shown only now. Give it to nobody else.";

  function add(told) {
    open("Add a person", [
      labelled("Name to sign in with", text("name")), labelled("Called (optional)", text("display_name")),
      labelled("E-mail (optional)", text("email")), role(told, "viewer"),
      labelled("Comes by", make("select", { name: "source" }, [make("option", { value: "local" }, ["a password kept here"])].concat(
        (told.providers || []).map(function (each) { return make("option", { value: "oidc:" + each[0] }, [each[1] + ", known by this e-mail"]); }),
        [make("option", { value: "proxy" }, ["a proxy, known by this e-mail"])])))
    ], "Add", function (form) {
      var fields = form.elements;
      return send("POST", PEOPLE, {
        name: fields.name.value, display_name: fields.display_name.value, email: fields.email.value, role: fields.role.value, source: fields.source.value
      });
    }, function (said) {
      if (said.link) setTimeout(function () { show("A link for " + said.name, ONCE, said.link); });
      return said.name + " may sign in";
    });
  }

  function change(told) {
    open("Change " + told.called, [
      role(told, told.role), labelled("Called", text("display_name", told.display_name)), labelled("E-mail", text("email", told.email))
    ], "Change", function (form) {
      var fields = form.elements, changes = {};
      ["role", "display_name", "email"].forEach(function (name) { if (fields[name].value !== told[name]) changes[name] = fields[name].value; });
      return send("PUT", person(told.name), changes);
    }, function (said) { return said.name + " is changed"; });
  }

  function password(told) {
    var parts = [make("input", { type: "text", name: "username", autocomplete: "username", value: told.name, hidden: "" })];
    if (told.has) parts.push(labelled("Present password", text("present", "", "password", "current-password")));
    parts.push(labelled("New password, at least " + told.shortest + " characters", text("new", "", "password", "new-password")));
    parts.push(labelled("Again", text("again", "", "password", "new-password")));
    open(told.has ? "Change the password" : "Set a password", parts, told.has ? "Change" : "Set", function (form) {
      var fields = form.elements;
      if (fields["new"].value !== fields.again.value) throw new Error("The two new passwords are not the same");
      var body = { "new": fields["new"].value };
      if (told.has) body.present = fields.present.value;
      return send("POST", ACCOUNT + "/password", body);
    }, function (said) { return "The password is set" + (said.sessions_ended ? "; other sessions ended: " + said.sessions_ended : ""); });
  }

  function sure(question, button, method, url, body, words) {
    if (question && !window.confirm(question)) return;
    button.disabled = true;
    send(method, url, body).then(function (said) { toast(words(said)); again(); })
      .catch(function (error) { toast(error.message); }).then(function () { button.disabled = false; });
  }

  function signOut() {
    var form = make("form", { method: "post", action: "/sign-out" });
    var found = document.cookie.split("; ").find(function (each) { return each.indexOf("_csrf_token=") === 0; });
    form.append(make("input", { type: "hidden", name: "_csrf_token", value: found ? decodeURIComponent(found.slice(12)) : "" }));
    document.body.append(form);
    form.submit();
  }

  var ACTS = {
    "add-person": add, "change-person": change, "set-password": password,
    "link-person": function (told, button) {
      button.disabled = true;
      send("POST", person(told.name) + "/link", {}).then(function (said) { show("A link for " + told.called, ONCE, said.link); })
        .catch(function (error) { toast(error.message); }).then(function () { button.disabled = false; });
    },
    "reset-person": function (told, button) {
      if (!window.confirm("Reset the password of " + told.called + "? It is forgotten, they are signed out everywhere, and you get a one-time link for them.")) return;
      button.disabled = true;
      send("POST", person(told.name) + "/link", { reset: true }).then(function (said) { show("A link for " + told.called, ONCE, said.link); again(); })
        .catch(function (error) { toast(error.message); }).then(function () { button.disabled = false; });
    },
    "enable-person": function (told, button) {
      sure("", button, "PUT", person(told.name), { disabled: false }, function () { return told.called + " may sign in again"; });
    },
    "disable-person": function (told, button) {
      sure("Disable " + told.called + "? They are signed out everywhere and cannot sign in.", button, "PUT", person(told.name), { disabled: true }, function () { return told.called + " is disabled"; });
    },
    "remove-person": function (told, button) {
      sure("Remove " + told.called + "? They are signed out everywhere. What they did stays in the audit.", button, "DELETE", person(told.name), {}, function () { return told.called + " is removed"; });
    },
    "sign-out-person": function (told, button) {
      sure("Sign " + told.called + " out everywhere?", button, "POST", person(told.name) + "/sign-out", {}, function (said) { return "Sessions ended: " + said.sessions_ended; });
    },
    "end-session": function (told, button) {
      sure("", button, "DELETE", "/api/v1/sessions/" + encodeURIComponent(told.id), {}, function () { return told.words + " is signed out"; });
    },
    "end-own-session": function (told, button) {
      sure("", button, "DELETE", ACCOUNT + "/sessions/" + encodeURIComponent(told.id), {}, function () { return told.words + " is signed out"; });
    },
    "end-others": function (_told, button) {
      sure("", button, "POST", ACCOUNT + "/sign-out-others", {}, function (said) { return "Sessions ended: " + said.sessions_ended; });
    },
    "sign-out": signOut
  };

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("button[data-act]");
    var act = button && ACTS[button.dataset.act];
    if (act) act(JSON.parse(button.dataset.told || "{}"), button);
  });
})();
