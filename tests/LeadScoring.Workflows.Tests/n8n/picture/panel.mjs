// Opens a node's panel in the real editor with the system's chromium, prints the fields that it shows as JSON, and
// takes a picture.  usage: node panel.mjs PLAYWRIGHT_FOLDER CHROMIUM WORKFLOW_ID NODE_NAME OUT.png
// The server and its owner come from the environment (DATA/n8n.env).
import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const [tools, executablePath, workflowId, nodeName, out] = process.argv.slice(2);
const { N8N_BASE_URL: base, N8N_OWNER_EMAIL: emailOrLdapLoginId, N8N_OWNER_PASSWORD: password } = process.env;
const { chromium } = createRequire(path.join(tools, 'package.json'))('playwright-core');

const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'leadscoring-picture-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  viewport: { width: 1500, height: 1150 },
  // --no-sandbox: containers and CI machines run this as root
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  const login = await context.request.post(`${base}/rest/login`, { data: { emailOrLdapLoginId, password } });
  if (!login.ok()) throw new Error(`login: ${login.status()} ${await login.text()}`);
  const page = await context.newPage();
  const workflow = await (await context.request.get(`${base}/rest/workflows/${workflowId}`)).json();
  const { id } = workflow.data.nodes.find((node) => node.name === nodeName);
  await page.goto(`${base}/workflow/${workflowId}/${id}`, { waitUntil: 'domcontentloaded', timeout: 120_000 });
  const panel = page.locator('[data-test-id="ndv"]');
  await panel.locator('[data-test-id="collection-parameter-add"]').first().waitFor({ timeout: 120_000 }); // the last field
  await page.waitForTimeout(1000); // icons come after the fields

  // Fields of the tab Settings are there too, unseen. A label holds the switch between value and expression besides its text.
  const fields = await panel.locator('[data-test-id="input-label"] label').evaluateAll((labels) =>
    labels.filter((label) => label.checkVisibility()).map((label) => label.innerText.trim().split('\n')[0]));
  const issues = await panel.locator('[data-test-id="parameter-issues"]').count();
  await panel.screenshot({ path: out });
  console.log(JSON.stringify({ fields, issues }));
} finally {
  await context.close();
  fs.rmSync(profile, { recursive: true, force: true });
}
