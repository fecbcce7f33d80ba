/** Writes the package's type declarations: what the compiler emits, less what nobody outside can reach. Runs on Node, at build time. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";

/** Of the package's entries: where each is, from the sources' top, by its name. */
const ENTRIES = {
  index: "web-client/index",
  node: "web-client/node/index",
  react: "web-client/react/index",
} as const;

const IMPORTED = /\bfrom "(\.[^"]+)"/g;

/** `compile` runs tsc with these arguments, in this directory. */
export async function writeDeclarations(
  compile: (args: string[]) => Promise<void>,
  dist: string,
): Promise<void> {
  const emitted = await mkdtemp(join(tmpdir(), "rivulet-types-"));
  try {
    await compile(["-p", "tsconfig.build.json", "--outDir", emitted]);
    const entries = Object.values(ENTRIES).map((entry) => join(emitted, `${entry}.d.ts`));
    for (const file of await reachableFrom(entries)) {
      const target = join(dist, "types", relative(emitted, file));
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, withScriptExtensions(await readFile(file, "utf8")));
    }
    for (const [name, entry] of Object.entries(ENTRIES))
      await writeFile(join(dist, `${name}.d.ts`), `export * from "./types/${entry}.js";\n`);
  } finally {
    await rm(emitted, { recursive: true, force: true });
  }
}

async function reachableFrom(entries: readonly string[]): Promise<Set<string>> {
  const reached = new Set<string>();
  const open = [...entries];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    for (const [, imported] of (await readFile(file, "utf8")).matchAll(IMPORTED)) {
      if (imported !== undefined) open.push(resolve(dirname(file), imported.replace(/\.(ts|js)$/, ".d.ts")));
    }
  }
  return reached;
}

/** Consumers have no `.ts` files: declarations name the scripts that they would stand for. */
function withScriptExtensions(declaration: string): string {
  return declaration.replace(IMPORTED, (_, imported: string) => `from "${imported.replace(/\.ts$/, ".js")}"`);
}
