// Deployments at the scope of a subscription, a management group and the tenant.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Sandbox, all, code, deployment, location, storage, template } from "./sandbox.mjs";

let sandbox, client, resources;
before(async () => {
  sandbox = await Sandbox.start();
  client = sandbox.deployments();
  resources = sandbox.resources();
});
after(async () => assert.equal(await sandbox.stop(), 0));

const schema = (name) => ({ $schema: `https://schema.management.azure.com/schemas/${name}.json#` });
const wide = () => ({
  location,
  ...deployment(
    [
      { type: "Microsoft.Resources/resourceGroups", apiVersion: "2024-03-01", name: "wide", location, properties: {} },
      {
        type: "Microsoft.Resources/deployments",
        apiVersion: "2024-03-01",
        name: "inner",
        resourceGroup: "wide",
        dependsOn: ["wide"],
        properties: { mode: "Incremental", expressionEvaluationOptions: { scope: "inner" }, template: template([storage("widedata")]) },
      },
    ],
    schema("2018-05-01/subscriptionDeploymentTemplate"),
  ),
});

test("at a subscription: validate, what-if, create, read, operations, export", async () => {
  const { deployments, deploymentOperations } = client;
  const validated = await deployments.beginValidateAtSubscriptionScopeAndWait("wide", wide());
  assert.equal(validated.properties.validatedResources.length, 2);
  const foreseen = await deployments.beginWhatIfAtSubscriptionScopeAndWait("wide", wide());
  assert.deepEqual(foreseen.changes.map((one) => one.changeType), ["Create", "Create"]);
  const done = await deployments.beginCreateOrUpdateAtSubscriptionScopeAndWait("wide", wide());
  assert.equal(done.properties.provisioningState, "Succeeded");
  assert.equal(done.location, location);
  await deployments.checkExistenceAtSubscriptionScope("wide");
  assert.equal((await deployments.getAtSubscriptionScope("wide")).properties.correlationId, done.properties.correlationId);
  const operations = await all(deploymentOperations.listAtSubscriptionScope("wide"));
  assert.deepEqual(operations.map((one) => one.properties.targetResource.resourceName), ["wide", "inner"]);
  await deploymentOperations.getAtSubscriptionScope("wide", operations[0].operationId);
  const inner = await all(client.deploymentOperations.list("wide", "inner"));
  assert.equal(inner[0].properties.targetResource.resourceName, "widedata");
  assert.equal((await deployments.exportTemplateAtSubscriptionScope("wide")).template.resources.length, 2);
  assert.deepEqual((await all(deployments.listAtSubscriptionScope())).map((one) => one.name), ["wide"]);
  assert.equal((await resources.resourceGroups.get("wide")).location, location);
  await assert.rejects(deployments.cancelAtSubscriptionScope("wide"), (error) => error.statusCode === 409);
});

test("at a subscription: a location is needed and stays", async () => {
  const { deployments } = client;
  const without = wide();
  delete without.location;
  await assert.rejects(deployments.beginCreateOrUpdateAtSubscriptionScopeAndWait("none", without), (error) => code(error) === "InvalidDeployment" || code(error) === "LocationRequired");
  await assert.rejects(
    deployments.beginCreateOrUpdateAtSubscriptionScopeAndWait("wide", { ...wide(), location: "eastus" }),
    (error) => error.statusCode === 409 && code(error) === "InvalidDeploymentLocation",
  );
});

test("at a subscription: a deployment is deleted", async () => {
  await client.deployments.beginDeleteAtSubscriptionScopeAndWait("wide");
  assert.deepEqual(await all(client.deployments.listAtSubscriptionScope()), []);
});

test("at a management group, at the tenant, and at any scope by its path", async () => {
  const { deployments } = client;
  const mine = { location, ...deployment([], schema("2019-08-01/managementGroupDeploymentTemplate")) };
  await deployments.beginCreateOrUpdateAtManagementGroupScopeAndWait("contoso", "mine", mine);
  assert.equal((await deployments.getAtManagementGroupScope("contoso", "mine")).properties.provisioningState, "Succeeded");
  const tenant = { location, ...deployment([], schema("2019-08-01/tenantDeploymentTemplate")) };
  await deployments.beginCreateOrUpdateAtTenantScopeAndWait("ours", tenant);
  assert.deepEqual((await all(deployments.listAtTenantScope())).map((one) => one.name), ["ours"]);
  await deployments.beginDeleteAtTenantScopeAndWait("ours");
  const scope = "providers/Microsoft.Management/managementGroups/contoso";
  assert.equal((await deployments.getAtScope(scope, "mine")).name, "mine");
  await deployments.beginDeleteAtScopeAndWait(scope, "mine");
  assert.deepEqual(await all(deployments.listAtManagementGroupScope("contoso")), []);
});
