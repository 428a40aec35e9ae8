// press-keys.mjs BROWSER PAGE: walks a page of `roll report` with the keyboard alone. Every rollout must be reached by Tab, and by
// the arrow keys from its neighbour; Enter opens it and shows what happened; nothing is asked of a network, nothing is said on the
// console.
import { open } from "./browser.mjs";

const MAX_TABS = 400;
const [program, page] = process.argv.slice(2);
const browser = await open(program, "file://" + page);
const problems = [];
const check = (good, text) => { if (!good) problems.push(text); };
const focused = () => browser.evaluate(`(() => { const at = document.activeElement; return at.tagName === "SUMMARY" ? at.parentElement.id : at.tagName; })()`);
// What an event brings comes a moment after the key.
async function soon(expression) {
  for (let i = 0; i < 100; i++) {
    if (await browser.evaluate(expression)) return true;
    await new Promise(next => setTimeout(next, 20));
  }
  return false;
}

try {
  await browser.evaluate("new Promise(next => setTimeout(next, 200))"); // rows that are drawn while nobody waits
  const all = await browser.evaluate(`[...document.querySelectorAll("details")].map(item => item.id)`);
  check(all.length > 2, "the page has no rollouts");

  await browser.press("Tab");
  check(await browser.evaluate(`document.activeElement.className === "skip"`), "the first key does not lead to the way past the head");
  const reached = new Set();
  for (let i = 0; i < MAX_TABS && reached.size < all.length; i++) {
    await browser.press("Tab");
    const at = await focused();
    if (all.includes(at)) reached.add(at);
    check(await browser.evaluate(`document.activeElement === document.body || document.activeElement.matches(":focus-visible")`), "what has the focus is not marked: " + at);
  }
  for (const id of all) check(reached.has(id), "Tab does not reach " + id);

  // One environment: first, down to its last, Enter opens and closes.
  const rows = await browser.evaluate(`[...document.querySelector(".rollouts:not(:empty)").children].map(item => item.id)`);
  await browser.evaluate(`document.querySelector(".rollouts summary").focus()`);
  for (const id of rows.slice(1)) {
    await browser.press("ArrowDown");
    check(await focused() === id, "the arrow down does not reach " + id);
  }
  await browser.press("ArrowDown");
  check(await focused() === rows[rows.length - 1], "the arrow down leaves the list at its end");
  await browser.press("Home");
  check(await focused() === rows[0], "Home does not lead to the first");
  await browser.press("End");
  await browser.press("ArrowUp");
  check(await focused() === rows[rows.length - 2], "the arrow up does not go back");
  await browser.press("Enter");
  check(await soon(`document.activeElement.parentElement.open && document.activeElement.parentElement.textContent.includes("What the ledger says")`), "Enter does not open a rollout");
  await browser.press("Enter");
  check(await soon(`!document.activeElement.parentElement.open`), "Enter does not close it again");

  // A link to another rollout takes the focus there.
  if (await browser.evaluate(`(() => { for (const item of document.querySelectorAll("details")) item.open = true; return new Promise(next => setTimeout(() => { const link = document.querySelector("details a"); if (link) link.focus(); next(!!link); }, 100)); })()`)) {
    const goal = await browser.evaluate(`decodeURIComponent(document.activeElement.hash.slice(1))`);
    await browser.press("Enter");
    check(await focused() === goal, "a link does not lead to " + goal);
  }
  check(browser.said.length === 0, "the page said something: " + browser.said.join("; "));
  check(browser.requests.every(url => url.startsWith("file://") || url === "about:blank"), "something was asked for: " + browser.requests.join(" "));
} finally {
  await browser.close();
}
for (const problem of new Set(problems)) console.log(problem);
process.exit(problems.length ? 1 : 0);
