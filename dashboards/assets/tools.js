// Buttons that change something on the server: a fault of the demo, a source's test, refused rows sent again.
(function () {
  "use strict";
  var send = window.deeds.send, toast = window.deeds.toast;

  function fault(button) {
    var on = button.getAttribute("aria-checked") !== "true";
    button.disabled = true;
    send("PUT", button.dataset.url, { on: on }).then(function () {
      button.setAttribute("aria-checked", String(on));
      button.classList.toggle("on", on);
      button.textContent = on ? "On" : "Off";
      toast(on ? "Switched on: it shows within one reading" : "Switched off");
    }).catch(function (error) { toast(error.message); }).then(function () { button.disabled = false; });
  }

  function test(button) {
    var before = button.textContent;
    button.disabled = true;
    button.textContent = "Testing …";
    send("POST", button.dataset.url, {}).then(function (said) {
      toast(said.ok === false ? said.error || "It does not answer" : said.words || "It answers");
    }).catch(function (error) { toast(error.message); }).then(function () {
      button.disabled = false;
      button.textContent = before;
    });
  }

  // Dash has no plain file field, so the browser makes one when it is asked for.
  function chooseRejected() {
    var input = document.createElement("input");
    input.type = "file";
    input.accept = ".ndjson,application/x-ndjson";
    input.addEventListener("change", function () { if (input.files[0]) resubmit(input.files[0]); });
    input.click();
  }

  function resubmit(file) {
    toast("Sending " + file.name + " …");
    file.arrayBuffer().then(function (body) {
      return send("POST", "/api/v1/rejected/resubmit", body, "application/x-ndjson");
    }).then(function (said) {
      toast(said.rows_added + " added, " + said.rows_duplicate + " known already, " + said.rows_rejected + " refused again");
    }).catch(function (error) { toast(error.message); });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("button[data-act]");
    if (!button) return;
    if (button.dataset.act === "fault") fault(button);
    if (button.dataset.act === "test-source") test(button);
    if (button.dataset.act === "choose-rejected") chooseRejected();
  });
})();
