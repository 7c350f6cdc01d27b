// The map: layers as reports/html/map_data.py writes them, on Leaflet. Metres on the ground are the units of the map.
"use strict";

(function () {
  const place = document.getElementById("map");
  const { sets } = JSON.parse(document.getElementById("map-data").textContent);
  if (!place || !sets.length) return;

  const NEAR_PX = 8; // of a mapped pixel on the screen: nearer than this no click on a name goes
  const NEAREST = 3; // and with the map's own buttons three zooms more
  const HATCH_PX = 10;
  const THIN_PX = 0.4; // lines from far away, where they would hide the ground that they enclose
  const FAR_PX = 0.5; // of a mapped pixel on the screen
  const MARKED = 10; // places with a number on the map: more hide it
  const LOST = "#b5007d";
  const FLOODED = "#d00000"; // exposure
  const HIDDEN_COLUMNS = new Set(["weight_m2"]);

  document.getElementById("no-map").remove();
  place.dataset.started = "true"; // by which it has a size
  const map = L.map(place, {
    crs: L.CRS.Simple,
    renderer: L.canvas({ padding: 0.3, tolerance: 4 }),
    zoomSnap: 0.25,
    zoomDelta: 1,
    minZoom: -12,
    attributionControl: false,
    // It would move under whoever has asked for stillness.
    zoomAnimation: !window.matchMedia("(prefers-reduced-motion: reduce)").matches,
  });
  L.control.scale({ imperial: false }).addTo(map);

  // One flat list of steps, the first from the corner, as places on the map.
  function line(set, steps) {
    const places = [];
    let x = 0, y = 0;
    for (let i = 0; i < steps.length; i += 2) {
      x += steps[i];
      y += steps[i + 1];
      places.push([y * set.step_m, x * set.step_m]);
    }
    return places;
  }

  function hatch(colour) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = HATCH_PX;
    const pen = tile.getContext("2d");
    pen.fillStyle = "rgba(255, 255, 255, 0.45)";
    pen.fillRect(0, 0, HATCH_PX, HATCH_PX);
    pen.strokeStyle = colour;
    pen.lineWidth = 2.5;
    for (const shift of [-HATCH_PX, 0, HATCH_PX]) {
      pen.moveTo(shift - 2, HATCH_PX + 2);
      pen.lineTo(shift + HATCH_PX + 2, -2);
    }
    pen.stroke();
    return pen.createPattern(tile, "repeat");
  }

  function look(sign) {
    return {
      color: sign.line,
      weight: sign.width_px,
      width: sign.width_px,
      thins: sign.thins,
      dashArray: sign.dash_px || null,
      fill: true, // also of what has no colour: a click into it counts
      fillColor: sign.hatch ? hatch(sign.fill) : sign.fill || sign.line,
      fillOpacity: sign.hatch ? 1 : sign.fill ? sign.opacity : 0,
      smoothFactor: 0.7,
    };
  }

  // A feature of polygons, lines or points as layers of Leaflet, of which most have one.
  function shapes(set, parts, options) {
    const rings = parts.filter((part) => Array.isArray(part[0])).map((part) => part.map((ring) => line(set, ring)));
    const others = parts.filter((part) => !Array.isArray(part[0])).map((part) => line(set, part));
    const found = rings.length ? [L.polygon(rings, options)] : [];
    for (const places of others) {
      const drawn = places.length > 1
        ? L.polyline(places, { ...options, fill: false, weight: options.weight + 1 })
        : L.circleMarker(places[0], { ...options, radius: 5 });
      found.push(drawn);
    }
    return found;
  }

  function shown(value) {
    if (value === null) return "\u2013";
    return typeof value === "number" ? value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 100 ? 3 : 1 }) : value;
  }

  // Texts stand once each in their column, and what all rows share stands there alone.
  function valueAt(column, index) {
    return Array.isArray(column) ? column[index] : column.values[column.at ? column.at[index] : 0];
  }

  const isShared = (column) => !Array.isArray(column) && !column.at;

  function named(layer, name, index) {
    const column = layer.columns[layer.names.indexOf(name)];
    return column === undefined ? null : valueAt(column, index);
  }

  // What a layer's columns say of a feature. Nodes and text alone: names come from outside.
  function popup(layer, index) {
    const box = document.createElement("div");
    const title = box.appendChild(document.createElement("h3"));
    title.textContent = layer.ranks ? `${layer.title}: ${layer.ranks[index]}` : layer.title;
    const table = box.appendChild(document.createElement("table"));
    const shared = document.createElement("details");
    shared.appendChild(document.createElement("summary")).textContent = "the same for all";
    const sharedTable = shared.appendChild(document.createElement("table"));
    layer.columns.forEach((values, column) => {
      const value = valueAt(values, index);
      if (value === "" || HIDDEN_COLUMNS.has(layer.names[column])) return;
      if (layer.ranks && layer.names[column] === "rank") return;
      const row = (isShared(values) ? sharedTable : table).insertRow();
      const head = row.appendChild(document.createElement("th"));
      head.scope = "row";
      head.textContent = layer.heads[column];
      row.insertCell().textContent = shown(value);
    });
    if (sharedTable.rows.length) box.append(shared);
    return box;
  }

  function numbered(set, layer, index, feature) {
    const badge = document.createElement("b");
    badge.textContent = layer.ranks[index];
    const icon = L.divIcon({ html: badge, className: "rank", iconSize: [24, 24] });
    const title = `${layer.title} ${layer.ranks[index]}`;
    const mark = L.marker(feature.getBounds().getCenter(), { icon, title, alt: title, zIndexOffset: -layer.ranks[index] });
    return mark.on("click", () => zoomTo(feature, mark)).bindPopup(() => popup(layer, index));
  }

  // Flooded, not known, or neither.
  function exposed(layer, index) {
    const share = (name) => named(layer, name, index) ?? 0;
    const colour = share("flood_pct") > 0 ? FLOODED : share("unseen_pct") > 0 ? LOST : null;
    return colour && { color: colour, fillColor: colour, thins: false };
  }

  // What another tile saw of a lost one is assessed: so the hatching is drawn by itself, and a tile has its outline.
  function styled(layer, index, plain) {
    if (layer.base === "not_assessed") return { ...plain, fillOpacity: 0 };
    if (layer.base === "exposure") return { ...plain, ...exposed(layer, index) };
    const state = layer.base === "tiles" ? named(layer, "state", index) : "done";
    return state === "done" ? plain : { ...plain, color: LOST, weight: 3, thins: false, dashArray: state === "failed" ? null : "6 5" };
  }

  // A layer's features by row, and all that is drawn of it.
  function build(set, layer) {
    const group = L.featureGroup();
    const features = new Map();
    const plain = look(layer.sign); // one hatch for all of them
    const rest = layer.base === "not_assessed" ? { ...plain, stroke: false, interactive: false } : plain;
    for (const drawn of shapes(set, layer.others, rest)) drawn.addTo(group);
    layer.features.forEach((parts, index) => {
      const options = styled(layer, index, plain);
      const drawn = shapes(set, parts, options);
      if (!drawn.length) return;
      const feature = drawn.length === 1 ? drawn[0] : L.featureGroup(drawn);
      feature.bindPopup(() => popup(layer, index), { maxWidth: 340 }).addTo(group);
      features.set(layer.rows[index], feature);
      if (layer.ranks && layer.ranks[index] <= MARKED) numbered(set, layer, index, feature).addTo(group);
    });
    return { group, features };
  }

  function picture(set) {
    const [west, south, east, north] = set.picture.bounds.map((steps) => steps * set.step_m);
    return { group: L.imageOverlay(set.picture.uri, [[south, west], [north, east]]), features: new Map() };
  }

  const built = sets.map((set) => {
    const layers = new Map();
    if (set.picture) layers.set("picture", picture(set));
    for (const layer of set.layers) layers.set(layer.name, build(set, layer));
    return layers;
  });
  let now = 0;

  function frame(number) {
    const set = sets[number];
    const [west, south, east, north] = set.bounds.map((steps) => steps * set.step_m);
    return L.latLngBounds([[south, west], [north, east]]);
  }

  const switches = [...document.querySelectorAll("[data-layer]")];

  // All on one canvas, so what is to lie on top is put there last.
  function draw() {
    for (const layers of built) for (const { group } of layers.values()) group.remove();
    for (const [name, { group }] of built[now]) {
      if (switches.find((one) => one.dataset.layer === `${now}:${name}`).checked) group.addTo(map);
    }
  }

  const linesOf = (layer) => (layer.eachLayer ? layer.getLayers().flatMap(linesOf) : layer.setStyle ? [layer] : []);

  // Thin lines from far away, all but those of what must not be overlooked.
  let far = false;
  function refine() {
    const isFar = sets[now].pixel_m * 2 ** map.getZoom() < FAR_PX;
    if (far === isFar) return;
    far = isFar;
    for (const layers of built) {
      for (const { group } of layers.values()) {
        for (const line of group.eachLayer ? linesOf(group) : []) {
          if (line.options.thins) line.setStyle({ weight: far ? THIN_PX : line.options.width });
        }
      }
    }
  }
  map.on("zoomend", refine);

  function show(number) {
    now = number;
    const choice = document.getElementById("map-set");
    if (choice) choice.value = String(number);
    for (const one of document.querySelectorAll("[data-set]")) one.hidden = one.dataset.set !== String(number);
    draw();
    map.setMaxZoom(nearZoom() + NEAREST);
    map.setMaxBounds(frame(number).pad(1));
    map.fitBounds(frame(number), { animate: false, padding: [8, 8] });
    refine();
  }

  const nearZoom = () => Math.log2(NEAR_PX / sets[now].pixel_m);

  function zoomTo(feature, opened) {
    map.fitBounds(feature.getBounds().pad(0.5), { maxZoom: nearZoom(), animate: false });
    (opened || feature).openPopup();
  }

  function zoom(name) {
    const cut = name.lastIndexOf(":");
    const [layer, row] = [name.slice(0, cut), Number(name.slice(cut + 1))];
    const number = built.findIndex((layers) => layers.has(layer) && layers.get(layer).features.has(row));
    if (number < 0) return;
    if (number !== now) show(number);
    const box = switches.find((one) => one.dataset.layer === `${number}:${layer}`);
    if (!box.checked) {
      box.checked = true;
      draw();
    }
    zoomTo(built[number].get(layer).features.get(row));
  }

  for (const one of switches) one.addEventListener("change", draw);
  document.getElementById("map-set")?.addEventListener("change", (event) => show(Number(event.target.value)));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-zoom]");
    if (!link) return;
    event.preventDefault();
    document.getElementById("map-section").scrollIntoView();
    zoom(link.dataset.zoom);
    place.focus({ preventScroll: true });
  });

  // Between the nodes of a lattice, linearly.
  function degrees({ nodes, lon, lat }, across, up) {
    const column = Math.min(nodes - 2, Math.max(0, Math.floor(across * (nodes - 1))));
    const row = Math.min(nodes - 2, Math.max(0, Math.floor(up * (nodes - 1))));
    const [u, v] = [across * (nodes - 1) - column, up * (nodes - 1) - row];
    const at = (grid) =>
      (grid[row][column] * (1 - u) + grid[row][column + 1] * u) * (1 - v) +
      (grid[row + 1][column] * (1 - u) + grid[row + 1][column + 1] * u) * v;
    return [at(lat), at(lon)];
  }

  function where({ lat, lng }) {
    const set = sets[now];
    const [x, y] = [set.west + lng / set.x_m, set.south + lat / set.y_m];
    const parts = [`x ${x.toFixed(set.digits)}, y ${y.toFixed(set.digits)}`];
    const [, , east, north] = set.bounds.map((steps) => steps * set.step_m);
    const [across, up] = [lng / east, lat / north];
    if (set.degrees && across >= 0 && across <= 1 && up >= 0 && up <= 1) {
      const [latitude, longitude] = degrees(set.degrees, across, up);
      parts.push(`latitude ${latitude.toFixed(5)}, longitude ${longitude.toFixed(5)} (${set.degrees.name})`);
    }
    return parts.join(" · ");
  }

  const position = document.getElementById("position");
  map.on("mousemove click", (event) => { position.textContent = where(event.latlng); });

  new ResizeObserver(() => map.invalidateSize()).observe(place);
  show(0);
  place.dataset.ready = "true";
  window.floodExtentMap = map; // for tests, and for whoever looks into the page
})();
