// Tables that sort, commands that copy; then everything starts.

const sortBy = (table, column, down) => {
  const text = table.tHead.rows[0].cells[column].dataset.sort === "text";
  const value = (row) => {
    const raw = row.cells[column].dataset.v ?? "";
    return text ? raw : raw === "" ? NaN : Number(raw);
  };
  const order = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (text) return x.localeCompare(y);
    return Number.isNaN(x) - Number.isNaN(y) || (down ? y - x : x - y) || 0; // no value: always last
  };
  const rows = [...table.tBodies[0].rows].sort(order);
  if (text && down) rows.reverse();
  table.tBodies[0].append(...rows);
  for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
  table.tHead.rows[0].cells[column].setAttribute("aria-sort", down ? "descending" : "ascending");
};

const startTables = () => {
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (!head.dataset.sort) return;
      const button = make("button", { type: "button", class: "sort" }, ...head.childNodes);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        sortBy(table, column, now ? now === "ascending" : head.dataset.sort === "down");
      });
      head.append(button);
    });
  }
};

const startCommands = () => {
  for (const box of document.querySelectorAll(".command")) {
    const button = make("button", { type: "button" }, "Copy");
    button.addEventListener("click", async () => {
      const words = box.querySelector("pre");
      try {
        await navigator.clipboard.writeText(words.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(words);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    box.append(button);
  }
};

const startLists = () => {
  for (const list of document.querySelectorAll("details.list")) {
    const begin = () => { for (const row of list.querySelectorAll(".clip:not(.silent)")) nearby.observe(row); };
    if (list.open) begin();
    else list.addEventListener("toggle", begin, { once: true });
  }
};

// A link to a clip opens the list it stands in; on paper every table is open.
const startDetails = () => {
  for (const link of document.querySelectorAll('a[href^="#clip-"]')) {
    link.addEventListener("click", () => { document.querySelector(link.hash).closest("details").open = true; });
  }
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open], .list)")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => { for (const each of closed) each.open = false; });
};

document.addEventListener("DOMContentLoaded", () => {
  document.documentElement.classList.add("scripted");
  startTables();
  startCommands();
  startLists();
  startDetails();
});
