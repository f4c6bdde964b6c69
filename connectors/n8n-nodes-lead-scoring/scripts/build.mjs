// Compiles into an empty dist and copies what TypeScript does not: the same sources give the same bytes.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const dist = path.join(root, 'dist');
fs.rmSync(dist, { recursive: true, force: true });
const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
const compiled = spawnSync(process.execPath, [tsc, '-p', root], { stdio: 'inherit' });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

for (const folder of ['credentials', 'icons', 'nodes']) {
	for (const entry of fs.readdirSync(path.join(root, folder), { recursive: true })) {
		if (!/\.(svg|node\.json)$/.test(entry)) continue;
		const target = path.join(dist, folder, entry);
		fs.mkdirSync(path.dirname(target), { recursive: true });
		fs.copyFileSync(path.join(root, folder, entry), target);
	}
}
