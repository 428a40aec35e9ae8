"use strict";
const facts = JSON.parse(document.getElementById("facts").textContent);
const page = document.getElementById("page");
/* Rollouts by name: {rollout, env: index, at: index}. What only an opened one shows is read then. */
const known = new Map();
facts.environments.forEach((env, index) => env.rollouts.forEach((rollout, at) => known.set(rollout.rollout, { rollout, env: index, at })));
const lines = [];
function more(rollout) {
  const place = known.get(rollout.rollout);
  if (!place) return rollout;
  if (!lines[place.env]) lines[place.env] = document.getElementById("more-" + place.env).textContent.split("\n");
  const full = Object.assign({}, rollout, JSON.parse(lines[place.env][place.at]));
  const members = ["seq", "at", "kind", "hash", "text", "by"];
  let before = {};
  full.events = (full.events || []).map(row => before = Object.fromEntries(members.map((member, i) => [member, row[i] === 0 ? before[member] : row[i]])));
  return full;
}

/* Everything that comes from the ledger becomes text, never markup. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    if (value !== undefined && value !== null) node.setAttribute(name, value);
  for (const child of children.flat())
    if (child !== undefined && child !== null) node.append(child);
  return node;
}
function svg(tag, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
const time = at => at ? at.slice(0, 16).replace("T", " ") : "";
const ms = at => Date.parse(at);
function took(duration) { return tookText(duration).replace(/ /g, "\u00a0"); }
function tookText(duration) {
  if (duration === undefined || duration === null) return "";
  const s = Math.round(duration / 1000);
  if (duration < 100) return "< 0.1 s";
  if (duration < 9950) return (duration / 1000).toFixed(1) + " s";
  if (s < 120) return s + " s";
  if (s < 7200) return Math.round(s / 60) + " min";
  return s < 172800 ? Math.round(s / 3600) + " h" : Math.round(s / 86400) + " d";
}
const tones = { succeeded: "good", recovered: "good", ready: "good", passed: "good", failed: "bad", dead: "bad", refused: "bad", error: "bad",
  degraded: "warn", cancelled: "warn", expired: "warn", superseded: "warn", waiting: "busy", requested: "busy", running: "busy", verifying: "busy" };
const tone = state => tones[state] || "";

/* What a rollout found: a release that did not succeed, or what was live. */
const found = rollout => rollout.tried || rollout.from;
const lastState = env => env.state === "empty" ? "none" : env.state;

/* ---- what is live now ---- */
function term(name, value, mark) {
  return el("div", {}, el("dt", {}, name), el("dd", { class: mark }, value));
}
function now(env) {
  const rollback = env.rollback || {}, targets = env.targets || {};
  const list = el("dl", { class: "now" });
  list.append(term("live", env.mixed ? "mixed" : env.version || "nothing", "big"));
  if (env.since) list.append(term("since", time(env.since)));
  list.append(term("last rollout", lastState(env), tone(env.state)));
  list.append(term("targets", (targets.clean || 0) + " clean" + (targets.dirty ? ", " + targets.dirty + " dirty" : ""), targets.dirty ? "bad" : ""));
  const readiness = [rollback.ready, rollback.checkedAt && "checked " + time(rollback.checkedAt), rollback.usualMs && "usually " + took(rollback.usualMs)].filter(Boolean).join(", ");
  list.append(term("roll back goes to", (rollback.version || "nothing") + (readiness ? ": " + readiness : ""), tone(rollback.ready)));
  if (env.hold) list.append(term("hold", env.hold.reason || "of a " + (env.hold.by === "back" ? "rollback" : "person"), "warn"));
  const overdue = (env.owes || []).filter(debt => debt.overdue).length;
  if (env.debts) list.append(term("debts", (overdue === env.debts ? "" : env.debts + (overdue ? ", " : "")) + (overdue ? overdue + " overdue" : ""), overdue ? "bad" : "warn"));
  const drifted = (env.drift || []).length, looks = env.driftLooks, all = (targets.clean || 0) + (targets.dirty || 0);
  if (drifted) list.append(term("drift", drifted + (drifted === 1 ? " target" : " targets"), "warn"));
  else if (looks) list.append(term("drift", (looks.unsure ? "not known at " + looks.unsure + " of " : "none at ") + looks.targets + " of " + all + (all === 1 ? " target" : " targets") + ", looked at " + time(env.driftCheckedAt), looks.unsure ? "warn" : looks.targets === all ? "good" : ""));
  return list;
}

