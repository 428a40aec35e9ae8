// Deployments to a resource group: validate, what-if, create and wait, operations, export, cancel, list, delete.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Sandbox, all, code, deployment, location, storage, subscription, template } from "./sandbox.mjs";

let sandbox, client, resources;
const group = `/subscriptions/${subscription}/resourceGroups/shop`;
before(async () => {
  sandbox = await Sandbox.start();
  client = sandbox.deployments();
  resources = sandbox.resources();
  await resources.resourceGroups.createOrUpdate("shop", { location });
});
after(async () => assert.equal(await sandbox.stop(), 0));

const simple = () =>
  deployment(
    [storage("shopdata", { accessTier: "[parameters('tier')]" }), storage("shoplogs", {}, { dependsOn: ["shopdata"] })],
    {
      parameters: { tier: { type: "string", defaultValue: "Hot" }, password: { type: "secureString", defaultValue: "" } },
      outputs: { blob: { type: "string", value: "[reference('shopdata').primaryEndpoints.blob]" } },
    },
    { parameters: { password: { value: "not to be seen" } } },
  );

test("a deployment is validated", async () => {
  const validated = await client.deployments.beginValidateAndWait("shop", "first", simple());
  assert.equal(validated.properties.provisioningState, "Succeeded");
  assert.deepEqual(
    validated.properties.validatedResources.map((one) => one.id.split("/").pop()).sort(),
    ["shopdata", "shoplogs"],
  );
  assert.equal((await client.deployments.checkExistence("shop", "first")).body ?? false, false);
});

test("a deployment is created, waited for and read", async () => {
  const done = await client.deployments.beginCreateOrUpdateAndWait("shop", "first", simple());
  assert.equal(done.id, `${group}/providers/Microsoft.Resources/deployments/first`);
  assert.equal(done.properties.provisioningState, "Succeeded");
  assert.equal(done.properties.outputs.blob.value, "https://shopdata.blob.core.windows.net/");
  assert.match(done.properties.templateHash, /^[0-9]+$/);
  assert.equal(done.properties.parameters.tier.value, "Hot");
  assert.equal(done.properties.outputResources.length, 2);
  const read = await client.deployments.get("shop", "first");
  assert.equal(JSON.stringify(read).includes("not to be seen"), false);
  const { templateHash } = await client.deployments.calculateTemplateHash(simple().properties.template);
  assert.equal(templateHash, read.properties.templateHash);
  await client.deployments.checkExistence("shop", "first");
});

test("its operations are listed and read in the order of what depends on what", async () => {
  const operations = await all(client.deploymentOperations.list("shop", "first"));
  const targets = operations.filter((one) => one.properties.targetResource).map((one) => one.properties.targetResource.resourceName);
  assert.deepEqual(targets, ["shopdata", "shoplogs"]);
  assert.ok(operations.every((one) => one.properties.provisioningState === "Succeeded"));
  assert.ok(operations.some((one) => one.properties.provisioningOperation === "EvaluateDeploymentOutput"));
  const one = await client.deploymentOperations.get("shop", "first", operations[0].operationId);
  assert.equal(one.properties.targetResource.id, operations[0].properties.targetResource.id);
  assert.equal((await all(client.deploymentOperations.list("shop", "first", { top: 1 }))).length, operations.length); // pages of one
});

test("its template is exported", async () => {
  const exported = await client.deployments.exportTemplate("shop", "first");
  assert.equal(exported.template.resources.length, 2);
  assert.deepEqual(Object.keys(exported.template.parameters), ["tier", "password"]);
});

const changes = (result) => Object.fromEntries(result.changes.map((one) => [one.resourceId.split("/").pop(), one.changeType]));

test("what-if knows every kind of change", async () => {
  const asked = deployment([
    storage("shopdata", { accessTier: "Cool" }),
    storage("shopnew"),
    {
      type: "Microsoft.Resources/deployments",
      apiVersion: "2024-03-01",
      name: "inner",
      properties: {
        mode: "Incremental",
        expressionEvaluationOptions: { scope: "inner" },
        parameters: { name: { value: "[reference('shopdata').primaryLocation]" } },
        template: template([storage("[parameters('name')]")], { parameters: { name: { type: "string" } } }),
      },
    },
  ]);
  const result = await client.deployments.beginWhatIfAndWait("shop", "asked", asked);
  assert.equal(result.status, "Succeeded");
  const kinds = changes(result);
  assert.equal(kinds.shopdata, "Modify");
  assert.equal(kinds.shopnew, "Create");
  assert.equal(kinds.shoplogs, "Ignore");
  assert.ok(result.changes.some((one) => one.changeType === "Unsupported" && one.unsupportedReason));
  const modified = result.changes.find((one) => one.changeType === "Modify");
  assert.deepEqual(
    modified.delta.map((one) => [one.path, one.propertyChangeType, one.before, one.after]),
    [["properties.accessTier", "Modify", "Hot", "Cool"]],
  );
  const same = await client.deployments.beginWhatIfAndWait("shop", "asked", simple());
  assert.deepEqual(changes(same), { shopdata: "NoChange", shoplogs: "NoChange" });
  asked.properties.mode = "Complete";
  asked.properties.template.resources.pop();
  assert.equal(changes(await client.deployments.beginWhatIfAndWait("shop", "asked", asked)).shoplogs, "Delete");
  asked.properties.whatIfSettings = { resultFormat: "ResourceIdOnly" };
  const ids = await client.deployments.beginWhatIfAndWait("shop", "asked", asked);
  assert.deepEqual(changes(ids), { shopdata: "Deploy", shopnew: "Create", shoplogs: "Delete" });
  assert.ok(ids.changes.every((one) => one.before === undefined && one.after === undefined));
});

