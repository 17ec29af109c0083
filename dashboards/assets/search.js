// The search: what the browser knows (pages and settings) at once, the rest from one small question to the server.
(function () {
  "use strict";
  var WAIT_MS = 90, SHARED = ["range", "tz", "compare", "environment"], OTHERS = /^\/(alerts|api|runbooks|s|export)\//;
  var box, input, list, hint, places = [], options = [], at = -1, asked = 0, waiting = 0;

  function make(tag, name, words) {
    var el = document.createElement(tag);
    if (name) el.className = name;
    if (words !== undefined) el.textContent = words;
    return el;
  }

  function build() {
    if (input) return;
    places = JSON.parse(box.dataset.places || "[]");
    var field = make("div", "search-field");
    input = make("input", "search-input");
    input.type = "text";
    input.maxLength = 100;
    input.placeholder = "Search pages, limits, alerts, models, words";
    [["role", "combobox"], ["aria-label", "Search"], ["aria-autocomplete", "list"], ["aria-controls", "search-list"], ["aria-expanded", "true"],
      ["autocomplete", "off"], ["autocapitalize", "off"], ["spellcheck", "false"], ["dir", "auto"]].forEach(function (pair) { input.setAttribute(pair[0], pair[1]); });
    var close = make("button", "button", "Close");
    close.dataset.act = "close-sheet";
    field.append(make("span", "search-icon"), input, close);
    list = make("div", "search-list");
    list.id = "search-list";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Found");
    hint = make("div", "search-hint dim");
    hint.setAttribute("role", "status");
    box.append(field, list, hint);
    input.addEventListener("input", function () { show(input.value, []); clearTimeout(waiting); waiting = setTimeout(ask, WAIT_MS); });
    input.addEventListener("keydown", function (event) {
      if (event.isComposing) return;
      var step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); choose(options.length ? (at + step + options.length) % options.length : -1); }
      else if (event.key === "Home" && !input.value || event.key === "PageUp") { event.preventDefault(); choose(0); }
      else if (event.key === "End" && !input.value || event.key === "PageDown") { event.preventDefault(); choose(options.length - 1); }
      else if (event.key === "Enter") { event.preventDefault(); if (options[at]) options[at].click(); }
    });
  }

  function kept(href, group) {
    var url = new URL(href, location.origin), here = new URLSearchParams(location.search);
    SHARED.concat(group === "Pages" ? ["platform"] : []).forEach(function (name) { if (here.get(name) && !url.searchParams.has(name)) url.searchParams.set(name, here.get(name)); });
    return url.pathname + url.search + url.hash;
  }

  function known(words) {
    var each = words.toLowerCase().split(/\s+/).filter(Boolean);
    return places.map(function (place, n) {
      var name = place[0].toLowerCase(), rest = place[3] + " " + place[2].toLowerCase(), score = 0;
      var fits = each.every(function (word) {
        var worth = name.indexOf(word) === 0 ? 8 : name.indexOf(" " + word) >= 0 ? 6 : name.indexOf(word) >= 0 ? 4 : (" " + rest).indexOf(" " + word) >= 0 ? 2 : 0;
        score += worth;
        return worth > 0;
      });
      return fits ? { group: place[2], name: place[0], href: place[1], note: "", score: score, n: n } : null;
    }).filter(Boolean).sort(function (a, b) { return b.score - a.score || a.n - b.n; }).slice(0, each.length ? 6 : 9);
  }

  function show(words, told, over) {
    var chosen = options[at] && options[at].getAttribute("href"), mine = known(words), groups = new Map();
    // What fires comes first while nothing is asked; else the pages, which are what most searches are for.
    (words.trim() ? mine.concat(told) : told.concat(mine)).forEach(function (each) {
      if (!groups.has(each.group)) groups.set(each.group, []);
      groups.get(each.group).push(each);
    });
    list.textContent = "";
    options = [];
    groups.forEach(function (found, name) {
      var group = make("div", "search-group"), title = make("div", "search-title", name);
      title.id = "search-group-" + list.children.length;
      group.setAttribute("role", "group");
      group.setAttribute("aria-labelledby", title.id);
      group.append(title);
      found.forEach(function (each) {
        var link = make("a", "search-option");
        link.href = kept(each.href, each.group);
        if (!OTHERS.test(each.href)) link.dataset.nav = "1";
        link.id = "search-option-" + options.length;
        link.tabIndex = -1;
        link.setAttribute("role", "option");
        link.setAttribute("aria-selected", "false");
        link.append(make("bdi", "search-name", each.name), make("bdi", "search-note dim", each.note));
        link.title = each.name + (each.note ? ": " + each.note : "");
        options.push(link);
        group.append(link);
      });
      list.append(group);
    });
    input.setAttribute("aria-expanded", options.length ? "true" : "false");
    hint.textContent = options.length ? (over ? options.length + " found" : "") : over ? "Nothing is called that. Try fewer letters, or a platform's name." : "Searching";
    var again = options.findIndex(function (each) { return each.getAttribute("href") === chosen; });
    choose(again >= 0 ? again : options.length ? 0 : -1);
  }

  function choose(n) {
    if (options[at]) options[at].setAttribute("aria-selected", "false");
    at = n;
    if (!options[at]) { input.removeAttribute("aria-activedescendant"); return; }
    options[at].setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", options[at].id);
    options[at].scrollIntoView({ block: "nearest" });
  }

  function ask() {
    var words = input.value, mine = ++asked;
    fetch("/api/v1/search?q=" + encodeURIComponent(words), { credentials: "same-origin" }).then(function (answer) { if (!answer.ok) throw answer; return answer.json(); }).then(
      function (told) { if (mine === asked) show(words, told.found, true); },
      function () { if (mine === asked) { show(words, [], true); hint.textContent = "The server did not answer: only pages are listed. Type on to ask again."; } }
    );
  }

  document.addEventListener("opened", function (event) {
    if (event.target.id !== "search-sheet") return;
    box = event.target;
    build();
    input.value = "";
    at = -1;
    show("", []);
    ask();
    input.focus();
  }, true);
})();
