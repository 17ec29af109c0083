// A session that is over is said on every page: the figures would stand still without a word. answers.js tells of each question that was
// refused; a live page, which asks nothing, asks when its connection was closed.
(function () {
  "use strict";
  var Plain = window.SharedWorker, asking = false;

  function say() {
    if (document.getElementById("signed-out")) return;
    var note = document.createElement("div"), strong = document.createElement("strong"), link = document.createElement("a");
    note.id = note.className = "signed-out";
    note.setAttribute("role", "alert");
    strong.textContent = "You are signed out.";
    link.className = "button";
    link.textContent = "Sign in";
    link.href = "/sign-in?next=" + encodeURIComponent(location.pathname + location.search + location.hash);
    note.append(strong, " The figures below no longer change. ", link);
    document.body.append(note);
  }
  window.addEventListener("answer-status", function (event) {
    var note = document.getElementById("signed-out");
    if (event.detail === 401) say();
    else if (event.detail >= 200 && event.detail < 300 && note) note.remove();
  });
  function ask() {
    if (asking) return;
    asking = true;
    fetch("/_favicon.ico", { cache: "no-store" }).then(function (answer) {
      if (answer.status === 401) say();
    }, function () {}).finally(function () { asking = false; });
  }

  document.addEventListener("visibilitychange", function () { if (document.visibilityState === "visible") ask(); });
  if (!Plain) return;
  window.SharedWorker = function (address, options) {
    var worker = new Plain(address, options);
    worker.port.addEventListener("message", function (event) {
      if (event.data && event.data.type === "disconnected") ask();
    });
    return worker;
  };
  window.SharedWorker.prototype = Plain.prototype;
})();
