"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { columns, crops, traces } = data;
  const byId = (id) => document.getElementById(id);
  const columnNamed = new Map(columns.map((column) => [column.name, column]));
  const ids = columnNamed.get("event_id");
  const nRows = columns.length ? columns[0].values.length : 0;
  const rowOfId = new Map(ids ? ids.values.map((id, row) => [String(id), row]) : []);
  for (const column of columns) {
    column.default = column.shown;
    column.isText = column.values.some((value) => typeof value === "string");
  }
  const state = { sort: null, ascending: true, page: 0, size: 50, order: [], chosen: null };

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const shownColumns = () => columns.filter((column) => column.shown);
  const words = (value) => {
    if (value === null) return "";
    if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(4)));
    return String(value);
  };

  // Filter: terms like duration_s<0.5 compare one column, any other term must occur in a shown value.
  const compare = {
    "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
    "=": (a, b) => a === b, "!=": (a, b) => a !== b,
  };
  const predicate = (term) => {
    const parts = /^([^<>=!]+)(<=|>=|!=|=|<|>)(.+)$/.exec(term);
    const column = parts && columnNamed.get(parts[1]);
    if (column) {
      const number = Number(parts[3]);
      if (Number.isFinite(number)) {
        return (row) => typeof column.values[row] === "number" && compare[parts[2]](column.values[row], number);
      }
      const text = parts[3].toLowerCase();
      return (row) => column.values[row] !== null && compare[parts[2]](String(column.values[row]).toLowerCase(), text);
    }
    const text = term.toLowerCase();
    const searched = shownColumns();
    return (row) => searched.some((column) => words(column.values[row]).toLowerCase().includes(text));
  };

  // Numbers by value, texts by alphabet, unknown values last in either direction, equal values in the order of the file.
  const sorter = (column, ascending) => (a, b) => {
    const [u, v] = [column.values[a], column.values[b]];
    if (u === null || v === null) return (u === null) - (v === null) || a - b;
    const order = typeof u === "string" || typeof v === "string"
      ? String(u).localeCompare(String(v), "en", { numeric: true })
      : u - v;
    return (ascending ? order : -order) || a - b;
  };

  const arrange = () => {
    const terms = byId("filter").value.replace(/\s*(<=|>=|!=|=|<|>)\s*/g, "$1").split(/\s+/).filter(Boolean);
    const tests = terms.map(predicate);
    state.order = [];
    for (let row = 0; row < nRows; row += 1) if (tests.every((test) => test(row))) state.order.push(row);
    if (state.sort) state.order.sort(sorter(state.sort, state.ascending));
    byId("count").textContent = tests.length ? `${state.order.length} of ${nRows} events` : `${nRows} events`;
  };

  const nPages = () => Math.max(1, Math.ceil(state.order.length / state.size));
  const draw = () => {
    state.page = Math.min(Math.max(state.page, 0), nPages() - 1);
    drawHead();
    const first = state.page * state.size;
    const rows = state.order.slice(first, first + state.size).map((row) => {
      const cells = shownColumns().map((column) => {
        const text = words(column.values[row]);
        const content = column === ids ? element("a", { href: `#event-${column.values[row]}` }, text) : text;
        return element("td", { class: column.isText ? "text" : "number" }, content);
      });
      const line = element("tr", { "data-row": row }, ...cells);
      if (row === state.chosen) line.setAttribute("aria-current", "true");
      return line;
    });
    if (!rows.length) {
      const nothing = nRows ? "No event passes the filter." : "No events were found.";
      rows.push(element("tr", {}, element("td", { class: "text", colspan: Math.max(1, shownColumns().length) }, nothing)));
    }
    byId("table").tBodies[0].replaceChildren(...rows);
    byId("page").textContent = `Page ${state.page + 1} of ${nPages()}`;
    for (const button of document.querySelectorAll("[data-go]")) {
      const backwards = button.dataset.go === "first" || button.dataset.go === "back";
      button.disabled = backwards ? state.page === 0 : state.page === nPages() - 1;
    }
  };
  const drawHead = () => {
    const focused = document.activeElement && document.activeElement.dataset.sort;
    const heads = shownColumns().map((column) => {
      const button = element("button", { type: "button", "data-sort": column.name }, column.name);
      const head = element("th", { scope: "col", class: column.isText ? "text" : "number" }, button);
      if (column === state.sort) head.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
      return head;
    });
    byId("table").tHead.replaceChildren(element("tr", {}, ...heads));
    if (focused) {
      const again = [...byId("table").tHead.querySelectorAll("button")].find((b) => b.dataset.sort === focused);
      if (again) again.focus();
    }
  };
  const refresh = () => { arrange(); state.page = 0; draw(); };

  // One event: crop, trace and all its measures beside the table.
  const chosenInHash = () => {
    const match = /^#event-(\d+)$/.exec(location.hash);
    return match && match[1];
  };
  const choose = () => {
    const id = chosenInHash();
    const panel = byId("event");
    state.chosen = id !== null && rowOfId.has(id) ? rowOfId.get(id) : null;
    if (id === null) {
      panel.hidden = true;
      draw();
      return;
    }
    let place = state.order.indexOf(state.chosen);
    if (state.chosen !== null && place < 0) {
      byId("filter").value = "";
      arrange();
      place = state.order.indexOf(state.chosen);
    }
    if (place >= 0) state.page = Math.floor(place / state.size);
    draw();
    drawEvent(id, place);
    const line = byId("table").querySelector("[aria-current]");
    if (line) {
      // Inside the table only: the page itself stays where the reader is, unless the table is out of sight.
      const scroll = line.closest(".scroll");
      const head = byId("table").tHead.offsetHeight;
      if (line.offsetTop < scroll.scrollTop + head) scroll.scrollTop = line.offsetTop - head;
      const below = line.offsetTop + line.offsetHeight - scroll.clientHeight;
      if (below > scroll.scrollTop) scroll.scrollTop = below;
    }
    const box = panel.getBoundingClientRect();
    if (box.bottom < 80 || box.top > innerHeight - 80) byId("events").scrollIntoView();
  };
  const drawEvent = (id, place) => {
    const panel = byId("event");
    const go = (label, name, row) => {
      const button = element("button", { type: "button", "aria-label": name, title: name }, label);
      if (row === undefined) button.disabled = true;
      else button.addEventListener("click", () => { location.hash = `event-${ids.values[row]}`; });
      return button;
    };
    const close = element("button", { type: "button", "aria-label": "Close", title: "Close (Esc)" }, "\u2715");
    close.addEventListener("click", closeEvent);
    const title = element("h3", { id: "event-title" }, `Event ${id}`);
    const head = element("header", {}, title, go("\u2190", "Previous event in the table", state.order[place - 1]),
      go("\u2192", "Next event in the table", place < 0 ? undefined : state.order[place + 1]), close);
    const parts = [head];
    if (state.chosen === null) parts.push(element("p", {}, "There is no event of this number."));
    if (crops[id]) {
      parts.push(element("img", { alt: `Frames around the peak of event ${id}`, src: `data:image/png;base64,${crops[id]}` }));
      parts.push(element("p", { class: "note" }, "Frames around the peak (underlined) with the outline of the event."));
    } else if (state.chosen !== null) {
      parts.push(element("p", { class: "note" }, "No frames of this event are stored in the page."));
    }
    if (traces[id]) parts.push(drawTrace(traces[id]));
    if (state.chosen !== null) {
      const known = columns.filter((column) => column.values[state.chosen] !== null);
      const pairs = known.map((column) =>
        element("div", {}, element("dt", {}, column.name), element("dd", {}, words(column.values[state.chosen]))));
      parts.push(element("dl", {}, ...pairs));
    }
    panel.replaceChildren(...parts);
    panel.hidden = false;
  };
  const closeEvent = () => {
    history.replaceState(null, "", location.pathname + location.search);
    choose();
  };

  const svgElement = (tag, attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  };
  const roundStep = (length, most) => {
    const magnitude = 10 ** Math.floor(Math.log10(length / most));
    return [1, 2, 5, 10].map((factor) => factor * magnitude).find((step) => length / step <= most);
  };
  const drawTrace = (trace) => {
    const [width, height, left, right, top, bottom] = [390, 170, 46, 8, 10, 36];
    const interval = data.frame_interval_s || 1;
    const values = trace.dff;
    const known = values.filter((value) => value !== null);
    const low = Math.min(0, ...known);
    const high = Math.max(low + 1e-3, ...known);
    const begin = trace.first;
    const x = (frame) => left + (frame - begin + 0.5) / Math.max(1, values.length) * (width - left - right);
    const y = (value) => top + (high - value) / (high - low) * (height - top - bottom);
    const svg = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "dF/F0 of the event's footprint" });
    const [from, to] = [trace.start, trace.end].map((f) => Math.min(Math.max(x(f - 0.5), left), width - right));
    svg.append(svgElement("rect", { x: from, y: top, width: Math.max(1, to - from), height: height - top - bottom, fill: "var(--shade)", opacity: 0.25 }));
    svg.append(svgElement("path", { d: `M${left} ${top}V${height - bottom}H${width - right}`, fill: "none", stroke: "var(--quiet)" }));
    const yStep = roundStep(high - low, 4);
    for (let i = Math.ceil(low / yStep); i * yStep <= high; i += 1) {
      svg.append(svgElement("path", { d: `M${left - 4} ${y(i * yStep)}h4`, stroke: "var(--quiet)" }));
      svg.append(svgElement("text", { x: left - 7, y: y(i * yStep) + 4, "text-anchor": "end" }, words(Number((i * yStep).toPrecision(6)))));
    }
    const [start, end] = [(begin - 0.5) * interval, (begin + values.length - 0.5) * interval];
    const xStep = roundStep(end - start, 6);
    for (let i = Math.ceil(start / xStep); i * xStep <= end; i += 1) {
      const at = x(i * xStep / interval);
      svg.append(svgElement("path", { d: `M${at} ${height - bottom}v4`, stroke: "var(--quiet)" }));
      svg.append(svgElement("text", { x: at, y: height - bottom + 16, "text-anchor": "middle" }, words(Number((i * xStep).toPrecision(6)))));
    }
    const unit = data.frame_interval_s ? "Time (s)" : "Time (frames)";
    svg.append(svgElement("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, unit));
    svg.append(svgElement("text", { x: 11, y: (top + height - bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 11 ${(top + height - bottom) / 2})` }, "\u0394F/F\u2080"));
    let pen = "M";
    const line = values.map((value, i) => {
      if (value === null) { pen = "M"; return ""; }
      const step = `${pen}${x(begin + i).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
      return step;
    }).join("");
    svg.append(svgElement("path", { d: line || "M0 0", fill: "none", stroke: "var(--trace)", "stroke-width": 1.5, "stroke-linejoin": "round" }));
    return svg;
  };

  const field = (value) => {
    const text = value === null ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const download = () => {
    const lines = [columns.map((column) => field(column.name))];
    for (const row of state.order) lines.push(columns.map((column) => field(column.values[row])));
    const url = URL.createObjectURL(new Blob([`${lines.map((line) => line.join(",")).join("\n")}\n`], { type: "text/csv" }));
    element("a", { href: url, download: "events.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };

  const drawChooser = () => {
    byId("columns").replaceChildren(...columns.map((column) => {
      const box = element("input", { type: "checkbox" });
      box.checked = column.shown;
      box.addEventListener("change", () => { column.shown = box.checked; arrange(); draw(); });
      return element("label", {}, box, ` ${column.name}`);
    }));
  };
  const showColumns = (rule) => {
    for (const column of columns) column.shown = rule(column);
    drawChooser();
    arrange();
    draw();
  };

  byId("filter").addEventListener("input", refresh);
  byId("size").addEventListener("change", (event) => { state.size = Number(event.target.value); state.page = 0; draw(); });
  byId("download").addEventListener("click", download);
  byId("columns-default").addEventListener("click", () => showColumns((column) => column.default));
  byId("columns-all").addEventListener("click", () => showColumns(() => true));
  document.querySelector(".pages").addEventListener("click", (event) => {
    const go = event.target.dataset.go;
    if (!go) return;
    state.page = { first: 0, back: state.page - 1, on: state.page + 1, last: nPages() - 1 }[go];
    draw();
    document.querySelector(".scroll").scrollTop = 0;
  });
  byId("table").tHead.addEventListener("click", (event) => {
    const column = columnNamed.get(event.target.dataset.sort);
    if (!column) return;
    state.ascending = state.sort === column ? !state.ascending : true;
    state.sort = column;
    refresh();
  });
  byId("table").tBodies[0].addEventListener("click", (event) => {
    const line = event.target.closest("[data-row]");
    if (line && ids && !event.target.closest("a") && !String(getSelection())) location.hash = `event-${ids.values[line.dataset.row]}`;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (byId("chooser").open) byId("chooser").open = false;
    else if (!byId("event").hidden && event.target !== byId("filter")) closeEvent();
  });
  document.addEventListener("click", (event) => {
    if (!byId("chooser").contains(event.target)) byId("chooser").open = false;
  });
  addEventListener("hashchange", choose);

  byId("browser").hidden = false;
  drawChooser();
  arrange();
  choose();
})();
