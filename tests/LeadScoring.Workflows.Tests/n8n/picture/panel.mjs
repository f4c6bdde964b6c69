// Opens a node's panel in the real editor with the system's chromium, prints the fields that it shows as JSON, and
// takes a picture.  usage: node panel.mjs PLAYWRIGHT_FOLDER CHROMIUM WORKFLOW_ID NODE_NAME OUT.png
import { inEditor } from './editor.mjs';

const [tools, executablePath, workflowId, nodeName, out] = process.argv.slice(2);

await inEditor(tools, executablePath, { width: 1500, height: 1150 }, async (page, base, request) => {
  const workflow = await (await request.get(`${base}/rest/workflows/${workflowId}`)).json();
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
});
