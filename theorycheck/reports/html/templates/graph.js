"use strict";
(() => {
  const section = document.getElementById("proofs");
  if (!section) return;
  const [form, told, frame, svg] = ["form", ".about", ".graph", "svg"].map((name) => section.querySelector(name));
  const nodes = [...svg.querySelectorAll("a")];
  const lines = [...svg.querySelectorAll("path")];
  const index = new Map(nodes.map((node, k) => [node.id.slice("proofs:".length), k]));
  const ids = [...index.keys()];
  const ends = lines.map((line) => line.dataset.ends.split(" ").map(Number));
  const uses = nodes.map((_, k) => ends.filter(([, user]) => user === k).map(([used]) => used));
  const users = nodes.map((_, k) => ends.filter(([used]) => used === k).map(([, user]) => user));
  const whole = [...nodes, ...lines, svg].map((element) => [element,
    ["transform", "d", "viewBox", "width", "height"].map((name) => [name, element.getAttribute(name)])]);
  const ROW = 26, GAP = 60, MARK = 12;

  const reach = (start, near, depth) => {
    const found = new Set([start]);
    for (let step = 0, layer = [start]; step < depth && layer.length; step += 1) {
      layer = [...new Set(layer.flatMap((k) => near[k]))].filter((k) => !found.has(k));
      for (const k of layer) found.add(k);
    }
    return found;
  };

  const showAll = () => {
    for (const [element, values] of whole) {
      element.removeAttribute("display");
      for (const [name, value] of values) if (value !== null) element.setAttribute(name, value);
    }
    svg.classList.remove("near");
    for (const node of nodes) node.classList.remove("focus");
    told.textContent = "";
  };

  const width = (k) => MARK + nodes[k].lastChild.getComputedTextLength();

  const place = (shown) => {
    const columns = new Map();
    for (const k of shown) {
      const layer = Number(nodes[k].dataset.layer);
      columns.set(layer, [...(columns.get(layer) ?? []), k]);
    }
    const places = new Map();
    const height = ROW * Math.max(...[...columns.values()].map((column) => column.length));
    let x = MARK;
    for (const layer of [...columns.keys()].sort((a, b) => a - b)) {
      const column = columns.get(layer).sort((a, b) => a - b);
      column.forEach((k, row) => places.set(k, [x, (height - ROW * column.length) / 2 + ROW * (row + .5)]));
      x += Math.max(...column.map(width)) + GAP;
    }
    return [places, x - GAP + MARK, height];
  };

  const draw = (focus, depth) => {
    const shown = [...new Set([...reach(focus, uses, depth), ...reach(focus, users, depth)])];
    svg.classList.add("near");
    nodes.forEach((node, k) => {
      node.classList.toggle("focus", k === focus);
      if (shown.includes(k)) node.removeAttribute("display");
      else node.setAttribute("display", "none");
    });
    const [places, across, height] = place(shown);
    for (const [k, at] of places) nodes[k].setAttribute("transform", `translate(${at.join(" ")})`);
    lines.forEach((line, k) => {
      const [from, to] = ends[k].map((end) => places.get(end));
      if (!from || !to) return line.setAttribute("display", "none");
      const x = from[0] + width(ends[k][0]) + 4, half = (x + to[0]) / 2;
      line.removeAttribute("display");
      line.setAttribute("d", `M${x},${from[1]}C${half},${from[1]} ${half},${to[1]} ${to[0] - 8},${to[1]}`);
    });
    svg.setAttribute("viewBox", `0 0 ${across} ${height}`);
    svg.setAttribute("width", across);
    svg.setAttribute("height", height);
    frame.scrollLeft = places.get(focus)[0] - frame.clientWidth / 3;
  };

  const say = (focus) => {
    const link = document.createElement("a");
    link.href = `#${ids[focus]}`;
    link.textContent = nodes[focus].querySelector("title").textContent;
    const [used, resting] = [uses, users].map((near) => reach(focus, near, Infinity).size - 1);
    const verdict = nodes[focus].classList[0];
    told.replaceChildren(link, ` (${verdict}): its proof uses ${used || "none"}, and ${resting || "none"} rest on it.`);
  };

  const read = () => {
    const [, id, depth] = decodeURIComponent(location.hash).match(/^#proofs:([^:]+):?(\d*)$/) ?? [];
    const focus = index.get(id);
    form.elements.claim.value = focus === undefined ? "" : id;
    form.elements.depth.disabled = focus === undefined;
    if (focus === undefined) return showAll();
    if (depth) form.elements.depth.value = depth;
    draw(focus, Number(form.elements.depth.value || 1));
    say(focus);
    const seen = frame.getBoundingClientRect();
    if (seen.top < 0 || seen.top > innerHeight / 2) section.scrollIntoView();
  };

  const go = (id) => {
    location.hash = id ? `proofs:${id}:${form.elements.depth.value}` : "proofs";
  };

  nodes.forEach((node, k) => {
    const name = document.createElementNS(svg.namespaceURI, "text");
    name.setAttribute("class", "name");
    name.setAttribute("x", 12);
    name.textContent = ids[k];
    node.append(name);
  });
  for (const id of [...ids].sort()) form.elements.claim.add(new Option(id));
  form.hidden = false;
  form.addEventListener("change", () => go(form.elements.claim.value));
  form.addEventListener("submit", (event) => event.preventDefault());
  svg.addEventListener("click", (event) => {
    const node = event.target.closest("a");
    if (!node || node.classList.contains("focus") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(ids[nodes.indexOf(node)]);
  });
  addEventListener("hashchange", () => {
    if (/^#proofs/.test(location.hash)) read();
  });
  read();
})();
