// What every script that changes something on the server is made of: the request with its CSRF word, the words for the person, the dialog.
(function () {
  "use strict";
  function cookie(name) {
    var found = document.cookie.split("; ").find(function (each) { return each.indexOf(name + "=") === 0; });
    return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
  }

  // What the server says, or an error with its own words. Without a type the body is sent as JSON.
  function send(method, url, body, type) {
    var headers = { "X-CSRFToken": cookie("_csrf_token"), "Content-Type": type || "application/json" };
    var content = type ? body : JSON.stringify(body);
    return fetch(url, { method: method, headers: headers, body: content, credentials: "same-origin" }).then(function (answer) {
      return answer.json().then(function (said) {
        if (answer.ok) return said;
        var error = said.error || {};
        throw new Error([error.what, error.hint].filter(Boolean).join(" – ") || "answered " + answer.status);
      });
    });
  }

  // Longer than what a page says of itself: an error is read, not glanced at.
  function toast(words) { window.pages.toast(words, 6000); }

  function make(kind, attributes, children) {
    var el = document.createElement(kind);
    Object.keys(attributes || {}).forEach(function (name) { el.setAttribute(name, attributes[name]); });
    (children || []).forEach(function (child) { el.append(child); });
    return el;
  }

  // The page's figures are read again at once.
  function again() { if (window.dash_clientside.set_props) window.dash_clientside.set_props("tick", { data: Date.now() }); }

  // Closed, a dialog is gone and the focus is back where it was.
  function show(dialog) {
    var opener = document.activeElement;
    dialog.addEventListener("close", function () { dialog.remove(); if (opener && opener.isConnected) opener.focus(); });
    document.body.append(dialog);
    dialog.showModal();
  }

  // A dialog of fields; `ask` makes the request of what was filled in; `look` is its class, its name where the title is not that, and what it
  // says while it waits.
  function form(title, parts, submit, ask, done, look) {
    var says = make("div", { "class": "says", role: "status" });
    var keep = make("button", { type: "submit", "class": "button primary" }, [submit]);
    var stop = make("button", { type: "button", "class": "button" }, ["Cancel"]);
    var filled = make("form", { method: "dialog" }, [make("h2", {}, [title])].concat(parts, [says, make("div", { "class": "acts" }, [stop, keep])]));
    var dialog = make("dialog", { "class": look.className, "aria-label": look.label || title }, [filled]);
    stop.addEventListener("click", function () { dialog.close(); });
    filled.addEventListener("submit", function (event) {
      event.preventDefault();
      keep.disabled = true;
      says.textContent = look.waiting || "";
      says.classList.remove("bad");
      Promise.resolve().then(function () { return ask(filled); }).then(function (said) {
        dialog.close();
        toast(done(said));
        again();
      }).catch(function (error) {
        says.textContent = error.message;
        says.classList.add("bad");
      }).then(function () { keep.disabled = false; });
    });
    show(dialog);
    return filled;
  }

  window.deeds = { send: send, toast: toast, make: make, again: again, show: show, form: form };
})();
