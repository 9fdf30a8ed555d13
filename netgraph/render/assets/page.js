"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement, stage = $("stage"), holder = $("graph"), overlay = $("overlay");
  const nodes = data.nodes, edges = data.edges;
  const inward = new Map(), outward = new Map();
  for (const node of nodes) { inward.set(node.id, []); outward.set(node.id, []); }
  for (const edge of edges) { inward.get(edge.to).push(edge); outward.get(edge.from).push(edge); }
  const byId = new Map(nodes.map((node) => [node.id, node]));

  // ---- colours: the style sheet holds them, so that the legend and the canvas cannot differ -------------------
  let colour = {};
  const readColours = () => {
    const style = getComputedStyle(root);
    for (const name of ["bg", "fg", "dim", "line", "pos", "neg", "zero", "other", "c0", "c1", "c2", "c3", "c4", "c5"])
      colour[name] = style.getPropertyValue("--" + name).trim();
  };
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const rgba = (hex, alpha) => `rgba(${rgb(hex).join(",")},${alpha})`;
  const mix = (a, b, t) => { const p = rgb(a), q = rgb(b); return `rgb(${p.map((v, i) => Math.round(v + (q[i] - v) * t)).join(",")})`; };
  const signName = (sign) => (sign > 0 ? "pos" : sign < 0 ? "neg" : "zero");
  const nodeColour = (node) => {
    if (!inward.get(node.id).length && !outward.get(node.id).length) return mix(colour.bg, colour.other, 0.45);
    return markColour(node);
  };
  const markColour = (node) => {
    if (node.mark === null) return colour.other;
    if (data.scale) return mix(colour.other, node.mark < 0 ? colour.neg : colour.pos, Math.abs(node.mark));
    return node.mark < 0 ? colour.other : colour["c" + (node.mark % data.palette)];
  };
  const paintNode = (node) => ({ id: node.id, color: { background: nodeColour(node), border: colour.bg } });
  const paintEdge = (edge) => ({ id: edge.id, color: { color: rgba(colour[signName(edge.sign)], edge.ink), inherit: false } });

  // ---- the picture: vis-network with fixed places; drawn weakest edge first ----------------------------------------
  readColours();
  const bare = ({ id, x, y, size, shape }) => ({ id, x, y, size, shape });
  const nodeSet = new vis.DataSet(nodes.map((node) => ({ ...bare(node), ...paintNode(node) })));
  const edgeSet = new vis.DataSet(edges.map((edge) => ({ from: edge.from, to: edge.to, width: edge.width, ...(edge.arc ? { smooth: data.arc } : {}), ...paintEdge(edge) })));
  const network = new vis.Network(holder, { nodes: nodeSet, edges: edgeSet }, data.options);

  let moved = false, slanted = false;
  const fit = () => {
    const width = stage.clientWidth, height = stage.clientHeight, box = data.box;
    const pad = slanted ? { ...data.pad, top: Math.max(data.pad.top, SLANTED * SINE + 32), right: Math.max(data.pad.right, SLANTED * 0.79 + 18) } : data.pad;
    const scale = Math.min((width - pad.left - pad.right) / box.width, (height - pad.top - pad.bottom) / box.height);
    network.moveTo({
      position: { x: box.width / 2, y: box.height / 2 }, scale: Math.max(scale, 0.05), animation: false,
      offset: { x: (pad.left - pad.right) / 2, y: (pad.top - pad.bottom) / 2 },
    });
    moved = false;
  };

  // ---- what lies above it: headings, labels, and the edges of the vertex in focus -----------------------------------
  const SLANTED = 150, SINE = 0.62; // longest slanted heading in pixels; sine of its 38 degrees
  const headings = data.layers.map((layer) => {
    const box = document.createElement("div"), name = document.createElement("b"), note = document.createElement("span");
    box.className = "heading";
    name.textContent = layer.heading;
    note.textContent = layer.note;
    box.append(name, note);
    $("headings").append(box);
    return box;
  });
  const overlaps = (boxes) => {
    const sorted = boxes.filter(Boolean).sort((a, b) => a.left - b.left);
    for (let i = 0; i < sorted.length; i++)
      for (let j = i + 1; j < sorted.length && sorted[j].left < sorted[i].right + 6; j++)
        if (sorted[j].top < sorted[i].bottom + 1 && sorted[i].top < sorted[j].bottom + 1) return true;
    return false;
  };
  const shorten = (box, name, width) => {
    const element = box.firstChild;
    element.textContent = name;
    for (let keep = name.length - 1; keep > 3 && element.offsetWidth > width; keep--) element.textContent = "…" + name.slice(-keep);
  };
  // Two lines where they fit, one line where that is enough, else slanted ones; of too many, every second, third …
  const chooseHeadings = () => {
    const parent = $("headings");
    headings.forEach((box, i) => { box.classList.remove("left-out"); box.firstChild.textContent = data.layers[i].heading; });
    slanted = false;
    fit();
    for (const mode of ["", "short"]) {
      parent.className = mode;
      if (!overlaps(placeHeadings())) return;
    }
    parent.className = "short slanted";
    slanted = true;
    fit();
    const columns = [...new Set(data.layers.filter((layer) => layer.ids.length).map((layer) => layer.x))].sort((a, b) => a - b);
    const step = Math.min(...columns.slice(1).map((x, i) => x - columns[i])) * network.getScale();
    const every = Math.max(1, Math.ceil(16 / (step * SINE)));
    headings.forEach((box, i) => {
      shorten(box, data.layers[i].heading, SLANTED);
      box.classList.toggle("left-out", columns.indexOf(data.layers[i].x) % every !== 0);
    });
    placeHeadings();
  };
  const placeHeadings = () => data.layers.map((layer, i) => {
    headings[i].hidden = !layer.ids.length;
    if (headings[i].hidden) return null;
    const point = network.canvasToDOM({ x: layer.x, y: layer.top }), width = stage.clientWidth;
    const w = headings[i].offsetWidth, h = headings[i].offsetHeight;
    if (slanted) {
      headings[i].style.transform = `translate(${point.x + 4}px,${point.y - h - 4}px) rotate(-38deg)`;
      return null;
    }
    const onStage = point.x > 0 && point.x < width;
    const left = onStage ? Math.min(Math.max(point.x - w / 2, 4), width - w - 4) : point.x - w / 2;
    const top = point.y - h - 7;
    headings[i].style.transform = `translate(${left}px,${top}px)`;
    return { left, right: left + w, top, bottom: top + h };
  });

  let pinned = null, hovered = null;
  const focus = () => hovered ?? pinned;
  const context = overlay.getContext("2d");
  const drawLabels = (scale) => {
    context.font = '11.5px ui-sans-serif, system-ui, "DejaVu Sans", sans-serif';
    context.textBaseline = "middle";
    context.lineJoin = "round";
    for (const layer of data.layers) {
      if (!layer.labelled || layer.gap * scale < (layer.end ? 12.5 : 24)) continue;
      for (const id of layer.ids) {
        const node = byId.get(id), point = network.canvasToDOM({ x: node.x, y: node.y });
        const left = layer.end === "left", reach = node.size * scale + 5;
        context.textAlign = left ? "right" : "left";
        context.strokeStyle = rgba(colour.bg, 0.85);
        context.lineWidth = 3;
        const x = point.x + (left ? -reach : reach);
        context.strokeText(node.text, x, point.y);
        context.fillStyle = layer.end ? colour.fg : colour.dim;
        context.fillText(node.text, x, point.y);
      }
    }
  };
  const outline = {
    dot: null, square: [[-.9, -.9], [.9, -.9], [.9, .9], [-.9, .9]], diamond: [[0, -1], [1, 0], [0, 1], [-1, 0]],
    triangle: [[0, -1], [1, .75], [-1, .75]], triangleDown: [[0, 1], [1, -.75], [-1, -.75]],
    hexagon: [[1, 0], [.5, .87], [-.5, .87], [-1, 0], [-.5, -.87], [.5, -.87]],
  };
  const drawNode = (node, scale, ring) => {
    const point = network.canvasToDOM({ x: node.x, y: node.y }), r = Math.max(node.size * scale, 2);
    context.beginPath();
    if (outline[node.shape]) outline[node.shape].forEach(([a, b]) => context.lineTo(point.x + a * r, point.y + b * r));
    else context.arc(point.x, point.y, r, 0, 2 * Math.PI);
    context.closePath();
    context.fillStyle = nodeColour(node);
    context.fill();
    if (!ring) return;
    context.strokeStyle = colour.fg;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(point.x, point.y, r + 3, 0, 2 * Math.PI);
    context.stroke();
  };
  const drawEdge = (edge, scale) => {
    const a = byId.get(edge.from), b = byId.get(edge.to);
    const p = network.canvasToDOM({ x: a.x, y: a.y }), q = network.canvasToDOM({ x: b.x, y: b.y });
    const via = [network.body.edges[edge.id].edgeType.getViaNode()].flat().map((point) => network.canvasToDOM(point));
    context.strokeStyle = rgba(colour[signName(edge.sign)], Math.max(edge.ink, 0.5));
    context.lineWidth = Math.max(edge.width * scale, 0.8);
    context.beginPath();
    context.moveTo(p.x, p.y);
    if (via.length === 2) context.bezierCurveTo(via[0].x, via[0].y, via[1].x, via[1].y, q.x, q.y);
    else context.quadraticCurveTo(via[0].x, via[0].y, q.x, q.y);
    context.stroke();
  };
  const drawOverlay = () => {
    const ratio = window.devicePixelRatio || 1, width = stage.clientWidth, height = stage.clientHeight, scale = network.getScale();
    if (overlay.width !== Math.round(width * ratio) || overlay.height !== Math.round(height * ratio)) {
      overlay.width = Math.round(width * ratio);
      overlay.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const id = focus();
    stage.classList.toggle("focus", id !== null);
    if (id !== null) {
      const near = [...inward.get(id), ...outward.get(id)].sort((a, b) => a.id - b.id);
      for (const edge of near) drawEdge(edge, scale);
      const ends = new Set(near.flatMap((edge) => [edge.from, edge.to]));
      ends.delete(id);
      for (const end of ends) drawNode(byId.get(end), scale, false);
      drawNode(byId.get(id), scale, true);
    }
    drawLabels(scale);
    placeHeadings();
  };
  network.on("afterDrawing", drawOverlay);

  // ---- reading: tooltip and panel, all of it text ---------------------------------------------------------------------
  const show = (value) => (value === null ? "–" : typeof value === "number" ? String(value).replace("-", "−") : String(value));
  const facts = (node) => {
    const rows = [["layer", data.layers[node.layer].name]];
    for (const column of data.columns) rows.push([column.name, column.values[node.row]]);
    return rows.filter((row) => row[1] !== null);
  };
  const fill = (list, rows) => {
    list.replaceChildren(...rows.flatMap(([name, value]) => {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = name;
      dd.textContent = show(value);
      return [dt, dd];
    }));
  };
  const named = (node) => (node.label === node.name || !node.label ? node.name : `${node.name} · ${node.label}`);
  const tip = $("tip");
  const showTip = (node, x, y) => {
    const title = document.createElement("b"), list = document.createElement("dl");
    title.textContent = named(node);
    fill(list, facts(node));
    tip.replaceChildren(title, list);
    tip.hidden = false;
    tip.style.left = Math.max(4, Math.min(x + 16, innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = Math.max(4, Math.min(y + 14, innerHeight - tip.offsetHeight - 8)) + "px";
  };
  const edgeList = (title, list, end) => {
    if (!list.length) return [];
    const head = document.createElement("h3");
    const best = list.slice().sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.id - b.id).slice(0, 6);
    head.textContent = `${title}: ${list.length} drawn` + (list.length > best.length ? `, strongest ${best.length}` : "");
    return [head, ...best.map((edge) => {
      const other = byId.get(edge[end]), row = document.createElement("button");
      const name = document.createElement("span"), value = document.createElement("span");
      row.type = "button";
      row.className = signName(edge.sign);
      name.textContent = named(other);
      value.textContent = show(edge.value);
      row.append(name, value);
      row.onclick = () => pin(other.id);
      return row;
    })];
  };
  const pin = (id) => {
    pinned = id;
    hovered = null;
    $("panel").hidden = id === null;
    if (id !== null) {
      const node = byId.get(id);
      $("panel-title").textContent = named(node);
      fill($("panel-facts"), facts(node));
      $("panel-edges").replaceChildren(...edgeList("in", inward.get(id), "from"), ...edgeList("out", outward.get(id), "to"));
    }
    drawOverlay();
  };

  // ---- pointer, keyboard, search ------------------------------------------------------------------------------------------
  holder.addEventListener("pointermove", (event) => {
    const box = holder.getBoundingClientRect();
    const id = event.buttons ? undefined : network.getNodeAt({ x: event.clientX - box.left, y: event.clientY - box.top });
    const next = id === undefined ? null : id;
    holder.style.cursor = next === null ? "grab" : "pointer";
    if (next === null) tip.hidden = true; else showTip(byId.get(next), event.clientX, event.clientY);
    if (next !== hovered) { hovered = next; drawOverlay(); }
  });
  holder.addEventListener("pointerleave", () => { tip.hidden = true; if (hovered !== null) { hovered = null; drawOverlay(); } });
  network.on("click", (event) => pin(event.nodes.length ? event.nodes[0] : null));
  network.on("dragStart", () => { moved = true; tip.hidden = true; });
  network.on("zoom", () => { moved = true; tip.hidden = true; });

  const strongest = (list) => list.reduce((best, edge) => (!best || Math.abs(edge.value) > Math.abs(best.value) ? edge : best), null);
  const walk = (key) => {
    if (pinned === null) return pin(nodes.length ? nodes[0].id : null);
    const node = byId.get(pinned), ids = data.layers[node.layer].ids, at = ids.indexOf(pinned);
    const go = {
      ArrowUp: () => ids[Math.max(at - 1, 0)], ArrowDown: () => ids[Math.min(at + 1, ids.length - 1)],
      ArrowLeft: () => strongest(inward.get(pinned))?.from, ArrowRight: () => strongest(outward.get(pinned))?.to,
    }[key]();
    if (go !== undefined) pin(go);
  };
  const search = $("search");
  let matches = [], match = 0;
  const showMatch = () => {
    $("found").textContent = search.value ? (matches.length ? `${match + 1} / ${matches.length}` : "none") : "";
    pin(matches.length ? matches[match].id : null);
  };
  search.addEventListener("input", () => {
    const words = search.value.trim().toLowerCase();
    matches = words ? nodes.filter((node) => (node.name + " " + (node.label ?? "")).toLowerCase().includes(words)) : [];
    match = 0;
    showMatch();
  });
  const letGo = () => { search.value = ""; matches = []; tip.hidden = true; showMatch(); search.blur(); };
  const toggleTheme = () => {
    const dark = getComputedStyle(root).colorScheme === "dark";
    root.dataset.theme = dark ? "light" : "dark";
    repaint();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target === search;
    if (event.key === "Escape") letGo();
    else if (typing && event.key === "Enter" && matches.length) { match = (match + (event.shiftKey ? -1 : 1) + matches.length) % matches.length; showMatch(); }
    else if (typing) return;
    else if (event.key === "/") { event.preventDefault(); search.focus(); }
    else if (event.key === "f") fit();
    else if (event.key === "t") toggleTheme();
    else if (event.key.startsWith("Arrow")) { event.preventDefault(); walk(event.key); }
  });
  $("fit").onclick = fit;
  $("theme").onclick = toggleTheme;

  const repaint = () => { readColours(); nodeSet.update(nodes.map(paintNode)); edgeSet.update(edges.map(paintEdge)); network.redraw(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  new ResizeObserver(() => { network.setSize("100%", "100%"); if (!moved) chooseHeadings(); network.redraw(); }).observe(stage);

  chooseHeadings();
  network.redraw(); // now, not at the next animation frame: pages off the screen have none
  root.dataset.vertices = network.body.nodeIndices.length;
  root.dataset.edges = network.body.edgeIndices.length;
  root.dataset.ready = "yes";
})();
