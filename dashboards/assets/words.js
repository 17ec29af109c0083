// What words mean: the glossary's sentence on hover, on focus and on tap, for headings, facts and terms.
(function () {
  "use strict";
  var MEANT = "#page th, #page [role=columnheader], #page [class*='-row'].head > div, .fact-label, dl.facts-list > dt, dl.slo-facts > dt, dl.letter-facts > dt, [data-term]";
  var GLOSSARY = "/glossary", SHOWN_MS = 250, AGAIN_MS = 30000;
  var known = null, patterns = [], asking = false, shown = null, waiting = 0;

  function spelled(words) { return words.replace(/[\u202f\u00a0]/g, " ").replace(/\u2019/g, "'").replace(/[▲▼]/g, "").replace(/\s+/g, " ").trim().toLowerCase(); }

  function load() {
    if (known || asking) return;
    asking = true; // and, when it fails, for a while
    fetch("/api/v1/glossary", { credentials: "same-origin" }).then(function (answer) { return answer.ok ? answer.json() : null; }).then(function (told) {
      if (!told) { setTimeout(again, AGAIN_MS); return; }
      known = {};
      told.terms.slice().reverse().forEach(function (term) {
        term.also.concat([term.name]).forEach(function (word) {
          var said = spelled(word);
          if (said.indexOf("*") < 0) known[said] = term;
          else patterns.unshift([said[0] === "*", said[said.length - 1] === "*", said.replace(/^\*|\*$/g, "").trim(), term]);
        });
      });
      mark(document);
    }, function () { setTimeout(again, AGAIN_MS); });
  }
  function again() { asking = false; }

  function meaning(el) {
    if (!known) return null;
    var words = spelled(el.dataset.term || el.textContent);
    if (known[words]) return known[words];
    var found = patterns.find(function (each) {
      return each[0] && each[1] ? words.indexOf(each[2]) >= 0 : each[0] ? words.endsWith(each[2]) : words.indexOf(each[2]) === 0;
    });
    return found ? found[3] : null;
  }

  // Only attributes are set: the elements may be the renderer's.
  function mark(holder) {
    if (!known) return;
    (holder.querySelectorAll ? holder : document).querySelectorAll(MEANT).forEach(function (el) {
      if (el.closest("dialog, .glossary")) return;
      var told = meaning(el);
      if (!told) { if (el.dataset.gloss) delete el.dataset.gloss; return; }
      if (el.dataset.gloss === told.name) return;
      el.dataset.gloss = told.name;
      if (!el.hasAttribute("tabindex")) el.tabIndex = 0;
    });
  }

  function show(el) {
    var tip = document.getElementById("gloss"), told = el.dataset.gloss ? meaning(el) : null;
    if (el.title) { el.dataset.said = el.title; el.removeAttribute("title"); }
    var words = el.dataset.said || (told && told.means);
    if (!tip || !words) return;
    hide();
    tip.textContent = words;
    if (told) {
      var more = document.createElement("a");
      more.href = window.pages.keeping(GLOSSARY) + "#term-" + told.anchor;
      more.dataset.nav = "1";
      more.textContent = "Glossary";
      more.tabIndex = -1;
      tip.append(" ", more);
    }
    tip.hidden = false;
    var box = el.getBoundingClientRect(), own = tip.getBoundingClientRect();
    var left = Math.max(8, Math.min(innerWidth - own.width - 8, box.left));
    var below = box.bottom + 6 + own.height < innerHeight;
    tip.style.left = left + "px";
    tip.style.top = (below ? box.bottom + 4 : box.top - own.height - 4) + "px";
    el.setAttribute("aria-describedby", "gloss");
    shown = el;
  }

  function hide() {
    clearTimeout(waiting);
    var tip = document.getElementById("gloss");
    if (tip) tip.hidden = true;
    if (shown) shown.removeAttribute("aria-describedby");
    shown = null;
  }

  function meant(target) {
    var el = target.closest && target.closest("[data-gloss], [data-said]");
    return el && (el.dataset.gloss || el.dataset.said) ? el : null;
  }

  document.addEventListener("pointerover", function (event) {
    if (event.pointerType === "touch" || event.target.closest("#gloss")) return;
    var el = meant(event.target);
    if (el === shown) { clearTimeout(waiting); return; }
    clearTimeout(waiting);
    waiting = setTimeout(function () { if (el) show(el); else hide(); }, SHOWN_MS);
  });
  document.addEventListener("focusin", function (event) { var el = meant(event.target); if (el && el === event.target) show(el); else if (shown && !event.target.closest("#gloss")) hide(); });
  // A finger has no hover: a tap on what has words shows them, also a browser's own title.
  document.addEventListener("click", function (event) {
    var el = meant(event.target);
    if (!el && matchMedia("(hover: none)").matches) { el = event.target.closest("[title]"); if (el && el.closest("a, button, summary")) el = null; }
    if (el && el !== shown) show(el); else if (!el && shown && !event.target.closest("#gloss")) hide();
  });
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape" || !shown) return;
    hide();
    event.stopImmediatePropagation();
  }, true);
  addEventListener("scroll", hide, { passive: true, capture: true });

  // An address with a word in it: show that word, once the page has it.
  var gone = "";
  function find() {
    if (location.pathname !== GLOSSARY) { gone = ""; return; }
    var entry = location.hash && gone !== location.hash ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    document.querySelectorAll(".glossary-entry.sought").forEach(function (el) { if ("#" + el.id !== location.hash) el.classList.remove("sought"); });
    if (!entry) return;
    gone = location.hash;
    entry.classList.add("sought");
    entry.scrollIntoView({ block: "center" });
  }

  var due = 0;
  new MutationObserver(function () {
    if (shown && !shown.isConnected) hide();
    if (due) return;
    due = requestAnimationFrame(function () { due = 0; load(); mark(document); find(); });
  }).observe(document.documentElement, { childList: true, subtree: true, characterData: true });
  addEventListener("_dashprivate_pushstate", function () { hide(); setTimeout(find, 0); });
})();
