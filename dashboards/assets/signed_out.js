// A live page whose connection was closed asks whether its session is over, and says so instead of standing still.
(function () {
  "use strict";
  var Plain = window.SharedWorker, asking = false;
  if (!Plain) return;

  function say() {
    if (document.getElementById("signed-out")) return;
    var note = document.createElement("div"), strong = document.createElement("strong"), link = document.createElement("a");
    note.id = note.className = "signed-out";
    note.setAttribute("role", "alert");
    strong.textContent = "You are signed out.";
    link.className = "button";
    link.textContent = "Sign in";
    link.href = "/sign-in?next=" + encodeURIComponent(location.pathname + location.search);
    note.append(strong, " The figures below no longer change. ", link);
    document.body.append(note);
  }
  function ask() {
    if (asking) return;
    asking = true;
    fetch("/_favicon.ico", { cache: "no-store" }).then(function (answer) {
      if (answer.status === 401) say();
    }, function () {}).finally(function () { asking = false; });
  }

  window.SharedWorker = function (address, options) {
    var worker = new Plain(address, options);
    worker.port.addEventListener("message", function (event) {
      if (event.data && event.data.type === "disconnected") ask();
    });
    return worker;
  };
  window.SharedWorker.prototype = Plain.prototype;
  document.addEventListener("visibilitychange", function () { if (document.visibilityState === "visible") ask(); });
})();
