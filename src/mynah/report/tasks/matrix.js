// The confusion matrix: cells are buttons that open their clips; arrow keys move between them.

const PAGE = 12; // clips shown at a time
const doubtful = new Set(data.doubtful);
const byId = (id) => document.getElementById(id);

const confusionOf = (family) => {
  const matrix = data.classes.map(() => new Array(data.classes.length).fill(0));
  data.labels.forEach((label, clip) => {
    const predicted = family.predicted[clip];
    if (label >= 0 && predicted >= 0) matrix[label][predicted] += 1;
  });
  return matrix;
};

const shade = (part, whole, right) => {
  const level = part && whole ? Math.ceil(8 * Math.sqrt(part / whole)) : 0;
  return level ? `${right ? "r" : "w"}${level}` : "zero";
};

let family = null;
let matrix = null;
let opened = null;

const sayCell = (row, column) => {
  const whole = matrix[row].reduce((a, b) => a + b, 0);
  const n = matrix[row][column];
  const share = whole ? `, ${percent(n / whole)} of the row` : "";
  return `${data.classes[row]} predicted as ${data.classes[column]}: ${plural(n, "clip")}${share}`;
};

const drawMatrix = () => {
  const body = document.createDocumentFragment();
  data.shown.forEach((row, r) => {
    const whole = matrix[row].reduce((a, b) => a + b, 0);
    const line = make("tr", {}, make("th", { scope: "row", title: data.classes[row] }, make("span", {}, data.classes[row])));
    data.shown.forEach((column, c) => {
      const n = matrix[row][column];
      const button = make("button", { type: "button", tabindex: r + c ? -1 : 0, "data-r": r, "data-c": c }, n ? String(n) : "");
      button.setAttribute("aria-label", sayCell(row, column));
      button.title = sayCell(row, column);
      line.append(make("td", { class: shade(n, whole, row === column) + (row === column ? " diagonal" : "") }, button));
    });
    body.append(line);
  });
  byId("matrix").tBodies[0].replaceChildren(body);
  byId("matrix").caption.textContent = `Confusion matrix of ${family.name}: rows are labels, columns what was predicted`;
};

const cellAt = (r, c) => byId("matrix").querySelector(`button[data-r="${r}"][data-c="${c}"]`);

const move = (event) => {
  const from = event.target.closest("button");
  if (!from) return;
  const last = data.shown.length - 1;
  let [r, c] = [Number(from.dataset.r), Number(from.dataset.c)];
  const steps = {
    ArrowUp: () => { r -= 1; }, ArrowDown: () => { r += 1; }, ArrowLeft: () => { c -= 1; }, ArrowRight: () => { c += 1; },
    Home: () => { c = 0; if (event.ctrlKey) r = 0; }, End: () => { c = last; if (event.ctrlKey) r = last; },
  };
  if (!steps[event.key]) return;
  event.preventDefault();
  steps[event.key]();
  const to = cellAt(Math.min(last, Math.max(0, r)), Math.min(last, Math.max(0, c)));
  to.focus();
};

// One cell at a time is a tab stop: the last that had the focus or was opened.
const tabStop = (cell) => {
  for (const old of byId("matrix").querySelectorAll('button[tabindex="0"]')) old.tabIndex = -1;
  cell.tabIndex = 0;
};

const drawMixUps = () => {
  const cells = [];
  matrix.forEach((row, r) => row.forEach((n, c) => { if (n && r !== c) cells.push([n, r, c]); }));
  cells.sort((a, b) => b[0] - a[0] || a[1] - b[1] || a[2] - b[2]);
  const list = make("ul");
  for (const [n, r, c] of cells.slice(0, 8)) {
    const arrow = make("span", { class: "arrow", "aria-label": "predicted as" }, "→");
    const button = make("button", { type: "button", class: "mix" }, `${data.classes[r]} `, arrow, ` ${data.classes[c]} `, make("b", {}, String(n)));
    button.addEventListener("click", () => { openCell(r, c, true); bringPanel(); });
    list.append(make("li", {}, button));
  }
  const known = matrix.flat().reduce((a, b) => a + b, 0);
  byId("mix-ups").replaceChildren(...(cells.length
    ? [make("h3", {}, "Most common mix-ups"), list]
    : [make("p", {}, `No mistakes among ${plural(known, "clip")}.`)]));
  return cells[0];
};

const facts = (clip) => {
  const words = [];
  if (data.folds[clip] >= 0) words.push(`fold ${data.foldNames[data.folds[clip]]}`);
  if (data.seconds[clip] !== null) words.push(duration(data.seconds[clip]));
  const preview = data.previews[clip];
  if (preview) {
    const [seconds, start, gain] = preview;
    if (seconds + 0.05 < data.seconds[clip]) words.push(`loudest ${duration(seconds)}, from ${duration(start)}`);
    words.push(`played ${decibels(gain)}`);
  }
  return words.concat(data.flags[clip] || []);
};

