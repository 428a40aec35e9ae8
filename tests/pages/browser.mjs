// Drives a headless Chromium by the DevTools protocol over a pipe (NUL-separated JSON on descriptors 3 and 4): no port, no
// library. Used by press-keys.mjs and by hand for measuring.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE_MS = 60000;

export async function open(program, url) {
  const profile = mkdtempSync(join(tmpdir(), "roll-page-"));
  const child = spawn(program, ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--user-data-dir=" + profile, "--window-size=1200,900", "about:blank"],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const asked = new Map(), said = [], requests = [];
  let last = 0, rest = "";
  child.stdio[3].on("error", () => {}); // it went away; whoever waits hears of it by the deadline
  child.stdio[4].setEncoding("utf8");
  child.stdio[4].on("data", text => {
    const pieces = (rest + text).split("\0");
    rest = pieces.pop();
    for (const piece of pieces) hear(JSON.parse(piece));
  });
  function hear(message) {
    const answer = asked.get(message.id);
    asked.delete(message.id);
    if (answer && message.error) answer.no(new Error(message.error.message));
    else if (answer) answer.yes(message.result);
    else if (message.method === "Runtime.exceptionThrown") said.push(message.params.exceptionDetails.text);
    else if (message.method === "Runtime.consoleAPICalled" || message.method === "Log.entryAdded") said.push(JSON.stringify(message.params));
    else if (message.method === "Network.requestWillBeSent") requests.push(message.params.request.url);
  }
  function send(method, params, sessionId) {
    return new Promise((yes, no) => {
      const id = ++last;
      const late = setTimeout(() => { asked.delete(id); no(new Error(method + ": no answer")); }, PATIENCE_MS);
      asked.set(id, { yes: value => { clearTimeout(late); yes(value); }, no: error => { clearTimeout(late); no(error); } });
      child.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
    });
  }
  const { targetInfos } = await send("Target.getTargets");
  const { sessionId } = await send("Target.attachToTarget", { targetId: targetInfos.find(info => info.type === "page").targetId, flatten: true });
  const call = (method, params) => send(method, params, sessionId);
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await call(domain + ".enable");
  async function evaluate(expression) {
    const { result, exceptionDetails } = await call("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(expression + ": " + exceptionDetails.text);
    return result.value;
  }
  async function goTo(address) {
    await call("Page.navigate", { url: address });
    while (await evaluate("document.readyState") !== "complete" || await evaluate("location.href") === "about:blank") await new Promise(next => setTimeout(next, 20));
  }
  // The key as the keyboard sends it: down, the character where it has one, up.
  async function press(key) {
    const code = { Tab: 9, Enter: 13, ArrowDown: 40, ArrowUp: 38, Home: 36, End: 35 }[key] || key.toUpperCase().charCodeAt(0);
    const text = key === "Enter" ? "\r" : key.length === 1 ? key : undefined;
    const event = { key, code: key.length === 1 ? "Key" + key.toUpperCase() : key, windowsVirtualKeyCode: code, nativeVirtualKeyCode: code };
    await call("Input.dispatchKeyEvent", { type: text ? "keyDown" : "rawKeyDown", text, ...event });
    await call("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }
  function close() {
    child.kill("SIGKILL");
    // Its children end a little later, and write until then.
    return new Promise(next => child.on("exit", () => { rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }); next(); }));
  }
  await goTo(url);
  return { evaluate, press, goTo, call, close, said, requests };
}