/* ---- the timeline ---- */
function timeline(env) {
  const rollouts = env.rollouts.filter(rollout => rollout.startedAt).slice().reverse();
  if (rollouts.length === 0) return null;
  const W = 1100, H = 112, left = 8, top = 46, rows = [-99, -99, -99];
  /* To now, but a long quiet time does not press what happened into a corner. */
  const first = ms(rollouts[0].startedAt), newest = ms(rollouts[rollouts.length - 1].startedAt);
  const last = Math.max(newest, Math.min(ms(facts.generatedAt), newest + Math.max((newest - first) / 4, 864e5)));
  const span = Math.max(last - first, 1000), x = at => left + (W - 2 * left) * Math.min(Math.max(at - first, 0), span) / span;
  const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `Timeline of ${env.stream}: ${rollouts.length} rollouts from ${time(rollouts[0].startedAt)} to ${time(new Date(last).toISOString())}` });
  for (const band of env.bands || []) {
    const from = x(ms(band.from)), to = x(band.to ? ms(band.to) : last);
    const rect = svg("rect", { x: from, y: 14, width: Math.max(to - from, 1), height: H - 32, fill: `var(--${band.kind})` });
    rect.append(svg("title", {}, `${band.kind}: ${band.name || ""} ${time(band.from)} to ${time(band.to) || "now"}`));
    root.append(rect);
  }
  const live = rollouts.filter(rollout => rollout.state === "succeeded" || rollout.state === "recovered")
    .filter((rollout, i, all) => i === 0 || all[i - 1].version !== rollout.version);
  live.forEach((rollout, i) => {
    const from = x(ms(rollout.finishedAt)), to = i + 1 < live.length ? x(ms(live[i + 1].finishedAt)) : x(last);
    const bar = svg("rect", { x: from, y: top + 14, width: Math.max(to - from, .5), height: 16, fill: i % 2 ? "var(--live-b)" : "var(--live-a)" });
    bar.append(svg("title", {}, `${rollout.version} live from ${time(rollout.finishedAt)}`));
    root.append(bar);
    if (to - from > 7 * String(rollout.version).length + 8) root.append(svg("text", { x: from + 5, y: top + 26, class: "on" }, rollout.version));
  });
  for (const rollout of rollouts) {
    /* Those that came shortly after one another stand above one another: none hides a failure. */
    const at = x(ms(rollout.startedAt)), mark = tone(rollout.state) || "busy";
    const free = rows.findIndex(end => end + 14 <= at), row = free < 0 ? rows.indexOf(Math.min(...rows)) : free, y = top - 14 * row;
    rows[row] = at;
    const shape = rollout.kind === "back" ? svg("path", { d: `M${at - 7} ${y}L${at + 4} ${y - 6.5}V${y + 6.5}Z` })
      : rollout.kind === "forward" ? svg("path", { d: `M${at + 7} ${y}L${at - 4} ${y - 6.5}V${y + 6.5}Z` })
      : rollout.kind === "hotfix" ? svg("path", { d: `M${at} ${y - 7}L${at + 7} ${y}L${at} ${y + 7}L${at - 7} ${y}Z` })
      : svg("circle", { cx: at, cy: y, r: 5.5 });
    shape.setAttribute("class", "mark " + mark);
    shape.append(svg("title", {}, `${rollout.rollout} ${rollout.kind} ${found(rollout) ? found(rollout) + " → " : ""}${rollout.version || ""}: ${rollout.state}, ${time(rollout.startedAt)}`));
    shape.addEventListener("click", () => show(rollout.rollout));
    root.append(shape);
  }
  for (let i = 0; i <= 4; i++) {
    const at = first + span * i / 4;
    root.append(svg("text", { x: x(at), y: H - 4, "text-anchor": i === 0 ? "start" : i === 4 ? "end" : "middle" }, time(new Date(at).toISOString())));
  }
  return root;
}
function legend(env) {
  const signs = { out: "● out", hotfix: "◆ hotfix", back: "◀ back", forward: "▶ forward" }, kinds = new Set(env.rollouts.map(rollout => rollout.kind));
  const bands = new Set((env.bands || []).map(band => band.kind));
  const shaded = ["hold", "freeze"].filter(kind => bands.has(kind)).map(kind => kind + "s").join(" and ");
  return el("p", { class: "soft legend" }, Object.keys(signs).filter(kind => kinds.has(kind)).map(kind => signs[kind]).join("   ") + ". The bar is what was live" + (shaded ? "; shaded: " + shaded : "") + ".");
}

