// New figures go into the elements that are on the screen: what has not changed stays as it is, with its focus, its menu and its drawn charts.
// Dash alone would make every element of a block anew, and every chart with them.
(function () {
  "use strict";
  var MOST = 80;
  // What components tell of themselves: no answer holds it, and it stays.
  var OWN = { n_clicks: 1, n_clicks_timestamp: 1, hoverData: 1, clickData: 1, relayoutData: 1, restyleData: 1, selectedData: 1, loading_state: 1 };

  function isComponent(node) { return Boolean(node) && typeof node === "object" && Boolean(node.props) && Boolean(node.type) && Boolean(node.namespace); }
  function plain(node) { return node === null || node === undefined || typeof node !== "object"; }
  function same(a, b) {
    if (a === b) return true;
    if (plain(a) || plain(b)) return (a === null || a === undefined) && (b === null || b === undefined);
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    var keys = Object.keys(b);
    return Object.keys(a).length === keys.length && keys.every(function (key) { return same(a[key], b[key]); });
  }

  function pathOf(id, node, path) {
    if (Array.isArray(node)) {
      for (var n = 0; n < node.length; n++) {
        var found = plain(node[n]) ? null : pathOf(id, node[n], path.concat(n));
        if (found) return found;
      }
      return null;
    }
    if (!isComponent(node)) return null;
    if (node.props.id === id) return path;
    return plain(node.props.children) ? null : pathOf(id, node.props.children, path.concat("props", "children"));
  }

  // The changes that make `was` into `now`; false where they are not the same kind of thing in the same order.
  function alike(was, now, path, changes) {
    if (Array.isArray(now)) {
      return Array.isArray(was) && was.length === now.length && now.every(function (each, n) { return alike(was[n], each, path.concat(n), changes); });
    }
    if (!isComponent(now)) return !isComponent(was) && same(was, now);
    if (!isComponent(was) || was.type !== now.type || was.namespace !== now.namespace || !same(was.props.id, now.props.id)) return false;
    var props = {}, any = false, html = now.namespace === "dash_html_components";
    Object.keys(now.props).forEach(function (key) {
      if (key !== "children" && !same(was.props[key], now.props[key])) { props[key] = now.props[key]; any = true; }
    });
    if (html) Object.keys(was.props).forEach(function (key) {
      if (key !== "children" && !OWN[key] && !(key in now.props) && was.props[key] !== null && was.props[key] !== undefined) { props[key] = null; any = true; }
    });
    var inner = [];
    // An age counts on by itself.
    if (now.props["data-at"] !== undefined && !any) return true;
    if (alike(was.props.children, now.props.children, path.concat("props", "children"), inner)) changes.push.apply(changes, inner);
    else { props.children = now.props.children === undefined ? null : now.props.children; any = true; }
    if (any) changes.push({ at: typeof now.props.id === "string" ? now.props.id : path, props: props });
    return true;
  }

  // Whether the children of the element `id` were brought up to `children` without drawing it as a whole.
  window.inPlace = function (id, children) {
    var layout = window.dash_component_api && window.dash_component_api.getLayout, changes = [];
    var root = layout && layout(["components"]), path = root && document.getElementById(id) && pathOf(id, root, ["components"]);
    if (!path) return false;
    var was = layout(path).props.children;
    if (plain(was) || plain(children) || !alike(was, children, path.concat("props", "children"), changes) || changes.length > MOST) return false;
    changes.forEach(function (each) { window.dash_clientside.set_props(each.at, each.props); });
    return true;
  };

  // The answer to a question about one element's children, when it could be put in place.
  window.inPlace.answer = function (output, body) {
    var dot = output.lastIndexOf(".");
    if (output.slice(dot) !== ".children" || output.indexOf("{") >= 0 || output.slice(0, 2) === "..") return false;
    try {
      var id = output.slice(0, dot), told = JSON.parse(body), own = told.response && told.response[id];
      if (!own || told.sideUpdate || Object.keys(told.response).length !== 1 || Object.keys(own).length !== 1) return false;
      return window.inPlace(id, own.children);
    } catch (e) { return false; }
  };

  window.dash_clientside = Object.assign({}, window.dash_clientside);
  window.dash_clientside.roomleft = Object.assign({}, window.dash_clientside.roomleft, {
    pushed: function (news) {
      // What was made for the page left a moment ago comes too late.
      if (news && news.pathname === location.pathname && document.getElementById(news.id) && !window.inPlace(news.id, news.children)) {
        window.dash_clientside.set_props(news.id, { children: news.children });
      }
    }
  });
})();
