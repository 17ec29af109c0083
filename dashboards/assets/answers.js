// The questions of one tick travel in one request, and what is on the screen already is not sent again.
(function () {
  "use strict";
  var TOGETHER_MS = 12;
  var plain = window.fetch;
  var number = 0, newest = {}, shown = {}; // by output: its newest question, and the mark of the answer on the screen
  var waiting = [];

  function question(options) {
    try { return options && typeof options.body === "string" ? JSON.parse(options.body) : null; } catch (e) { return null; }
  }

  function keep(output, mine, mark) {
    // The clock is the sign of life: it is heard each time, even if it says the same again.
    if (output === "clock.data") return;
    // An answer that a later question has overtaken never reaches the screen.
    if (newest[output] === mine && mark && mark !== "-") shown[output] = mark;
  }

  // signed_out.js hears what became of each question, whatever Dash is told of it.
  function tell(status) { window.dispatchEvent(new CustomEvent("answer-status", { detail: status })); }
  // Where a proxy leads to the way in instead of refusing, that is a refusal.
  function statusOf(response) { return response.redirected && /\/sign-in/.test(response.url) ? 401 : response.status; }

  // At a tick the figures on the screen stay when there are no new ones: they tell their age.
  function answer(status, body) {
    tell(status);
    // Who is signed out is told so by signed_out.js; Dash would fail on the words of the refusal.
    var none = status === 204 || status === 401 || status >= 500;
    return new Response(none ? null : body, { status: none ? 204 : status, headers: { "content-type": "application/json" } });
  }

  function flush() {
    var batch = waiting, left = {};
    waiting = [];
    batch.forEach(function (each, n) { left[n] = each; });
    // Dash may have dropped an answer that came: while a field is grey, nothing is taken to be on the screen.
    if (document.querySelector("#page .skeleton")) shown = {};
    var items = batch.map(function (each) {
      return '{"shown":' + JSON.stringify(shown[each.output] || "") + ',"body":' + each.options.body + "}";
    });
    var one = Object.assign({}, batch[0].options, { body: '{"asked":[' + items.join(",") + "]}" });
    function fail(error) { Object.keys(left).forEach(function (n) { left[n].reject(error); }); }
    function hear(head, body) {
      var said = head.split(" "), each = left[said[0]];
      if (!each) return;
      delete left[said[0]];
      var status = Number(said[1]);
      if (status === 200 && newest[each.output] === each.number && window.inPlace && window.inPlace.answer(each.output, body)) status = 204;
      keep(each.output, each.number, said[2]);
      each.resolve(answer(status, body));
    }
    plain.call(window, batch[0].url, one).then(function (response) {
      if (!response.ok || !response.body || statusOf(response) === 401) {
        return response.text().then(function (words) {
          Object.keys(left).forEach(function (n) { left[n].resolve(answer(statusOf(response), words)); });
        });
      }
      var reader = response.body.getReader(), decoder = new TextDecoder(), text = "";
      return reader.read().then(function more(part) {
        text += decoder.decode(part.value || new Uint8Array(), { stream: !part.done });
        for (;;) {
          var first = text.indexOf("\n"), second = first < 0 ? -1 : text.indexOf("\n", first + 1);
          if (second < 0) break;
          hear(text.slice(0, first), text.slice(first + 1, second));
          text = text.slice(second + 1);
        }
        if (part.done) { fail(new TypeError("the answer was broken off")); return null; }
        return reader.read().then(more);
      });
    }).catch(fail);
  }

  window.fetch = function (input, options) {
    var url = String(input && input.url || input);
    var asked = url.indexOf("_dash-update-component") >= 0 ? question(options) : null;
    if (!asked || !asked.output) return plain.apply(this, arguments);
    var output = asked.output, mine = ++number, changed = asked.changedPropIds || [];
    newest[output] = mine;
    var ticked = changed.length > 0 && changed.every(function (name) { return name === "tick.data"; });
    if (!ticked) {
      // Whatever asks otherwise may have been drawn anew: nothing is on the screen until this is answered.
      delete shown[output];
      return plain.apply(this, arguments).then(function (response) {
        if (response.status === 200) keep(output, mine, response.headers.get("x-roomleft-answer"));
        if (statusOf(response) === 401) return answer(401, null);
        tell(response.status);
        return response;
      });
    }
    return new Promise(function (resolve, reject) {
      if (!waiting.length) setTimeout(flush, TOGETHER_MS);
      waiting.push({ output: output, number: mine, url: url, options: options, resolve: resolve, reject: reject });
    });
  };
})();
