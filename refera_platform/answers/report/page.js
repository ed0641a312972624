"use strict";
(() => {
const content = JSON.parse(document.getElementById("content").textContent);
const OTHERS = "\u0001";
const THEMES = {
  light: { ground: "#ffffff", ink: "#0f172a", soft: "#51607a", grid: "#e5eaf2", one: "#2563eb", none: "#94a3b8", others: "#cbd5e1",
    category: ["#2563eb", "#e8590c", "#0f9d76", "#9333ea", "#d6336c", "#0b8fac", "#b7791f", "#7c2d12", "#4d7c0f", "#be185d"] },
  dark: { ground: "#131c2e", ink: "#e6ebf4", soft: "#9fb0c9", grid: "#26344d", one: "#6ea8fe", none: "#718096", others: "#475569",
    category: ["#6ea8fe", "#ff9f5a", "#4fd1a5", "#c792ff", "#ff86b0", "#5cd3ec", "#f2c14e", "#e0a98f", "#a3d65c", "#f9a8d4"] },
};
const NUMBERS = new Set(["integer", "number", "amount", "percent"]);
const DAY = /^\d{4}-\d{2}-\d{2}/;
const root = document.documentElement;
const views = new Map();
let language, theme, words, turn = 0;

// ---------------------------------------------------------------- choices, remembered where the browser lets a page
function remembered(name) { try { return localStorage.getItem("refera-" + name); } catch { return null; } }
function remember(name, value) { try { localStorage.setItem("refera-" + name, value); } catch { /* from a disk, or forbidden */ } }
const dark = matchMedia("(prefers-color-scheme: dark)");

function firstLanguage() {
  const asked = root.dataset.language || new URLSearchParams(location.hash.slice(1)).get("lang");
  const wanted = [asked, remembered("language"), (navigator.language || "").slice(0, 2)];
  return wanted.find((one) => one in content.words) || "en";
}

// ---------------------------------------------------------------- values as people write them
const grouped = (digits, mark) => digits.replace(/\B(?=(\d{3})+$)/g, mark);
function number(value, digits = 0) {
  if (value === null || value === undefined) return "–";
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)\.?(\d*)$/.exec(String(value)) || [];
  if (whole === undefined) return String(value);
  const [mark, point] = language === "pt" ? [".", ","] : [",", "."];
  const shown = fraction.padEnd(digits, "0");
  return (sign ? "−" : "") + grouped(whole, mark) + (shown ? point + shown : "");
}
function date(value, options = { day: "numeric", month: "short", year: "numeric" }) {
  const day = new Date(value.slice(0, 10) + "T00:00:00Z");
  return Number.isNaN(+day) ? value : new Intl.DateTimeFormat(language === "pt" ? "pt-BR" : "en-GB", { ...options, timeZone: "UTC" }).format(day);
}
const month = (value) => date(value.slice(0, 7) + "-01", { month: "short", year: "numeric" });
const instant = (value) => value ? date(value) + " " + value.slice(11, 16) : "";
function shown(value, kind) {
  if (value === null) return words.none;
  if (kind === "integer") return number(value);
  if (kind === "amount") return number(value, 2);
  if (kind === "percent") return number(value) + "%";
  if (kind === "number") return new Intl.NumberFormat(language === "pt" ? "pt-BR" : "en-US", { maximumFractionDigits: 2 }).format(value);
  if (kind === "date") return date(value);
  if (kind === "month") return month(value);
  return String(value);
}
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// ---------------------------------------------------------------- texts and headline
function say() {
  words = content.words[language];
  root.lang = language === "pt" ? "pt-BR" : "en";
  document.title = words["page.title"];
  for (const place of document.querySelectorAll("[data-say]")) place.textContent = words[place.dataset.say];
  for (const place of document.querySelectorAll("[data-label]")) place.setAttribute("aria-label", words[place.dataset.label]);
  for (const button of document.querySelectorAll("[data-language]")) {
    if (button !== root) button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  const { as_of, published_at, run_id } = content.publication;
  const upTo = as_of ? words.as_of + " " + date(as_of) : words.never_captured;
  document.getElementById("as-of").textContent = upTo + " · " + words.published + " " + instant(published_at) + " UTC";
  document.getElementById("made-by").textContent = words.made_by + " " + run_id + ".";
  for (const place of document.querySelectorAll("[data-sentence]")) {
    const { section, sentence } = place.dataset;
    const row = content.sentences[section][sentence];
    place.hidden = row === null;
    place.textContent = row === null ? "" : filled(words["sentence." + section + "." + sentence], toldOf(row));
  }
}
/** Numbers and days of a row as people write them, by name. */
function toldOf(row) {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name,
    value === null ? "–" : DAY.test(value) ? date(String(value)) : number(value)]));
}