/* ---- one rollout ---- */
function table(headings, rows) {
  return el("div", { class: "wide" }, el("table", {}, el("thead", {}, el("tr", {}, headings.map(h => el("th", { scope: "col" }, h)))),
    el("tbody", {}, rows.map(cells => el("tr", {}, cells.map(cell => cell instanceof Node && cell.tagName === "TD" ? cell : el("td", {}, cell)))))));
}
/* The target says where it is; the whole id is a look away. */
const short = id => { const at = id.search(/\/providers\//i); return at < 0 ? id : id.slice(at + "/providers/".length); };
const named = id => el("td", { class: "mono", title: id }, short(id || ""));
const mono = text => el("td", { class: "mono" }, text || "");
const toned = state => el("td", { class: tone(state) }, state || "");
/* Of the targets that the rollout had, and reached: the others did not change. */
function reached(rollout, diff) {
  if (rollout.moreTargets || !rollout.targets) return diff;
  const names = new Set(rollout.targets.filter(target => target.state !== "skipped").map(target => target.name));
  return diff.map(group => Object.assign({}, group, { targets: group.targets.filter(name => names.has(name)) })).filter(group => group.targets.length);
}
function changes(diff) {
  return diff.map(group => [
    el("p", { class: "soft" }, group.targets.length > 3 ? group.targets.length + " targets alike" : group.targets.join(", ")),
    group.changes.length === 0 ? el("p", {}, "no differences") : el("ul", { class: "changes mono" }, group.changes.map(change =>
      el("li", { title: change.id }, ({ create: "+ ", delete: "− ", modify: "~ " }[change.change] || "· ") + short(change.id),
        (change.properties || []).length ? el("ul", { class: "changes" }, change.properties.map(p =>
          el("li", { class: "soft" }, `  ${p.path}: ${show_value(p.before)} → ${show_value(p.after)}`))) : null)))]);
}
const show_value = value => value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value);
function story(events) {
  return el("ol", { class: "story" }, events.map(event => el("li", {},
    el("span", { class: "soft" }, event.at.slice(0, 19).replace("T", " ")), el("span", {}, event.text, event.by ? el("span", { class: "soft" }, " · " + event.by) : null),
    el("code", { class: "soft", title: (event.stream ? event.stream + " " : "") + event.hash }, "#" + event.seq + " " + event.hash.slice(0, 10)))));
}
/* What became of resources that newer releases had put, and of what left a stack. */
const fates = { deleted: ["deleted", ""], failed: ["could not be deleted", "bad"], kept: ["stays", ""], absent: ["not deleted", "warn"], intended: ["about to be deleted", "busy"] };
function leftovers(target) {
  const rows = [], said = new Map((target.pruned || []).map(pruned => [pruned.resource.toLowerCase(), pruned]));
  const add = (id, fate, why) => rows.push([target.name, named(id), el("td", { class: fate[1] }, fate[0] + (why ? ": " + why : ""))]);
  for (const pruned of target.pruned || []) add(pruned.resource, fates[pruned.outcome] || [pruned.outcome, ""], pruned.message);
  for (const left of target.leftovers || []) if (!said.has(left.id.toLowerCase())) add(left.id, fates.kept, (left.begun ? "if it is there: begun by " : "put by ") + left.release);
  const stack = [["deletedResources", ["left the stack, deleted", ""]], ["detachedResources", ["left the stack, stays", ""]], ["failedResources", ["left the stack, could not be deleted", "bad"]]];
  for (const [list, fate] of stack) for (const left of target[list] || []) add(typeof left === "string" ? left : left.id, fate, left.message);
  return rows;
}
function parts(rollout) {
  if (!rollout.parts) return [];
  return [el("h3", {}, "Went back before it"), table(["environment", "rollout", "state"], rollout.parts.map(part =>
    [part.environment, part.rollout ? opener(part.rollout) : "", el("td", { class: tone(part.state) }, (part.state || "not begun") + (part.apart ? ", by itself" : ""))]))];
}
function targets(rollout) {
  const list = rollout.targets || [], left = list.flatMap(leftovers), out = [];
  const errors = list.filter(target => target.code || (target.message && ["failed", "refused", "absent", "conflict"].includes(target.state)));
  if (list.length) out.push(el("h3", {}, "Targets"), table(["target", "state", "release", "took", "deployment", "correlation id"], list.map(target =>
    [target.name, toned(target.state), target.release, took(target.durationMs), mono(target.deployment), mono(target.correlationId)])));
  if (rollout.moreTargets) out.push(el("p", { class: "soft" }, `and ${rollout.moreTargets} more; roll show ${rollout.rollout} lists them`));
  if (errors.length) out.push(el("h3", {}, "Errors"), table(["target", "code", "message"], errors.map(target => [target.name, mono(target.code || target.state), target.message])));
  if (left.length) out.push(el("h3", {}, "Left over"), table(["target", "resource", "what became of it"], left));
  return out;
}
function details(rollout, told) {
  const box = el("div", { class: "open" });
  const rows = [["by", [rollout.actor && rollout.actor.proved, rollout.actor && rollout.actor.claimed && "claims " + rollout.actor.claimed].filter(Boolean).join(" · ")],
    ["reason", rollout.reason], ["lane", rollout.lane], ["ended because", rollout.endReason], ["caused by", linked(rollout.cause)], ["took the place of", linked(rollout.supersedes)],
    ["superseded by", linked(rollout.supersededBy)], ["part of", linked(rollout.partOf)],
    ["took", took(rollout.durationMs) + (rollout.durationMs && rollout.usualMs ? ", usually " + took(rollout.usualMs) : "")]].filter(row => row[1]);
  box.append(table([], rows.map(row => [el("td", { class: "soft fix" }, row[0]), row[1]])), ...parts(rollout), ...targets(rollout));
  const events = rollout.events || [], gates = events.filter(event => /^(approval|gate|debt|review)\./.test(event.kind));
  if (gates.length) box.append(el("h3", {}, "Approvals and gates"), story(gates));
  const diff = rollout.diff && facts.diffs[rollout.diff] && reached(rollout, facts.diffs[rollout.diff]);
  if (diff && diff.length) box.append(el("h3", {}, `What changed: ${found(rollout)} → ${rollout.version}`), ...changes(diff).flat());
  if (!told && events.length) box.append(el("h3", {}, "What the ledger says"), story(events));
  if (rollout.moreEvents) box.append(el("p", { class: "soft" }, `and ${rollout.moreEvents} events of targets for which all went well`));
  return box;
}

/* ---- the list of rollouts ---- */
const blank = el("details", {}, el("summary", {}, ...Array.from({ length: 7 }, (_, i) => el("span", i > 3 ? { class: "soft" } : {}))));
function entry(rollout) {
  const item = blank.cloneNode(true), cells = item.firstChild.children;
  const by = rollout.reason || (rollout.actor && (rollout.actor.proved || rollout.actor.claimed)) || "";
  const texts = ["#" + rollout.rollout.split("#")[1], rollout.kind, (found(rollout) ? found(rollout) + " → " : "") + (rollout.version || "each its own"), rollout.state,
    time(rollout.startedAt), took(rollout.durationMs), by];
  item.id = rollout.rollout;
  texts.forEach((text, i) => { cells[i].textContent = text; });
  cells[3].className = tone(rollout.state);
  for (const i of [2, 6]) if (texts[i].length > 24) cells[i].title = texts[i];
  return item;
}
/* The first rows at once, the others while nobody waits; whoever looks for one gets all. */
const FIRST = 25, SLICE = 100, unfinished = [];
function rowsOf(env, index) {
  const list = el("div", { class: "rollouts", "data-env": index });
  const rows = { list, all: env.rollouts, next: 0 };
  grow(rows, FIRST);
  if (rows.next < rows.all.length) unfinished.push(rows);
  return rows;
}
function grow(rows, count) {
  const end = Math.min(rows.next + count, rows.all.length), piece = document.createDocumentFragment();
  while (rows.next < end) piece.append(entry(rows.all[rows.next++]));
  rows.list.append(piece);
}
function growAll() {
  for (const rows of unfinished.splice(0)) grow(rows, Infinity);
}
const idle = window.requestIdleCallback || (work => setTimeout(work, 1));
function growMore() {
  const rows = unfinished[0];
  if (!rows) return;
  grow(rows, SLICE);
  if (rows.next >= rows.all.length) unfinished.splice(unfinished.indexOf(rows), 1);
  idle(growMore);
}
document.addEventListener("toggle", event => {
  const item = event.target, place = known.get(item.id);
  if (place && item.open && item.childElementCount === 1) item.append(details(more(place.rollout)));
}, true);
/* Up and down go from rollout to rollout; the first and the last are one key away. */
document.addEventListener("keydown", event => {
  const item = event.target.parentElement;
  if (event.target.tagName !== "SUMMARY" || event.altKey || event.ctrlKey || event.metaKey) return;
  const ways = { ArrowDown: row => row.nextElementSibling, ArrowUp: row => row.previousElementSibling, Home: row => { growAll(); return row.parentElement.firstElementChild; }, End: row => { growAll(); return row.parentElement.lastElementChild; } };
  const way = ways[event.key], inwards = event.key === "Home" ? ways.ArrowDown : event.key === "End" ? ways.ArrowUp : way;
  if (!way) return;
  event.preventDefault();
  let next = way(item);
  while (next && next.hidden) next = inwards(next);
  if (next) next.firstElementChild.focus();
});
function show(id) {
  if (known.has(id) && !document.getElementById(id)) growAll();
  const item = document.getElementById(id);
  if (!item) return;
  item.hidden = false;
  item.open = true;
  item.scrollIntoView({ block: "center" });
  item.firstElementChild.focus({ preventScroll: true });
}

/* ---- the page ---- */
/* Drawn when it comes near to what is seen, or is printed; the first at once. */
const waiting = new Map();
const near = window.IntersectionObserver && new IntersectionObserver(entries => { for (const seen of entries) if (seen.isIntersecting) draw(seen.target); }, { rootMargin: "600px" });
function draw(place) {
  const make = waiting.get(place);
  if (!make) return;
  waiting.delete(place);
  if (near) near.unobserve(place);
  place.append(make());
}
let timelines = 0;
function later(make) {
  const place = el("div", { class: "timeline" });
  waiting.set(place, make);
  if (near && timelines++ > 0) near.observe(place);
  else draw(place);
  return place;
}
window.addEventListener("beforeprint", () => { growAll(); for (const place of [...waiting.keys()]) draw(place); });

function finder(env, rows) {
  const filter = el("input", { type: "search", placeholder: "Find a rollout", "aria-label": "Find a rollout of " + env.stream });
  const none = el("p", { class: "soft", hidden: "" }, "no such rollout");
  filter.addEventListener("input", () => {
    const word = filter.value.toLowerCase();
    let found = 0;
    growAll();
    for (const item of rows.list.children) found += !(item.hidden = word !== "" && !item.firstElementChild.textContent.toLowerCase().includes(word));
    none.hidden = found > 0;
  });
  return el("form", { onsubmit: "return false" }, filter, none);
}
function environment(env, index) {
  if (env.rollouts.length === 0 && env.state === "empty")
    return el("section", { class: "card", id: "env-" + index, "aria-label": env.stream }, el("h2", {}, env.stream), el("p", { class: "soft" }, "no rollouts yet"));
  const rows = rowsOf(env, index), drawn = env.rollouts.some(rollout => rollout.startedAt);
  return el("section", { class: "card", id: "env-" + index, "aria-label": env.stream }, el("h2", {}, env.stream), now(env), drawn ? later(() => timeline(env)) : null,
    env.rollouts.length ? legend(env) : el("p", { class: "soft" }, "no rollouts yet"),
    readiness(env), debts(env), drift(env), env.rollouts.length ? el("h3", {}, "Rollouts") : null, env.rollouts.length > 10 ? finder(env, rows) : null, rows.list);
}
/* With several environments: where to look first. */
function overview(list) {
  if (list.length < 2) return null;
  const seeTo = env => {
    const overdue = (env.owes || []).filter(debt => debt.overdue).length, dirty = (env.targets || {}).dirty;
    return [dirty && el("span", { class: "bad" }, dirty + " dirty"), env.hold && el("span", { class: "warn" }, "hold"),
      env.debts && el("span", { class: overdue ? "bad" : "warn" }, env.debts + (env.debts === 1 ? " debt" : " debts") + (overdue ? ", overdue" : "")),
      (env.drift || []).length && el("span", { class: "warn" }, "drift")].filter(Boolean).flatMap((node, i) => i ? [", ", node] : [node]);
  };
  return el("nav", { class: "card", "aria-label": "Environments" }, table(["environment", "live", "since", "last rollout", "a back goes to", "to see to"], list.map((env, index) =>
    [el("a", { href: "#env-" + index }, env.stream), el("td", { class: "fix" }, env.mixed ? "mixed" : env.version || "nothing"), el("td", { class: "fix" }, time(env.since)), toned(lastState(env)),
      el("td", { class: "fix" }, (env.rollback || {}).version || "nothing", (env.rollback || {}).ready ? el("span", { class: tone(env.rollback.ready) }, " " + env.rollback.ready) : null), el("td", {}, seeTo(env))])));
}
function drift(env) {
  if (!Array.isArray(env.drift) || env.drift.length === 0) return null;
  return el("div", {}, el("h3", {}, "Drift"), table(["target", "found", "since", "looked at"], env.drift.map(found => [found.target, el("td", { class: "warn" }, found.summary), time(found.since), time(found.checkedAt)])));
}

function debts(env) {
  if (!env.owes || env.owes.length === 0) return null;
  return el("div", {}, el("h3", {}, "Debts"), table(["debt", "rollout", "due", "owner"], env.owes.map(debt =>
    [debt.debt, opener(env.stream + "#" + debt.rollout), el("td", { class: debt.overdue ? "bad" : "" }, time(debt.due) + (debt.overdue ? ", overdue" : "")), debt.owner])));
}
function concerned(targets) {
  return targets && targets.length ? " (" + targets.slice(0, 5).join(", ") + (targets.length > 5 ? ` and ${targets.length - 5} more` : "") + ")" : "";
}
function whys(reasons, version) {
  const short = text => text.replace(/sha256:([0-9a-f]{12})[0-9a-f]{52}/g, "sha256:$1…");
  return reasons.slice(0, 3).map(reason => el("div", { title: reason.subject }, (reason.subject === version ? "" : short(reason.subject) + ": ") + reason.why + concerned(reason.targets), reason.next ? el("div", { class: "soft" }, reason.next) : null))
    .concat(reasons.length > 3 ? [el("div", { class: "soft" }, `and ${reasons.length - 3} more`)] : []);
}
function readiness(env) {
  if (!env.readiness || env.readiness.length === 0) return null;
  return el("div", {}, el("h3", {}, "Could it be deployed again?"), table(["release", "", "since", "checked", "why not, and what to do"], env.readiness.map(release =>
    [el("td", { class: "fix" }, release.version, el("span", { class: "soft" }, release.live ? " live" : release.goal ? " a back goes here" : "")),
      el("td", { class: "fix " + tone(release.state) }, release.state), el("td", { class: "fix" }, time(release.since)), el("td", { class: "fix" }, time(release.checkedAt)),
      el("td", { class: "why" }, whys(release.reasons, release.version))])));
}
/* A rollout that is named elsewhere, to be opened. */
function linked(id) {
  if (!id || !known.has(id)) return id;
  const link = el("a", { href: "#" + encodeURIComponent(id) }, id);
  link.addEventListener("click", event => { event.preventDefault(); show(id); });
  return link;
}
const opener = id => el("td", {}, linked(id));
function releases(list) {
  if (list.length === 0) return null;
  return el("section", { class: "card", "aria-label": "Releases" }, el("h2", {}, "Releases"), table(["release", "made", "commit", "digest", "verdict"],
    list.map(r => [r.release, time(r.madeAt), mono((r.commit || "").slice(0, 10)), mono(r.digest.slice(0, 12)),
      el("td", { class: r.verdict === "bad" || r.badIn ? "bad" : "good" }, [r.verdict && r.verdict + (r.reason ? ": " + r.reason : ""), r.badIn && "bad in " + r.badIn.join(", ")].filter(Boolean).join("; "))])));
}
function incident(story_of) {
  const last = story_of.events[story_of.events.length - 1];
  return el("section", { class: "card" }, el("h2", {}, "Incident " + story_of.rollout), el("p", {}, story_of.sentence), el("h3", {}, "In order of time"), story(story_of.events),
    story_of.rollouts.map(rollout => [el("h3", {}, `${rollout.rollout}: ${rollout.kind} ${found(rollout) ? found(rollout) + " → " : ""}${rollout.version || ""}`), details(rollout, true)]).flat(),
    last ? [el("h3", {}, "Proof"), el("p", {}, "What is told here ends with the ledger's event #" + last.seq + ":"), el("p", { class: "mono" }, last.hash), el("p", { class: "soft" }, "roll ledger verify recomputes the chain that leads to it.")] : null);
}
function nothing() {
  return el("section", { class: "card" }, el("h2", {}, "Nothing yet"), el("p", {}, "No plan here has an environment."));
}
document.getElementById("made").textContent = `made ${time(facts.generatedAt)} UTC by ${facts.program}` + (facts.since ? `, since ${time(facts.since)}` : "") + ". Times are UTC.";
if (facts.incident) {
  document.title = "Incident " + facts.incident.rollout;
  page.append(incident(facts.incident));
} else {
  const nodes = [overview(facts.environments), ...facts.environments.map(environment), facts.environments.length ? releases(facts.releases) : nothing()];
  for (const node of nodes) if (node) page.append(node);
  if (location.hash) show(decodeURIComponent(location.hash.slice(1)));
  idle(growMore);
}
