/** Writes the generated pages of docs/: `npm run docs`. */
import { writeFileSync } from 'node:fs';
import { generatedDocs, reader } from './generated-docs.ts';

const root = process.cwd();
for (const [path, text] of generatedDocs(reader(root))) {
  writeFileSync(`${root}/${path}`, text);
  console.log(path);
}
