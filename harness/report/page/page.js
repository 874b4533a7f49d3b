"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const make = (name, words, attributes = {}) => {
    const element = document.createElement(name);
    if (words !== undefined) element.textContent = words;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  // ---- tables: a heading sorts its column, best first, then the other way, then as it was; parts stay apart

  const sortTable = (table, heading) => {
    const button = heading.querySelector("button");
    const other = { ascending: "descending", descending: "ascending" };
    const before = heading.getAttribute("aria-sort");
    const next = before === "none" ? button.dataset.first : before === button.dataset.first ? other[before] : "none";
    for (const each of table.querySelectorAll("th[aria-sort]")) each.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", next);
    const sign = next === "descending" ? -1 : 1;
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("part"));
      const number = (row) => {
        const value = row.cells[heading.cellIndex].dataset.value;
        return value === "" ? null : Number(value);
      };
      rows.sort((first, second) => {
        const [a, b] = [number(first), number(second)];
        if (next === "none" || (a === null && b === null)) return first.dataset.place - second.dataset.place;
        if (a === null || b === null) return a === null ? 1 : -1;
        return sign * (a - b) || first.dataset.place - second.dataset.place;
      });
      body.append(...rows);
    }
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.rows].forEach((row, place) => { row.dataset.place = place; });
    for (const heading of table.querySelectorAll("th[aria-sort]"))
      heading.querySelector("button").addEventListener("click", () => sortTable(table, heading));
  }

  // ---- pictures, where there are any

  if (!byId("data")) return;
  const data = JSON.parse(byId("data").textContent);
  const [width, height] = data.size;
  const picture = (uri) => { const image = new Image(); image.src = uri; return image; };
  const columns = [
    ...data.given.map(([label, uri]) => ({ label, image: picture(uri), values: null, missing: [] })),
    ...data.rows.map((row) => ({ label: row.label, image: picture(row.images), values: row.values, missing: row.missing })),
  ];
  const methods = columns.slice(data.given.length);
  const state = { order: [], at: 0, flipped: false };

  const shown = (value, decimals) => (value === null ? "—" : value.toFixed(decimals).replace("-", "−"));
  const tile = (canvas, image, pair) => {
    const side = image.naturalWidth / Math.min(data.across, data.pairs.length);
    const tall = (side * height) / width;
    canvas.width = side;
    canvas.height = tall;
    const left = (pair % data.across) * side;
    const top = Math.floor(pair / data.across) * tall;
    canvas.getContext("2d").drawImage(image, left, top, side, tall, 0, 0, side, tall);
  };

  const tiles = columns.map((column, place) => {
    const figure = make("figure", undefined, place < data.given.length ? { class: "given" } : {});
    const canvas = make("canvas", undefined, { role: "img" });
    const caption = make("figcaption");
    const value = make("span");
    caption.append(make("b", column.label), value);
    figure.append(canvas, caption);
    byId("tiles").append(figure);
    return { canvas, value };
  });

  const option = (select, value, words) => select.append(make("option", words, { value }));
  option(byId("group"), "", "all");
  for (const group of [...new Set(data.pairs.map((pair) => pair[1]))].sort()) option(byId("group"), group, group);
  data.metrics.forEach(([label, higher], place) =>
    option(byId("metric"), place, label + (higher === true ? " ↑" : higher === false ? " ↓" : "")));
  methods.forEach((method, place) => option(byId("of"), place, method.label));
  columns.forEach((column, place) => {
    option(byId("a"), place, column.label);
    option(byId("b"), place, column.label);
  });
  byId("a").value = String(Math.min(data.given.length, columns.length - 1));
  byId("b").value = String(data.given.length - 1);
  for (const id of ["metric", "of", "from", "to", "order"]) byId(id).disabled = data.metrics.length === 0;

  const bound = (id) => (byId(id).value === "" ? null : Number(byId(id).value));
  const choose = () => {
    const current = state.order[state.at];
    const metric = Number(byId("metric").value);
    const values = data.metrics.length ? methods[Number(byId("of").value)].values[metric] : null;
    const [group, from, to, order] = [byId("group").value, bound("from"), bound("to"), byId("order").value];
    const inside = (value) => (from === null && to === null)
      || (value !== null && (from === null || value >= from) && (to === null || value <= to));
    const kept = data.pairs.map((_, place) => place).filter((place) =>
      (group === "" || data.pairs[place][1] === group) && (values === null || inside(values[place])));
    if (order !== "list" && values !== null) {
      const sign = (order === "best") === (data.metrics[metric][1] !== false) ? -1 : 1;
      kept.sort((a, b) => {
        if (values[a] === null || values[b] === null) return (values[a] === null) - (values[b] === null) || a - b;
        return sign * (values[a] - values[b]) || a - b;
      });
    }
    state.order = kept;
    state.at = order === "list" ? Math.max(0, kept.indexOf(current)) : 0;
    show();
  };

  const flip = () => {
    const column = columns[Number(byId(state.flipped ? "b" : "a").value)];
    const pair = state.order[state.at];
    const canvas = byId("flip-canvas");
    byId("flip").setAttribute("aria-pressed", String(state.flipped));
    byId("flip-caption").textContent = (state.flipped ? "B: " : "A: ") + column.label;
    canvas.setAttribute("aria-label", column.label);
    if (pair !== undefined) tile(canvas, column.image, pair);
  };

  const table = byId("values");
  const show = () => {
    const pair = state.order[state.at];
    const some = pair !== undefined;
    byId("where").textContent = some
      ? `${state.at + 1} of ${state.order.length}: ${data.pairs[pair][0]} (${data.pairs[pair][1]})`
      : "no pair is in this choice";
    byId("tiles").hidden = !some;
    table.replaceChildren();
    if (!some) return;
    const metric = Number(byId("metric").value);
    columns.forEach((column, place) => {
      tile(tiles[place].canvas, column.image, pair);
      tiles[place].canvas.setAttribute("aria-label", `${column.label}, pair ${data.pairs[pair][0]}`);
      if (column.missing.includes(pair)) tiles[place].value.textContent = "no image";
      else if (column.values !== null && data.metrics.length)
        tiles[place].value.textContent =
          `${data.metrics[metric][0]} ${shown(column.values[metric][pair], data.metrics[metric][2] + 1)}`;
    });
    const head = make("tr");
    head.append(make("th", "Method", { scope: "col" }));
    for (const [label] of data.metrics) head.append(make("th", label, { scope: "col" }));
    const body = make("tbody");
    for (const method of methods) {
      const row = make("tr");
      row.append(make("th", method.label, { scope: "row" }));
      data.metrics.forEach(([, , decimals], place) => row.append(make("td", shown(method.values[place][pair], decimals + 1))));
      body.append(row);
    }
    const top = make("thead");
    top.append(head);
    table.append(top, body);
    flip();
  };

  const go = (to) => {
    if (!state.order.length) return;
    state.at = (to + state.order.length) % state.order.length;
    show();
  };
  const hold = (flipped) => {
    if (state.flipped === flipped) return;
    state.flipped = flipped;
    flip();
  };

  for (const id of ["group", "metric", "of", "from", "to", "order"]) byId(id).addEventListener("change", choose);
  for (const id of ["from", "to"]) byId(id).addEventListener("input", choose);
  for (const id of ["a", "b"]) byId(id).addEventListener("change", flip);
  byId("smooth").addEventListener("change", (event) => byId("viewer").classList.toggle("smooth", event.target.checked));
  byId("previous").addEventListener("click", () => go(state.at - 1));
  byId("next").addEventListener("click", () => go(state.at + 1));
  byId("flip").addEventListener("pointerdown", () => hold(true));
  for (const name of ["pointerup", "pointerleave", "pointercancel"]) byId("flip").addEventListener(name, () => hold(false));
  const help = byId("help");
  byId("help-button").addEventListener("click", () => help.showModal());
  byId("help-close").addEventListener("click", () => help.close());

  const typing = (element) => ["INPUT", "SELECT", "TEXTAREA"].includes(element.tagName);
  const holds = (event) => event.key === "f" || event.key === "F"
    || (event.key === " " && (event.target === document.body || event.target.id === "flip" || event.target.id === "viewer"));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open || typing(event.target)) return;
    const steps = { ArrowLeft: state.at - 1, ArrowRight: state.at + 1, Home: 0, End: state.order.length - 1 };
    if (event.target.classList.contains("scroll")) return;  // arrows scroll a wide table
    if (event.key in steps) go(steps[event.key]);
    else if (holds(event)) hold(true);
    else if (event.key === "?") help.showModal();
    else if (/^[1-9]$/.test(event.key) && methods[Number(event.key) - 1]) {
      byId("b").value = String(data.given.length + Number(event.key) - 1);
      flip();
    } else return;
    event.preventDefault();
  });
  document.addEventListener("keyup", (event) => { if (holds(event)) hold(false); });
  window.addEventListener("blur", () => hold(false));

  const loaded = data.pairs.length ? columns.map((column) => column.image.decode()) : [];
  Promise.all(loaded).then(() => {
    choose();
    document.documentElement.dataset.ready = "yes";
  });
})();
