// Opens workflows in the real editor with the system's chromium, reports what the canvas says about each node as
// JSON on stdout, and takes a picture of each.  usage: node picture.mjs PLAYWRIGHT_FOLDER CHROMIUM (WORKFLOW_ID OUT.png)...
import { inEditor } from './editor.mjs';

const [tools, executablePath, ...wanted] = process.argv.slice(2);

async function take(page, base, workflowId, out) {
  await page.goto(`${base}/workflow/${workflowId}`, { waitUntil: 'domcontentloaded' });
  await page.waitForSelector('[data-test-id="canvas-node"]', { timeout: 60_000 });
  await page.waitForTimeout(1500); // node icons and issues come after the nodes

  const nodes = await page.$$eval('[data-test-id="canvas-node"]', (elements) =>
    elements.map((element) => ({
      name: element.getAttribute('data-node-name'),
      type: element.getAttribute('data-node-type'),
      issues: !!element.querySelector('[data-test-id="node-issues"]'),
      unknown:
        !!element.querySelector('[data-test-id="node-not-installed"]') ||
        // a typeVersion that this n8n does not have shows only as a question mark in place of the icon
        [...element.querySelectorAll('div')].some((div) => div.children.length === 0 && div.textContent.trim() === '?'),
    })),
  );
  // The picture is of the workflow: without side bar, buttons, mini map and log panel, cut to what is on the canvas.
  await page.addStyleTag({
    content: `#sidebar, #header, .vue-flow__controls, .vue-flow__minimap, [data-test-id="canvas-controls"], [data-test-id="node-creator-plus-button"],
      [data-test-id="canvas-handle-plus-wrapper"], [class*="executionButtons"], [class*="nodeButtonsWrapper"], [class*="logsPanel"],
      [data-test-id="logs-panel"] { display: none !important; }`,
  });
  await page.keyboard.press('Escape');
  await page.keyboard.press('1'); // zoom to fit
  await page.waitForTimeout(1000);
  const box = await page.$$eval('.vue-flow__node', (elements) => {
    const boxes = elements.map((element) => element.getBoundingClientRect());
    const [left, top] = [Math.min(...boxes.map((b) => b.left)), Math.min(...boxes.map((b) => b.top))];
    return { x: left, y: top, width: Math.max(...boxes.map((b) => b.right)) - left, height: Math.max(...boxes.map((b) => b.bottom)) - top };
  });
  const margin = 16;
  await page.screenshot({ path: out, clip: { x: box.x - margin, y: box.y - margin, width: box.width + 2 * margin, height: box.height + 2 * margin } });
  return nodes;
}

await inEditor(tools, executablePath, { width: 2600, height: 1300 }, async (page, base) => {
  const strangers = new Set();
  page.context().on('request', (request) => {
    const { host, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && host !== new URL(base).host) strangers.add(host);
  });
  const canvases = [];
  let next = 0;
  async function takeOnes(on) {
    for (let i = next++; 2 * i < wanted.length; i = next++) {
      const [workflowId, out] = wanted.slice(2 * i);
      canvases[i] = { workflowId, nodes: await take(on, base, workflowId, out) };
    }
  }
  // Three at a time: much of it is waiting until nothing moves any more.
  await Promise.all([page, await page.context().newPage(), await page.context().newPage()].map(takeOnes));
  console.log(JSON.stringify({ canvases, strangers: [...strangers] }));
});