function headline() {
  const numbers = content.headline;
  const told = toldOf(numbers);
  const isEmpty = Object.values(numbers).every((value) => value === null || Number(value) === 0);
  for (const box of document.querySelectorAll("[data-tile]")) {
    const name = box.dataset.tile;
    const value = numbers[name] ?? null;
    const figure = value === null ? "–" : shown(value, content.tiles[name]);
    box.querySelector(".figure").textContent = figure;
    box.style.setProperty("--length", figure.length);
    box.querySelector(".aside").textContent = isEmpty ? words.no_data : filled(words["tile_note." + name] || "", told);
  }
}

// ---------------------------------------------------------------- tables
function table(section, data) {
  const heading = (column) => words[column.say || "column." + column.name] || (/^\d{4}-\d{2}$/.test(column.name) ? month(column.name) : column.name);
  const body = element("tbody");
  const rows = [...data.rows];
  const fill = () => body.replaceChildren(...rows.map((row) => element("tr", {}, ...row.map((value, at) => {
    const { kind } = data.columns[at];
    const classes = [NUMBERS.has(kind) ? "right" : "", value === null ? "missing" : ""].join(" ").trim();
    return element("td", { class: classes || null }, shown(value, kind));
  }))));
  const heads = data.columns.map((column, at) => {
    const button = element("button", { type: "button", title: words.sort }, heading(column));
    const head = element("th", { scope: "col", class: NUMBERS.has(column.kind) ? "right" : null }, button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "descending" || (!head.hasAttribute("aria-sort") && !NUMBERS.has(column.kind));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "ascending" : "descending");
      const numeric = NUMBERS.has(column.kind) || column.kind === "id";
      rows.sort((one, other) => compared(one[at], other[at], numeric, down ? 1 : -1));
      fill();
    });
    return head;
  });
  fill();
  const foot = data.total && element("tfoot", {}, element("tr", {}, ...data.total.map((value, at) =>
    element("td", { class: NUMBERS.has(data.columns[at].kind) ? "right" : null },
      value !== null ? shown(value, data.columns[at].kind) : at === 0 ? words.total : ""))));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": words["table." + section + "." + data.name] },
    element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body, foot));
}
function compared(one, other, numeric, direction) {
  if (one === null || other === null) return (one === null) - (other === null);
  const [left, right] = [Number(one), Number(other)];
  if (numeric && !Number.isNaN(left) && !Number.isNaN(right)) return direction * (left - right);
  return direction * String(one).localeCompare(String(other), language);
}
function tables() {
  for (const place of document.querySelectorAll("[data-tables]")) {
    const section = place.dataset.tables;
    const open = new Set([...place.querySelectorAll("details[open]")].map((one) => one.dataset.table));
    place.replaceChildren(...content.tables[section].map((data) => {
      const counts = { shown: number(data.rows.length), all: number(data.in_all) };
      const less = data.rows.length < data.in_all ? (data.total ? words.first_of : words.first_of_only)
        : data.in_all === 1 ? words.one_row : words.row_count;
      const summary = element("summary", {}, words["table." + section + "." + data.name], element("span", {}, data.in_all ? filled(less, counts) : words.no_data));
      const details = element("details", { class: "table", "data-table": data.name }, summary);
      const draw = () => { if (details.open && details.children.length === 1 && data.in_all) details.append(table(section, data)); };
      details.addEventListener("toggle", draw);
      details.open = open.has(data.name);
      draw();
      return details;
    }));
  }
}