const bar = (share) => {
  const picture = make("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
  picture.append(make("rect", { class: "track", width: 100, height: 8 }), make("rect", { class: "fill", width: 100 * share, height: 8 }));
  return picture;
};

const guesses = (clip) => {
  const top = data.top[clip] || [];
  const list = make("ul", { class: "top3" });
  for (let k = 0; k < top.length; k += 2) {
    list.append(make("li", {}, bar(top[k + 1]), make("span", {}, percent(top[k + 1])), make("span", {}, data.classes[top[k]])));
  }
  return list;
};

const breakable = (path) => path.split("/").flatMap((part, k) => (k ? ["/", make("wbr"), part] : [part]));

const clipRow = (clip) => {
  const what = make("div", { class: "what" }, make("p", { class: "path" }, ...breakable(data.files[clip])));
  if (family.name === data.probable) { // the probabilities in this file are those of the kept method
    if (doubtful.has(clip)) what.append(make("p", { class: "doubt" }, "Sure of its mistake: is the label right?"));
    what.append(guesses(clip));
  } else {
    what.append(make("p", { class: "said" }, `${family.name} predicted `, make("b", {}, data.classes[family.predicted[clip]])));
  }
  what.append(make("p", { class: "facts" }, ...facts(clip).map((fact) => make("span", {}, fact))));
  const row = make("li", { class: "clip" });
  if (data.previews[clip]) row.append(media(clip, data.files[clip]));
  else row.classList.add("silent");
  row.append(what);
  return row;
};

const openCell = (row, column, jump = false) => {
  opened = [row, column];
  for (const cell of byId("matrix").querySelectorAll("[aria-pressed]")) cell.removeAttribute("aria-pressed");
  const cell = cellAt(data.shown.indexOf(row), data.shown.indexOf(column));
  if (cell) {
    cell.setAttribute("aria-pressed", "true");
    tabStop(cell);
  }
  const clips = [];
  data.labels.forEach((label, clip) => { if (label === row && family.predicted[clip] === column) clips.push(clip); });
  clips.sort((a, b) => Boolean(data.previews[b]) - Boolean(data.previews[a])); // those with sound first
  const [from, to] = [data.classes[row], data.classes[column]];
  byId("panel-title").textContent = row === column
    ? `${from}, named right: ${plural(clips.length, "clip")}`
    : `${from} predicted as ${to}: ${plural(clips.length, "clip")}`;
  const silent = clips.filter((clip) => !data.previews[clip]).length;
  const notes = [];
  if (silent && clips.length) notes.push(silent === clips.length ? "None of them is in this file as sound." : `${silent} of them without sound in this file.`);
  byId("panel-note").textContent = notes.join(" ");
  showClips(clips, 0);
  byId("panel").scrollTop = 0;
  if (jump) byId("panel-title").focus({ preventScroll: true });
};

const bringPanel = () => { // where it stands below a large matrix or on a small screen
  if (byId("panel").getBoundingClientRect().top > innerHeight - 200) byId("panel").scrollIntoView({ block: "start" });
};

const showClips = (clips, from) => {
  const list = byId("panel-clips");
  const rows = clips.slice(from, from + PAGE).map(clipRow);
  if (from) list.append(...rows); else list.replaceChildren(...rows);
  const more = byId("panel-more");
  const left = clips.length - from - PAGE;
  more.hidden = left <= 0;
  more.textContent = `Show ${Math.min(left, PAGE)} more of ${left}`;
  more.onclick = () => { showClips(clips, from + PAGE); rows.length && list.children[from + PAGE].querySelector("audio, .path").focus?.(); };
};

const drawClasses = () => {
  const rows = new Map([...byId("class-table").tBodies[0].rows].map((row) => [row.cells[0].dataset.v, row]));
  data.classes.forEach((label, k) => {
    const [recall, precision, f1] = family.scores[k];
    const cells = rows.get(label).cells;
    for (const [cell, value] of [[cells[2], recall], [cells[3], precision]]) {
      cell.dataset.v = value;
      cell.replaceChildren(bar(value), percent(value));
    }
    cells[4].dataset.v = f1;
    cells[4].textContent = percent(f1);
    const wrong = matrix[k].map((n, c) => (c === k ? 0 : n));
    const most = Math.max(...wrong);
    cells[5].textContent = most ? `${data.classes[wrong.indexOf(most)]} (${most})` : "–";
  });
  byId("classes-family").textContent = `Method: ${family.name}.`;
};

const choose = (name, first = false) => {
  family = data.families.find((each) => each.name === name);
  matrix = confusionOf(family);
  drawMatrix();
  const worst = drawMixUps();
  if (!first) drawClasses();
  if (worst) openCell(worst[1], worst[2]);
  else openCell(data.shown[0], data.shown[0]);
};

const startMatrix = () => {
  byId("matrix").addEventListener("keydown", move);
  byId("matrix").addEventListener("focusin", (event) => { if (event.target.dataset.r) tabStop(event.target); });
  byId("matrix").addEventListener("click", (event) => {
    const cell = event.target.closest("button");
    if (!cell) return;
    openCell(data.shown[cell.dataset.r], data.shown[cell.dataset.c]);
    bringPanel();
  });
  byId("family").addEventListener("change", (event) => choose(event.target.value));
  const begin = () => {
    observer.disconnect();
    if (!family) choose(byId("family").value, true);
  };
  const observer = new IntersectionObserver((entries) => { // nothing is drawn before it is near or has the focus
    if (entries.some((entry) => entry.isIntersecting)) begin();
  }, { rootMargin: "600px" });
  observer.observe(byId("mistakes"));
  byId("mistakes").addEventListener("focusin", begin, { once: true });
};

document.addEventListener("DOMContentLoaded", startMatrix);
