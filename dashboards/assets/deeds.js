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

  function toast(words) {
    var el = document.getElementById("toast");
    if (!el) return;
    el.textContent = words;
    el.classList.add("shown");
    setTimeout(function () { el.classList.remove("shown"); }, 6000);
  }

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

  window.deeds = { send: send, toast: toast, make: make, again: again, show: show };
})();
