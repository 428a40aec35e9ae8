// A history of 700 deployments that the SDK made, adopted by `roll adopt`, and a rollback to one of them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Sandbox, deployment, location, subscription, template } from "./sandbox.mjs";

const count = 700;
let folder;

/** roll in the workspace: its output, and its exit status. */
function roll(...options) {
  try {
    return { status: 0, text: execFileSync(process.env.ROLL, options, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }) };
  } catch (failure) {
    return { status: failure.status, text: failure.stdout + failure.stderr };
  }
}

const site = (n) => ({ type: "Microsoft.Web/sites", apiVersion: "2022-09-01", name: "shop", location, properties: { note: `[parameters('note')]`, build: n % 7 } });

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "roll-peers-adopt-"));
  mkdirSync(join(folder, "plans"));
  mkdirSync(join(folder, "state"), { mode: 0o700 });
  const plan = {
    service: "shop",
    source: { template: "main.json" },
    environments: { prod: { cloud: "sandbox", subscription, targets: { weu: { resourceGroup: "shop", location } } } },
  };
  writeFileSync(join(folder, "plans", "shop.json"), JSON.stringify(plan));
  writeFileSync(join(folder, "main.json"), JSON.stringify(template([{ ...site(0), properties: { note: "from git" } }])));
  const git = (...options) => execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...options], { cwd: folder });
  writeFileSync(join(folder, ".gitignore"), "/state/\n");
  git("init", "-q", "-b", "main");
  git("add", "-A");
  git("commit", "-q", "-m", "shop 1.0.0");
  git("tag", "v1.0.0");
});
after(() => rmSync(folder, { recursive: true }));

test("700 deployments of the SDK are made", async () => {
  const sandbox = await Sandbox.start("--state", join(folder, "state", "sandbox.db"));
  await sandbox.resources().resourceGroups.createOrUpdate("shop", { location });
  const client = sandbox.deployments();
  for (let n = 1; n <= count; n++) {
    const body = deployment([site(n)], { parameters: { note: { type: "string" } } }, { parameters: { note: { value: `build ${n}` } } });
    await client.deployments.beginCreateOrUpdateAndWait("shop", `build-${n}`, body, { updateIntervalInMs: 1 });
  }
  assert.equal(await sandbox.stop(), 0);
});

test("they are adopted once, and are no goal by themselves", () => {
  const first = JSON.parse(roll("adopt", "prod", "-o", "json").text);
  assert.equal(first.recorded, count);
  assert.equal(first.targets[0].found, count);
  assert.ok(first.deployments.every((one) => one.class === "evidence" && !one.lacks));
  assert.equal(new Set(first.deployments.map((one) => one.series)).size, 1);
  assert.equal(JSON.parse(roll("adopt", "prod", "-o", "json").text).recorded, 0);
  assert.equal(roll("back", "prod", "--yes").status, 3);
});

test("an accepted one can be gone back to", () => {
  const report = JSON.parse(roll("adopt", "prod", "--accept", "build-650", "-o", "json").text);
  assert.equal(report.accepted.release, "build-650");
  assert.equal(roll("out", "prod", "--yes").status, 0);
  const back = roll("back", "prod", "--yes", "-o", "json");
  assert.equal(back.status, 0, back.text);
  assert.equal(JSON.parse(back.text).version, "build-650");
  const [status] = JSON.parse(roll("status", "prod", "-o", "json").text);
  assert.equal(status.version, "build-650");
  assert.equal(roll("drift", "prod").status, 0);
  assert.equal(roll("ledger", "verify").status, 0);
});