test("deployments are listed, filtered and paged, newest first", async () => {
  for (const name of ["second", "third"]) await client.deployments.beginCreateOrUpdateAndWait("shop", name, simple());
  const names = (await all(client.deployments.listByResourceGroup("shop"))).map((one) => one.name);
  assert.deepEqual(names, ["third", "second", "first"]);
  assert.deepEqual(await all(client.deployments.listByResourceGroup("shop", { filter: "provisioningState eq 'Failed'" })), []);
  const pages = [];
  for await (const page of client.deployments.listByResourceGroup("shop", { top: 2 }).byPage()) pages.push(page.map((one) => one.name));
  assert.deepEqual(pages, [["third", "second"], ["first"]]);
});

test("Complete mode deletes what the template lacks", async () => {
  const complete = deployment([storage("shopdata")], {}, { mode: "Complete" });
  await client.deployments.beginCreateOrUpdateAndWait("shop", "complete", complete);
  assert.deepEqual((await all(resources.resources.listByResourceGroup("shop"))).map((one) => one.name), ["shopdata"]);
  const operations = await all(client.deploymentOperations.list("shop", "complete"));
  assert.ok(operations.some((one) => one.properties.provisioningOperation === "Delete" && one.properties.targetResource.resourceName === "shoplogs"));
});

test("errors are ARM's", async () => {
  const broken = deployment([storage("[variables('missing')]")]);
  await assert.rejects(client.deployments.beginCreateOrUpdateAndWait("shop", "broken", broken), (error) => error.statusCode === 400 && code(error) === "InvalidTemplate");
  await assert.rejects(
    client.deployments.beginCreateOrUpdateAndWait("nowhere", "first", simple()),
    (error) => error.statusCode === 404 && code(error) === "ResourceGroupNotFound",
  );
  await assert.rejects(client.deployments.get("shop", "missing"), (error) => error.statusCode === 404 && code(error) === "DeploymentNotFound");
  await assert.rejects(client.deployments.cancel("shop", "first"), (error) => error.statusCode === 409 && code(error) === "DeploymentCannotBeCancelled");
});

test("a deployment is deleted, its resources stay", async () => {
  await client.deployments.beginDeleteAndWait("shop", "third");
  await assert.rejects(client.deployments.get("shop", "third"), (error) => code(error) === "DeploymentNotFound");
  assert.equal((await all(resources.resources.listByResourceGroup("shop"))).length, 1);
});

test("on error the last good deployment is repeated", async () => {
  const failing = await Sandbox.start("--fault", "fail=Microsoft.Web/sites");
  try {
    const failingClient = failing.deployments();
    await failing.resources().resourceGroups.createOrUpdate("shop", { location });
    await failingClient.deployments.beginCreateOrUpdateAndWait("shop", "good", deployment([storage("shopdata")]));
    const bad = deployment([storage("shopdata", { accessTier: "Cool" }), { type: "Microsoft.Web/sites", apiVersion: "2022-09-01", name: "front", location, properties: {} }], {}, { onErrorDeployment: { type: "LastSuccessful" } });
    await assert.rejects(failingClient.deployments.beginCreateOrUpdateAndWait("shop", "bad", bad));
    const read = await failingClient.deployments.get("shop", "bad");
    assert.equal(read.properties.provisioningState, "Failed");
    assert.equal(read.properties.error.code, "DeploymentFailed");
    assert.equal(read.properties.onErrorDeployment.deploymentName, "good");
    assert.equal(read.properties.onErrorDeployment.provisioningState, "Succeeded");
    const account = await failing.resources().resources.getById(`${group}/providers/Microsoft.Storage/storageAccounts/shopdata`, "2023-01-01");
    assert.equal(account.properties.accessTier, undefined);
  } finally {
    assert.equal(await failing.stop(), 0);
  }
});

test("a running deployment is cancelled, and cannot be replaced before", async () => {
  const slow = await Sandbox.start("--operation-time", "30s");
  try {
    const slowClient = slow.deployments();
    await slow.resources().resourceGroups.createOrUpdate("shop", { location });
    const poller = await slowClient.deployments.beginCreateOrUpdate("shop", "slow", simple());
    assert.equal((await slowClient.deployments.get("shop", "slow")).properties.provisioningState, "Running");
    const [first] = await all(slowClient.deploymentOperations.list("shop", "slow"));
    assert.equal(first.properties.provisioningState, "Running");
    await assert.rejects(slowClient.deployments.beginCreateOrUpdate("shop", "slow", simple()), (error) => error.statusCode === 409 && code(error) === "DeploymentActive");
    await assert.rejects(slowClient.deployments.beginDelete("shop", "slow"), (error) => error.statusCode === 409);
    await slowClient.deployments.cancel("shop", "slow");
    const cancelled = await slowClient.deployments.get("shop", "slow");
    assert.equal(cancelled.properties.provisioningState, "Canceled");
    assert.equal(cancelled.properties.outputs, undefined);
    await assert.rejects(poller.pollUntilDone());
    await assert.rejects(slowClient.deployments.cancel("shop", "slow"), (error) => error.statusCode === 409);
  } finally {
    assert.equal(await slow.stop(), 0);
  }
});
