// Deployment stacks at a resource group and a subscription.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Sandbox, all, code, location, storage, subscription, template } from "./sandbox.mjs";

let sandbox, client, resources;
const group = `/subscriptions/${subscription}/resourceGroups/shop`;
before(async () => {
  sandbox = await Sandbox.start();
  client = sandbox.stacks().deploymentStacks;
  resources = sandbox.resources();
  await resources.resourceGroups.createOrUpdate("shop", { location });
});
after(async () => assert.equal(await sandbox.stop(), 0));

const stack = (accounts, unmanaged = "delete", denied = "none") => ({
  properties: {
    template: template(accounts.map((name) => storage(name))),
    actionOnUnmanage: { resources: unmanaged, resourceGroups: unmanaged },
    denySettings: { mode: denied },
  },
});
const inGroup = async () => (await all(resources.resources.listByResourceGroup("shop"))).map((one) => one.name).sort();
const names = (list) => (list ?? []).map((one) => one.id.split("/").pop()).sort();

test("a stack is validated, made and read", async () => {
  const validated = await client.beginValidateStackAtResourceGroupAndWait("shop", "web", stack(["one", "two"]));
  assert.equal(validated.error, undefined);
  const made = await client.beginCreateOrUpdateAtResourceGroupAndWait("shop", "web", stack(["one", "two"]));
  assert.equal(made.properties.provisioningState, "succeeded");
  assert.deepEqual(names(made.properties.resources), ["one", "two"]);
  const read = await client.getAtResourceGroup("shop", "web");
  assert.equal(read.id, `${group}/providers/Microsoft.Resources/deploymentStacks/web`);
  assert.ok(read.properties.deploymentId.includes("/deployments/web-"));
  assert.deepEqual((await all(client.listAtResourceGroup("shop"))).map((one) => one.name), ["web"]);
  assert.equal((await client.exportTemplateAtResourceGroup("shop", "web")).template.resources.length, 2);
});

test("what leaves a stack is deleted or detached, as it says", async () => {
  const smaller = await client.beginCreateOrUpdateAtResourceGroupAndWait("shop", "web", stack(["one"]));
  assert.deepEqual(names(smaller.properties.deletedResources), ["two"]);
  assert.deepEqual(await inGroup(), ["one"]);
  const other = await client.beginCreateOrUpdateAtResourceGroupAndWait("shop", "web", stack(["three"], "detach"));
  assert.deepEqual(names(other.properties.detachedResources), ["one"]);
  assert.deepEqual(await inGroup(), ["one", "three"]);
});

test("deny settings have their effect", async () => {
  await client.beginCreateOrUpdateAtResourceGroupAndWait("shop", "web", stack(["three"], "delete", "denyDelete"));
  await assert.rejects(
    resources.resources.beginDeleteByIdAndWait(`${group}/providers/Microsoft.Storage/storageAccounts/three`, "2023-01-01"),
    (error) => error.statusCode === 403 || error.statusCode === 409,
  );
});

test("a stack is deleted with what it manages", async () => {
  await client.beginDeleteAtResourceGroupAndWait("shop", "web", { unmanageActionResources: "delete", unmanageActionResourceGroups: "delete" });
  await assert.rejects(client.getAtResourceGroup("shop", "web"), (error) => error.statusCode === 404);
  assert.deepEqual(await inGroup(), ["one"]);
});

test("at a subscription: made, listed, exported, deleted", async () => {
  const wide = {
    location,
    properties: {
      ...stack([]).properties,
      template: {
        ...template([{ type: "Microsoft.Resources/resourceGroups", apiVersion: "2024-03-01", name: "wide", location, properties: {} }]),
        $schema: "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
      },
    },
  };
  await client.beginValidateStackAtSubscriptionAndWait("wide", wide);
  const made = await client.beginCreateOrUpdateAtSubscriptionAndWait("wide", wide);
  assert.equal(made.properties.provisioningState, "succeeded");
  assert.deepEqual(names(made.properties.resources), ["wide"]);
  assert.equal((await client.getAtSubscription("wide")).location, location);
  assert.deepEqual((await all(client.listAtSubscription())).map((one) => one.name), ["wide"]);
  assert.equal((await client.exportTemplateAtSubscription("wide")).template.resources.length, 1);
  await client.beginDeleteAtSubscriptionAndWait("wide", { unmanageActionResources: "delete", unmanageActionResourceGroups: "delete" });
  assert.equal((await resources.resourceGroups.checkExistence("wide")).body, false);
});

test("errors are ARM's", async () => {
  await assert.rejects(client.getAtResourceGroup("shop", "missing"), (error) => error.statusCode === 404 && code(error) === "DeploymentStackResourceNotFound");
  await assert.rejects(client.beginCreateOrUpdateAtResourceGroupAndWait("shop", "bad", stack(["[variables('missing')]"])), (error) => error.statusCode === 400);
});
