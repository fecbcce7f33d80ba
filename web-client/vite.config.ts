import { execFile } from "node:child_process";
import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { build, transformWithOxc } from "vite";
import type { InlineConfig, Plugin } from "vite";
import { writeDeclarations } from "./declarations.ts";
import { furtherEntries } from "./further-entries.ts";
import { linkedChunks, sharedByEntry } from "./linked-chunks.ts";

const here = import.meta.dirname;

const ENGINES = ["engine.wasm", "engine.plain.wasm"];

/** What modules name by URL: as it stands in the source, and the file of the package that it is. */
const BESIDE = [
  ...ENGINES.map((name) => ({ source: `../build/${name}`, name })),
  { source: "./worker.ts", name: "worker.js" },
];

/**
 * The package carries both builds of the engine and the worker beside its modules. Bundlers of those who use it look for exactly
 * this form; Vite, if it saw it here, would put the files into the module as base64.
 */
function besideModules(): Plugin {
  const places = BESIDE.map(({ source, name }, index) => {
    const inSource = `new URL("${source}", import.meta.url)`;
    // As long as what it stands for, so that the source map stays right.
    const held = `__RIVULET_URL_${index}__`.padEnd(inSource.length, "_");
    return { inSource, held, inPackage: `new URL("./${name}", import.meta.url)` };
  });
  return {
    name: "rivulet-beside-modules",
    enforce: "pre",
    transform(code) {
      if (!places.some(({ inSource }) => code.includes(inSource))) return undefined;
      return {
        code: places.reduce((text, { inSource, held }) => text.replaceAll(inSource, held), code),
        map: null,
      };
    },
    renderChunk(code) {
      return places.reduce((text, { held, inPackage }) => text.replaceAll(held, inPackage), code);
    },
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        // The minifier writes them with backticks, which not every bundler looks for.
        if (file.type === "chunk") file.code = file.code.replace(/new URL\(`([^`$]+)`,/g, 'new URL("$1",');
      }
    },
  };
}

function engines(dist: string): Plugin {
  return {
    name: "rivulet-engines",
    async closeBundle() {
      for (const name of ENGINES) await copyFile(join(here, "../build", name), join(dist, name));
    },
  };
}

/** Fields are assigned, and those without a value are nothing: in a hundred classes their names are 1 % of what is sent. */
function assignedFields(): Plugin {
  return {
    name: "rivulet-assigned-fields",
    // Under a name without a directory: no tsconfig is looked for, which would know better.
    renderChunk: (code, { fileName }) =>
      transformWithOxc(code, `${fileName}.ts`, {
        lang: "ts",
        target: "es2022",
        assumptions: { setPublicClassFields: true },
        typescript: { onlyRemoveTypeImports: true, removeClassFieldsWithoutInitializer: true },
      }),
  };
}

/** Modules that are used as they are, or about so: they hold all that they need, and are minified. */
const WHOLE = [
  // Bundlers make it anew, but nobody resolves imports for it. What it needs later lies beside it.
  { entry: "remote/worker.ts", name: "worker", plugins: [linkedChunks()] },
  // For `<script type="module">`. Where there can be no worker it imports the client, which shares its classes.
  { entry: "index.ts", name: "browser", plugins: [] },
];

function wholeModules(dist: string): Plugin {
  return {
    name: "rivulet-whole-modules",
    async closeBundle() {
      for (const { entry, name, plugins } of WHOLE) {
        const config = moduleConfig(dist, { entry, name: `${name}.js`, external: [] });
        const output = {
          chunkFileNames: `${name}-[name].js`,
          codeSplitting: { groups: sharedByEntry(name, join(here, entry)) },
          minify: true,
        };
        const { rolldownOptions } = config.build;
        await build({
          ...config,
          build: {
            ...config.build,
            rolldownOptions: { ...rolldownOptions, preserveEntrySignatures: "allow-extension", output },
          },
          plugins: [besideModules(), assignedFields(), ...plugins],
          configFile: false,
          logLevel: "warn",
        });
      }
    },
  };
}

/** Several builds write there: it is emptied once, before them. */
function emptied(dist: string): Plugin {
  return {
    name: "rivulet-emptied",
    apply: "build",
    buildStart: () => rm(dist, { recursive: true, force: true }),
  };
}

/** `dist/index.d.ts` and what it needs, from the compiler. */
function declarations(dist: string): Plugin {
  return {
    name: "rivulet-declarations",
    async closeBundle() {
      const compiler = join(here, "../node_modules/typescript/bin/tsc");
      await writeDeclarations(
        (args) =>
          promisify(execFile)(process.execPath, [compiler, ...args], { cwd: here }).then(() => undefined),
        dist,
      );
    },
  };
}

function moduleConfig(
  dist: string,
  { entry, name, external }: { entry: string; name: string; external: string[] },
) {
  return {
    root: here,
    build: {
      lib: { entry: join(here, entry), formats: ["es"], fileName: () => name },
      outDir: dist,
      emptyOutDir: false,
      target: "es2022",
      minify: false,
      sourcemap: true,
      rolldownOptions: {
        external,
        output: { chunkFileNames: "[name].js" },
        // The one change to the code keeps every column in its place.
        onLog: (level, log, handle) => {
          if (log.code !== "SOURCEMAP_BROKEN") handle(level, log);
        },
      },
    },
  } satisfies InlineConfig;
}

/** The SDK, built into `dist`: one module for browsers, its worker, and what the module loads where there can be no worker. */
export function sdkConfig(dist: string): InlineConfig & { plugins: Plugin[] } {
  return {
    ...moduleConfig(dist, { entry: "index.ts", name: "index.js", external: ["idb"] }),
    plugins: [
      emptied(dist),
      besideModules(),
      wholeModules(dist),
      engines(dist),
      furtherEntries(dist),
      declarations(dist),
    ],
  };
}

export default sdkConfig(join(here, "dist"));
