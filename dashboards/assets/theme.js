// Before anything is drawn: the theme this reader chose, else the system's.
(function () {
  var kept = null;
  try { kept = localStorage.getItem("roomleft-theme"); } catch (e) { /* storage may be off */ }
  var dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.documentElement.dataset.agThemeMode = dark ? "dark" : "light";
})();