// ---------------------------------------------------------------- charts
function rowsOf(name) {
  const { names = [], values = {} } = content.charts[language][name].usermeta || {};
  return content.series[name].map((row) => {
    const told = { ...row };
    for (const field of names) {
      told[field] = row[field] === null ? words.none : row[field] === OTHERS ? words.others : values[row[field]] ?? row[field];
    }
    return told;
  });
}
function themed(width, named) {
  const { ground, ink, soft, grid, one, category } = THEMES[theme];
  const narrow = width < 480;
  return {
    background: ground, font: "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif",
    view: { stroke: null },
    axis: { labelColor: soft, titleColor: soft, gridColor: grid, domainColor: grid, tickColor: grid, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500 },
    axisY: { labelLimit: narrow ? 110 : 210, labelPadding: 6, domain: false, ticks: false },
    axisX: { labelPadding: 5 }, axisTop: { labelAngle: narrow ? -90 : -35 },
    legend: { orient: "top", labelColor: ink, labelFontSize: 12, symbolType: "square", labelLimit: !narrow ? 130 : named ? width - 150 : 95, offset: 12,
      columns: Math.max(narrow && !named ? 2 : 1, Math.floor((width - (named ? 190 : 60)) / 155)) },
    mark: { aria: false }, bar: { color: one }, line: { color: one }, point: { color: one }, range: { category },
  };
}
/** What each group is drawn in: one colour in all charts, grey for what has no name. */
function palette(kind) {
  const known = [];
  for (const [name, spec] of Object.entries(content.charts[language])) {
    if (spec.usermeta?.groups !== kind) continue;
    for (const { [kind]: group } of content.series[name]) if (group !== null && group !== OTHERS && !known.includes(group)) known.push(group);
  }
  const { category, others, none } = THEMES[theme];
  return (group) => group === words.none ? none : group === words.others ? others : category[known.indexOf(group) % category.length];
}
function coloured(spec, rows) {
  const { groups, size, values } = spec.usermeta || {};
  const colour = spec.encoding?.color;
  if (!groups || !colour) return;
  if (values) {
    const kept = colour.scale.domain.map((value) => rows.some((row) => row[groups] === value && row[size]));
    colour.scale = { domain: colour.scale.domain.filter((_, at) => kept[at]), range: colour.scale.range.filter((_, at) => kept[at]) };
    return;
  }
  const sizes = new Map();
  for (const row of rows) sizes.set(row[groups], (sizes.get(row[groups]) || 0) + Number(row[size] ?? 0));
  const nameless = (group) => (group === words.none) + 2 * (group === words.others);
  const domain = [...sizes.keys()].sort((one, other) => nameless(one) - nameless(other) || sizes.get(other) - sizes.get(one));
  colour.scale = { domain, range: domain.map(palette(groups)) };
  for (const row of rows) row._turn = domain.indexOf(row[groups]);
}
/** A chart of one or two months keeps bars of a usual width: the axis begins half a year before the last. */
function roomForFew(spec, rows) {
  const field = spec.usermeta?.months;
  if (!field) return;
  const months = [...new Set(rows.map((row) => row[field]))].filter((one) => DAY.test(one)).sort();
  if (!months.length || months.length >= 6) return;
  const [year, last] = months[months.length - 1].split("-").map(Number);
  const at = (step) => ({ year: year + Math.floor((last - 1 + step) / 12), month: ((last - 1 + step) % 12 + 12) % 12 + 1 });
  spec.encoding.x.scale = { domain: [at(-5), at(1)] };
}
async function charts() {
  const mine = ++turn;
  delete root.dataset.ready;
  for (const place of document.querySelectorAll("[data-series]")) {
    const name = place.dataset.series;
    const rows = rowsOf(name);
    views.get(name)?.finalize();
    views.delete(name);
    if (!rows.length) {
      place.replaceChildren(element("div", { class: "empty" }, words.no_data));
      continue;
    }
    const spec = structuredClone(content.charts[language][name]);
    delete spec.config;
    roomForFew(spec, rows);
    coloured(spec, rows);
    // a height of steps would be said to be dropped, in a warning a chart, although the width alone is fitted
    const named = spec.usermeta?.rows;
    if (named && spec.height.step) spec.height = spec.height.step * new Set(rows.map((row) => row[named])).size;
    spec.datasets = { [name]: rows };
    const locale = content.locales[language];
    let made;
    try {
      made = await vegaEmbed(place, spec, {
        mode: "vega-lite", renderer: "svg", config: themed(place.clientWidth, named !== undefined), tooltip: { theme, offsetX: 12 },
        formatLocale: locale.number, timeFormatLocale: locale.time, downloadFileName: name,
        actions: { export: true, source: false, compiled: false, editor: false },
        i18n: { PNG_ACTION: words.save_png, SVG_ACTION: words.save_svg, CLICK_TO_VIEW_ACTIONS: words.save_png + ", " + words.save_svg },
      });
    } catch (error) {  // one chart that cannot be drawn leaves the others alone
      if (mine !== turn) return;
      console.error(name, error);
      place.replaceChildren(element("div", { class: "empty" }, String(error.message)));
      continue;
    }
    if (mine !== turn) { made.finalize(); return; }
    views.set(name, made);
  }
  root.dataset.ready = language + " " + theme;
}

