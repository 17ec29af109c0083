// A chart as a PNG picture in the page's own type: what is drawn apart from the page does not have it, so it is taken along.
(function () {
  "use strict";
  var FONT = "/assets/inter.woff2", SCALE = 2, font = null;

  function read(blob) {
    return new Promise(function (done, failed) {
      var reader = new FileReader();
      reader.onload = function () { done(String(reader.result)); };
      reader.onerror = failed;
      reader.readAsDataURL(blob);
    });
  }
  function taken() {
    if (!font) font = fetch(FONT).then(function (answer) { if (!answer.ok) throw new Error("no font"); return answer.blob(); }).then(read);
    return font;
  }

  function drawn(svg, wide, high) {
    var picture = new Image(wide, high), address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    picture.src = address;
    return picture.decode().then(function () {
      var canvas = document.createElement("canvas");
      canvas.width = wide * SCALE;
      canvas.height = high * SCALE;
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      return canvas.toDataURL("image/png");
    }).finally(function () { URL.revokeObjectURL(address); });
  }

  // The address of the picture. Without the font, or where a browser will not draw it so, the picture comes in the machine's own type.
  window.chartPicture = function (figure, wide, high) {
    return Promise.all([window.Plotly.toImage(figure, { format: "svg", width: wide, height: high }), taken()]).then(function (got) {
      var svg = decodeURIComponent(got[0].slice(got[0].indexOf(",") + 1));
      return drawn(svg.replace(/<svg[^>]*>/, "$&<style>@font-face{font-family:Inter;font-weight:100 900;src:url(" + got[1] + ")}</style>"), wide, high);
    }).catch(function () {
      font = null;
      return window.Plotly.toImage(figure, { format: "png", width: wide, height: high, scale: SCALE });
    });
  };
})();
