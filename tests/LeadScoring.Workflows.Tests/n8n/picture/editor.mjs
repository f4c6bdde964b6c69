// The real editor in the system's chromium, logged in as the owner. The server and its owner come from the environment
// (DATA/n8n.env).
import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const { N8N_BASE_URL: base, N8N_OWNER_EMAIL: emailOrLdapLoginId, N8N_OWNER_PASSWORD: password } = process.env;

/** Opens a page, lets look(page, base, request) do its work, and leaves nothing behind. */
export async function inEditor(tools, executablePath, viewport, look) {
  const { chromium } = createRequire(path.join(tools, 'package.json'))('playwright-core');
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'leadscoring-picture-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport,
    // --no-sandbox: containers and CI machines run this as root
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  try {
    const login = await context.request.post(`${base}/rest/login`, { data: { emailOrLdapLoginId, password } });
    if (!login.ok()) throw new Error(`login: ${login.status()} ${await login.text()}`);
    await look(await context.newPage(), base, context.request);
  } finally {
    await context.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
}