// ---------------------------------------------------------------- what the sources are worth
function sources() {
  let wrong = 0;
  const rows = content.sources.map((source) => {
    const fresh = source.day === null ? words.never : source.is_fresh ? words.fresh : filled(words.overdue, { due: date(source.due) });
    const troubles = [];
    const counted = source.mirrors.map(({ model, rows: there }) => {
      if (there === null) troubles.push(filled(words.not_published, { model }));
      const much = source.differences[model] || 0;
      if (much) troubles.push(filled(much > 0 ? words.more_rows : words.fewer_rows, { count: number(Math.abs(much)) }));
      return element("div", {}, number(there), element("small", {}, element("code", {}, model)));
    });
    if (!source.is_settled) troubles.push(words.unsettled);
    const bad = !source.is_fresh || troubles.length > 0;
    wrong += bad;
    const verdict = troubles.join("; ") || (source.mirrors.length ? words.agrees : words.no_mirror);
    const quirks = source.quirks ? element("small", {}, filled(words.quirks, { count: number(source.quirks) })) : null;
    return element("tr", { class: bad ? "wrong" : null, "data-source": source.table },
      element("th", { scope: "row" }, source.table, element("small", {}, source.about)),
      element("td", { class: source.is_fresh ? "good whole" : "bad" }, (source.is_fresh ? "✓ " : "✗ ") + fresh),
      element("td", {}, element("span", { class: "whole" }, source.day ? date(source.day) : "–"), element("small", {}, source.captured_at ? words.captured_at + ": " + instant(source.captured_at) : "")),
      element("td", { class: "right" }, number(source.lake_rows), quirks),
      element("td", { class: "right" }, ...counted),
      element("td", { class: troubles.length ? "bad" : source.mirrors.length ? "good" : null },
        (troubles.length ? "✗ " : source.mirrors.length ? "✓ " : "") + verdict),
      element("td", {}, element("code", {}, source.position), element("small", {}, element("code", {}, source.server)), element("small", {}, words.strategy + ": " + source.strategy)));
  });
  const heads = ["table", "freshness", "newest_day", "lake_rows", "warehouse_rows", "reconciliation", "position"].map((name) =>
    element("th", { scope: "col", class: name.endsWith("rows") ? "right" : null }, words[name]));
  document.getElementById("source-table").replaceChildren(
    element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)));
  const verdict = document.getElementById("verdict");
  verdict.className = "verdict " + (wrong ? "bad" : "good");
  verdict.replaceChildren(element("a", { href: "#sources", class: wrong ? "bad" : "good" }, wrong ? words.not_well : words.all_well));
}

// ---------------------------------------------------------------- lineage
function lineage() {
  const place = document.getElementById("columns");
  const sought = place.querySelector("input")?.value || "";
  const open = new Set([...place.querySelectorAll("details[open]")].map((one) => one.dataset.model));
  if (content.origins === null) {
    place.replaceChildren(element("p", { class: "note" }, words.lineage_missing));
    return;
  }
  const search = element("input", { type: "search", placeholder: words.search_columns, "aria-label": words.search_columns });
  search.value = sought;
  const list = element("div");
  const draw = () => {
    const wanted = search.value.trim().toLowerCase();
    const models = new Map();
    for (const origin of content.origins) {
      const text = [origin.model, origin.column, ...origin.through, ...origin.sources].join(" ").toLowerCase();
      if (text.includes(wanted)) models.set(origin.model, [...(models.get(origin.model) || []), origin]);
    }
    list.replaceChildren(...[...models].map(([model, columns]) => {
      const told = columns.flatMap((origin) => [
        element("dt", {}, element("code", {}, origin.column)),
        element("dd", {}, origin.sources.length ? element("code", {}, origin.sources.join(", ")) : words.computed,
          origin.through.length ? element("small", {}, words.through + " ", element("code", {}, origin.through.join(" ← "))) : null),
      ]);
      const details = element("details", { "data-model": model },
        element("summary", {}, element("code", {}, model), element("span", {}, columns.length === 1 ? words.one_column : filled(words.columns_count, { count: number(columns.length) }))),
        element("dl", {}, ...told));
      details.open = wanted !== "" || open.has(model);
      return details;
    }));
  };
  search.addEventListener("input", draw);
  draw();
  place.replaceChildren(element("p", { class: "note" }, words.lineage_note), search, list);
}

// ---------------------------------------------------------------- everything, and again when a choice changes
function colours(chosen) {
  theme = chosen;
  root.dataset.theme = chosen;
  document.getElementById("theme").setAttribute("aria-pressed", String(chosen === "dark"));
}
function everything() { say(); headline(); tables(); sources(); lineage(); return charts(); }

document.querySelector(".choice").addEventListener("click", (event) => {
  const chosen = event.target.dataset.language;
  if (chosen && chosen !== language) { language = chosen; remember("language", chosen); everything(); }
});
document.getElementById("theme").addEventListener("click", () => {
  colours(theme === "dark" ? "light" : "dark");
  remember("theme", theme);
  charts();
});
dark.addEventListener("change", () => { if (!remembered("theme")) { colours(dark.matches ? "dark" : "light"); charts(); } });
let width = innerWidth;
addEventListener("resize", () => {
  if ((innerWidth < 800) !== (width < 800)) charts();
  width = innerWidth;
});
language = firstLanguage();
colours(remembered("theme") || (dark.matches ? "dark" : "light"));
everything();
})();
