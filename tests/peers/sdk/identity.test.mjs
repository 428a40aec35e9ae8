// Signing in at the sandbox's own login, as @azure/identity does it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ClientAssertionCredential, ClientSecretCredential } from "@azure/identity";
import { Sandbox, location } from "./sandbox.mjs";

const tenant = "44444444-4444-4444-4444-444444444444";
const client = "99999999-8888-7777-6666-555555555555";
let sandbox;
before(async () => {
  sandbox = await Sandbox.start();
});
after(async () => assert.equal(await sandbox.stop(), 0));

const options = () => ({ authorityHost: sandbox.url, disableInstanceDiscovery: true, tlsOptions: { ca: sandbox.ca } });

test("with a client secret, and then all works with that token", async () => {
  const credential = new ClientSecretCredential(tenant, client, "a secret", options());
  const token = await credential.getToken("https://management.azure.com/.default");
  assert.ok(token.expiresOnTimestamp > Date.now());
  const resources = sandbox.resources(credential);
  await resources.resourceGroups.createOrUpdate("shop", { location });
  assert.equal((await resources.resourceGroups.get("shop")).location, location);
});

test("with a federated assertion", async () => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: "https://issuer.invalid", sub: "pipeline", aud: "api://AzureADTokenExchange", iat: now, nbf: now, exp: now + 600 };
  const assertion = `${part({ alg: "RS256", typ: "JWT", kid: "one" })}.${part(claims)}.${part("signature")}`;
  const credential = new ClientAssertionCredential(tenant, client, async () => assertion, options());
  const resources = sandbox.resources(credential);
  assert.equal((await resources.resourceGroups.get("shop")).location, location);
});

test("a token for another service is refused", async () => {
  const credential = new ClientSecretCredential(tenant, client, "a secret", options());
  const foreign = { getToken: async () => credential.getToken("https://vault.azure.net/.default") };
  await assert.rejects(sandbox.resources(foreign).resourceGroups.get("shop"), (error) => error.statusCode === 401);
});
