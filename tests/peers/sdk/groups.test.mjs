// Resource groups, as the official SDK makes, reads, tags, exports and deletes them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Sandbox, all, code, location, storage, subscription } from "./sandbox.mjs";

let sandbox, client;
before(async () => {
  sandbox = await Sandbox.start();
  client = sandbox.resources();
});
after(async () => assert.equal(await sandbox.stop(), 0));

test("a group is made, read, tagged and listed", async () => {
  const made = await client.resourceGroups.createOrUpdate("shop", { location, tags: { team: "web" } });
  assert.equal(made.id, `/subscriptions/${subscription}/resourceGroups/shop`);
  assert.equal(made.properties.provisioningState, "Succeeded");
  assert.deepEqual((await client.resourceGroups.get("SHOP")).tags, { team: "web" });
  assert.equal((await client.resourceGroups.checkExistence("shop")).body, true);
  assert.equal((await client.resourceGroups.checkExistence("other")).body, false);
  const patched = await client.resourceGroups.update("shop", { tags: { team: "web", stage: "prod" } });
  assert.deepEqual(patched.tags, { team: "web", stage: "prod" });
  await client.resourceGroups.createOrUpdate("other", { location });
  assert.deepEqual((await all(client.resourceGroups.list())).map((group) => group.name).sort(), ["other", "shop"]);
  const tagged = await all(client.resourceGroups.list({ filter: "tagName eq 'stage' and tagValue eq 'prod'" }));
  assert.deepEqual(tagged.map((group) => group.name), ["shop"]);
  assert.equal((await all(client.resourceGroups.list({ top: 1 }))).length, 2);
});

test("errors are ARM's", async () => {
  await assert.rejects(client.resourceGroups.get("missing"), (error) => error.statusCode === 404 && code(error) === "ResourceGroupNotFound");
  await assert.rejects(client.resourceGroups.createOrUpdate("bad", { location: "" }), (error) => code(error) === "LocationRequired");
  await assert.rejects(
    client.resourceGroups.createOrUpdate("shop", { location: "eastus" }),
    (error) => error.statusCode === 409 && code(error) === "InvalidResourceGroupLocation",
  );
});

test("a group's template is exported", async () => {
  await client.resources.beginCreateOrUpdateAndWait("shop", "Microsoft.Storage", "", "storageAccounts", "shopdata", "2023-01-01", {
    location,
    sku: { name: "Standard_LRS" },
  });
  const exported = await client.resourceGroups.beginExportTemplateAndWait("shop", { resources: ["*"], options: "SkipAllParameterization" });
  assert.equal(exported.template.resources.length, 1);
  assert.equal(exported.template.resources[0].type, "Microsoft.Storage/storageAccounts");
  assert.equal(exported.template.resources[0].name, "shopdata");
  assert.equal(exported.template.resources[0].apiVersion, "2023-01-01");
});

test("a group is deleted with all that is in it", async () => {
  await client.resourceGroups.createOrUpdate("gone", { location });
  await client.resources.beginCreateOrUpdateAndWait("gone", "Microsoft.Storage", "", "storageAccounts", "gonedata", "2023-01-01", storage("gonedata"));
  await client.resourceGroups.beginDeleteAndWait("gone");
  assert.equal((await client.resourceGroups.checkExistence("gone")).body, false);
  assert.deepEqual((await all(client.resources.list({ filter: "name eq 'gonedata'" }))), []);
});
