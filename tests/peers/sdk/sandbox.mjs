// A sandbox of its own for each test file, and clients that trust its certificate.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeploymentsClient } from "@azure/arm-resourcesdeployments";
import { DeploymentStacksClient } from "@azure/arm-resourcesdeploymentstacks";
import { ResourceManagementClient } from "@azure/arm-resources";

export const subscription = "11111111-2222-3333-4444-555555555555";
export const location = "westeurope";

const anyone = { getToken: async () => ({ token: "a peer", expiresOnTimestamp: Date.now() + 3600_000 }) };

export class Sandbox {
  /** @param {string[]} options of `roll sandbox`, beside port and TLS */
  static async start(...options) {
    const sandbox = new Sandbox();
    sandbox.folder = mkdtempSync(join(tmpdir(), "roll-peers-"));
    await sandbox.#serve(options);
    return sandbox;
  }

  async #serve(options) {
    this.child = spawn(process.env.ROLL, ["sandbox", "--port", "0", "--tls", "-o", "json", ...options], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.ended = new Promise((resolve) => this.child.once("exit", (code) => resolve(code)));
    const said = await new Promise((resolve, reject) => {
      let text = "";
      this.child.stdout.on("data", (data) => {
        text += data;
        try {
          resolve(JSON.parse(text));
        } catch {
          // Not whole yet.
        }
      });
      this.child.once("exit", (code) => reject(new Error(`roll sandbox ended with ${code}`)));
    });
    this.url = `https://127.0.0.1:${said.port}`;
    this.certificate = said.certificate;
    this.ca = readFileSync(said.certificate, "utf8");
  }

  async stop() {
    this.child.kill("SIGTERM");
    const code = await this.ended;
    rmSync(this.folder, { recursive: true });
    return code;
  }

  /** The SDKs try again on their own only where a test says so. */
  maxRetries = 0;
  get #options() {
    return { endpoint: this.url, tlsOptions: { ca: this.ca }, retryOptions: { maxRetries: this.maxRetries } };
  }
  deployments(credential = anyone) {
    return new DeploymentsClient(credential, subscription, this.#options);
  }
  resources(credential = anyone) {
    return new ResourceManagementClient(credential, subscription, this.#options);
  }
  stacks(credential = anyone) {
    return new DeploymentStacksClient(credential, subscription, this.#options);
  }
}

/** All items of a paged list. */
export async function all(pages) {
  const items = [];
  for await (const item of pages) items.push(item);
  return items;
}

export function template(resources, more = {}) {
  return {
    $schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    contentVersion: "1.0.0.0",
    resources,
    ...more,
  };
}

export function storage(name, properties = {}, more = {}) {
  return {
    type: "Microsoft.Storage/storageAccounts",
    apiVersion: "2023-01-01",
    name,
    location,
    kind: "StorageV2",
    sku: { name: "Standard_LRS" },
    properties,
    ...more,
  };
}

export function deployment(resources, more = {}, properties = {}) {
  return { properties: { mode: "Incremental", template: template(resources, more), ...properties } };
}

/** What the SDK throws for an ARM error: its code, whatever the SDK's layer calls it. */
export function code(error) {
  return error.code ?? error.details?.error?.code ?? error.body?.error?.code;
}
