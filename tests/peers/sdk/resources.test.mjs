// Any resource by its id or its parts, tags of a scope, moves and lists.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Sandbox, all, code, location, subscription } from "./sandbox.mjs";

let sandbox, client;
const version = "2023-01-01";
const group = `/subscriptions/${subscription}/resourceGroups/shop`;
const account = (name, of = group) => `${of}/providers/Microsoft.Storage/storageAccounts/${name}`;

before(async () => {
  sandbox = await Sandbox.start();
  client = sandbox.resources();
  await client.resourceGroups.createOrUpdate("shop", { location });
});
after(async () => assert.equal(await sandbox.stop(), 0));

test("a resource is made, read, changed, found and deleted by its id", async () => {
  const body = { location, tags: { a: "b" }, sku: { name: "Standard_LRS" }, properties: { accessTier: "Hot" } };
  const made = await client.resources.beginCreateOrUpdateByIdAndWait(account("one"), version, body);
  assert.equal(made.id, account("one"));
  assert.equal(made.properties.accessTier, "Hot");
  const read = await client.resources.getById(account("one"), version);
  assert.equal(read.properties.provisioningState, "Succeeded");
  const changed = await client.resources.beginUpdateByIdAndWait(account("one"), version, { tags: { c: "d" } });
  assert.deepEqual(changed.tags, { a: "b", c: "d" });
  assert.equal((await client.resources.checkExistenceById(account("one"), version)).body, true);
  await client.resources.beginDeleteByIdAndWait(account("one"), version);
  assert.equal((await client.resources.checkExistenceById(account("one"), version)).body, false);
  await assert.rejects(client.resources.getById(account("one"), version), (error) => code(error) === "ResourceNotFound");
});

test("a resource is made, read and deleted by its parts", async () => {
  const parts = ["shop", "Microsoft.Web", "sites/front", "slots", "next", "2022-09-01"];
  await client.resources.beginCreateOrUpdateAndWait("shop", "Microsoft.Web", "", "sites", "front", "2022-09-01", { location });
  const made = await client.resources.beginCreateOrUpdateAndWait(...parts, { location });
  assert.equal(made.type, "Microsoft.Web/sites/slots");
  assert.equal((await client.resources.get(...parts)).name, "next");
  assert.equal((await client.resources.checkExistence(...parts)).body, true);
  await client.resources.beginUpdateAndWait(...parts, { properties: { enabled: false } });
  await client.resources.beginDeleteAndWait(...parts);
  assert.equal((await client.resources.checkExistence(...parts)).body, false);
});

test("resources are listed, filtered and paged", async () => {
  for (let i = 0; i < 5; i++)
    await client.resources.beginCreateOrUpdateByIdAndWait(account(`list${i}`), version, { location, tags: { number: `${i}` } });
  const names = async (options) => (await all(client.resources.listByResourceGroup("shop", options))).map((one) => one.name);
  assert.deepEqual(await names({ filter: "resourceType eq 'Microsoft.Storage/storageAccounts'" }), ["list0", "list1", "list2", "list3", "list4"]);
  assert.deepEqual(await names({ filter: "tagName eq 'number' and tagValue eq '3'" }), ["list3"]);
  assert.deepEqual(await names({ filter: "substringof('ist2', name)" }), ["list2"]);
  assert.deepEqual(await names({ filter: "startswith(tagName, 'num')" }), ["list0", "list1", "list2", "list3", "list4"]);
  assert.deepEqual(await names({ filter: "resourceType ne 'Microsoft.Storage/storageAccounts'" }), ["front"]);
  const pages = [];
  for await (const page of client.resources.listByResourceGroup("shop", { top: 2 }).byPage()) pages.push(page.length);
  assert.deepEqual(pages, [2, 2, 2]);
  const expanded = await all(client.resources.list({ filter: "name eq 'list1'", expand: "createdTime,changedTime,provisioningState" }));
  assert.ok(expanded[0].createdTime instanceof Date);
  assert.equal(expanded[0].provisioningState, "Succeeded");
});

test("resources move to another group", async () => {
  const target = `/subscriptions/${subscription}/resourceGroups/second`;
  await client.resourceGroups.createOrUpdate("second", { location });
  const info = { resources: [account("list0")], targetResourceGroup: target };
  await client.resources.beginValidateMoveResourcesAndWait("shop", info);
  assert.equal((await client.resources.checkExistenceById(account("list0"), version)).body, true);
  await client.resources.beginMoveResourcesAndWait("shop", info);
  assert.equal((await client.resources.checkExistenceById(account("list0"), version)).body, false);
  assert.equal((await client.resources.getById(account("list0", target), version)).tags.number, "0");
});

test("tags of a scope are replaced, merged and deleted", async () => {
  const tags = async (scope) => (await client.tagsOperations.getAtScope(scope)).properties.tags;
  for (const scope of [account("list1"), group, `/subscriptions/${subscription}`]) {
    await client.tagsOperations.beginCreateOrUpdateAtScopeAndWait(scope, { properties: { tags: { one: "1", two: "2" } } });
    assert.deepEqual(await tags(scope), { one: "1", two: "2" });
    await client.tagsOperations.beginUpdateAtScopeAndWait(scope, { operation: "Merge", properties: { tags: { two: "zwei", three: "3" } } });
    assert.deepEqual(await tags(scope), { one: "1", two: "zwei", three: "3" });
    await client.tagsOperations.beginUpdateAtScopeAndWait(scope, { operation: "Delete", properties: { tags: { one: "1" } } });
    assert.deepEqual(await tags(scope), { two: "zwei", three: "3" });
    await client.tagsOperations.beginUpdateAtScopeAndWait(scope, { operation: "Replace", properties: { tags: { four: "4" } } });
    assert.deepEqual(await tags(scope), { four: "4" });
    await client.tagsOperations.beginDeleteAtScopeAndWait(scope);
    assert.deepEqual(await tags(scope), {});
  }
});

test("a lock has its effect", async () => {
  const lock = `${group}/providers/Microsoft.Authorization/locks/keep`;
  await client.resources.beginCreateOrUpdateByIdAndWait(lock, "2020-05-01", { properties: { level: "CanNotDelete" } });
  await assert.rejects(client.resources.beginDeleteByIdAndWait(account("list2"), version), (error) => error.statusCode === 409 && code(error) === "ScopeLocked");
  await assert.rejects(client.resourceGroups.beginDeleteAndWait("shop"), (error) => code(error) === "ScopeLocked");
  await client.resources.beginDeleteByIdAndWait(lock, "2020-05-01");
  await client.resources.beginDeleteByIdAndWait(account("list2"), version);
});

test("providers are listed, and what is not built says so", async () => {
  const spaces = [];
  for await (const provider of client.providers.list()) spaces.push(provider);
  const storageProvider = spaces.find((provider) => provider.namespace === "Microsoft.Storage");
  assert.equal(storageProvider.registrationState, "Registered");
  assert.ok(storageProvider.resourceTypes.length > 0);
  await assert.rejects(all(client.tagsOperations.list()), (error) => error.statusCode === 501 && code(error) === "NotImplemented");
});
