// Trouble that the SDKs are made for: throttling, passing errors, broken connections, a server that is started again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Sandbox, deployment, location, storage } from "./sandbox.mjs";

async function withSandbox(options, maxRetries, run) {
  const sandbox = await Sandbox.start(...options);
  sandbox.maxRetries = maxRetries;
  try {
    await run(sandbox);
  } finally {
    assert.equal(await sandbox.stop(), 0);
  }
}

test("who asks too often waits as Retry-After says, and is then served", async () => {
  await withSandbox(["--buckets"], 3, async (sandbox) => {
    const client = sandbox.resources();
    await client.resourceGroups.createOrUpdate("shop", { location });
    const asked = Array.from({ length: 300 }, () => client.resourceGroups.get("shop"));
    assert.equal((await Promise.all(asked)).length, 300);
  });
});

test("passing errors are passed", async () => {
  const faults = ["status=503:GET:/resourcegroups/shop:2", "lost=GET:/resourcegroups/shop:1", "delay=300:GET:/resourcegroups/shop"];
  await withSandbox(faults.flatMap((fault) => ["--fault", fault]), 5, async (sandbox) => {
    const client = sandbox.resources();
    await client.resourceGroups.createOrUpdate("shop", { location });
    assert.equal((await client.resourceGroups.get("shop")).location, location);
  });
});

test("a resource that fails names itself", async () => {
  await withSandbox(["--fault", "fail=Microsoft.Storage/storageAccounts"], 0, async (sandbox) => {
    await sandbox.resources().resourceGroups.createOrUpdate("shop", { location });
    const { deployments } = sandbox.deployments();
    await assert.rejects(deployments.beginCreateOrUpdateAndWait("shop", "bad", deployment([storage("shopdata")])));
    const { error } = (await deployments.get("shop", "bad")).properties;
    assert.equal(error.code, "DeploymentFailed");
    assert.equal(error.details[0].code, "ResourceDeploymentFailure");
    assert.ok(error.details[0].target.endsWith("/shopdata"));
  });
});

test("operations take their time, one after the other where they depend", async () => {
  await withSandbox(["--operation-time", "1s"], 0, async (sandbox) => {
    await sandbox.resources().resourceGroups.createOrUpdate("shop", { location });
    const client = sandbox.deployments();
    const begun = Date.now();
    const chain = deployment([storage("first1"), storage("second2", {}, { dependsOn: ["first1"] })]);
    const done = await client.deployments.beginCreateOrUpdateAndWait("shop", "chain", chain);
    assert.ok(Date.now() - begun >= 2000);
    assert.match(done.properties.duration, /^PT2(\.\d+)?S$/);
  });
});
