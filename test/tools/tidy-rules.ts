/**
 * The rules of the house that a program can check: who may import whom, what the rooms without a host may not take from
 * the air, and what must not be left lying about. Each breach names the file and the rule.
 */
import { posix } from "node:path";
import { baseName, readSource, type SourceFile } from "./source-file.ts";

/** Text of every file that is ours, by its path from the top of the repository. */
export type Tree = ReadonlyMap<string, string>;

export interface Breach {
  readonly file: string;
  readonly rule: string;
}

const ENGINE_CONSTANTS = ["engine-as/format.ts", "engine-as/status.ts"];
const ENGINES = ["build/engine.wasm", "build/engine.plain.wasm"];
const NODE = /^node:/;

interface Room {
  /** Directory; the most specific room holds a file. */
  readonly at: string;
  /** Files and directories that it may import beside itself. */
  readonly mayImport: readonly string[];
  /** Packages that it may import. */
  readonly packages: readonly (string | RegExp)[];
  /** Whether it runs on any host, and takes clock, timers, random numbers, stores and sockets as arguments. */
  readonly isHostFree: boolean;
}

/** Who may import whom. */
export const rooms: readonly Room[] = [
  { at: "engine-as/", mayImport: [], packages: [], isHostFree: false },
  { at: "wire/", mayImport: [], packages: [], isHostFree: true },
  { at: "log/", mayImport: [...ENGINE_CONSTANTS, "wire/errors.ts"], packages: [], isHostFree: true },
  { at: "sync/", mayImport: [...ENGINE_CONSTANTS, "log/", "wire/"], packages: [], isHostFree: true },
  {
    at: "gateway/api/",
    mayImport: [...ENGINE_CONSTANTS, "gateway/coordinator/", "log/", "wire/", "sync/"],
    packages: [],
    isHostFree: true,
  },
  {
    at: "gateway/coordinator/",
    mayImport: [...ENGINE_CONSTANTS, "log/", "wire/"],
    packages: ["re2js"],
    isHostFree: true,
  },
  {
    at: "gateway/clients/",
    mayImport: ["gateway/api/", "gateway/coordinator/", "log/", "wire/"],
    packages: [],
    isHostFree: true,
  },
  { at: "gateway/store/", mayImport: ["log/", "wire/errors.ts"], packages: [], isHostFree: true },
  {
    at: "gateway/",
    mayImport: [
      ...ENGINE_CONSTANTS,
      ...ENGINES,
      "gateway/api/",
      "gateway/clients/",
      "gateway/store/",
      "log/",
      "wire/",
      "sync/",
    ],
    packages: [NODE, "commander", "jose", "pino", "uWebSockets.js"],
    isHostFree: false,
  },
  {
    // The console is an app like any other: it knows what is public.
    at: "web-client/console/",
    mayImport: ["web-client/index.ts"],
    packages: ["preact", "preact/hooks", "@preact/signals", "uplot", "uplot/dist/uPlot.min.css"],
    isHostFree: false,
  },
  {
    // Apps that use the SDK as anybody would.
    at: "web-client/examples/",
    mayImport: [],
    packages: ["@rivulet/client", "uplot", "uplot/dist/uPlot.min.css"],
    isHostFree: false,
  },
  {
    at: "web-client/node/",
    mayImport: [...ENGINES, "web-client/", "web-client/core/", "log/", "wire/", "sync/"],
    packages: [NODE],
    isHostFree: false,
  },
  {
    // Hooks are an app's code, too.
    at: "web-client/react/",
    mayImport: ["web-client/index.ts"],
    packages: ["react"],
    isHostFree: false,
  },
  {
    at: "web-client/core/",
    mayImport: [...ENGINE_CONSTANTS, "log/", "wire/", "sync/"],
    packages: [],
    isHostFree: true,
  },
  {
    at: "web-client/",
    mayImport: [...ENGINE_CONSTANTS, ...ENGINES, "web-client/core/", "log/", "wire/", "sync/"],
    packages: ["idb"],
    isHostFree: false,
  },
];

/** The one file that knows uWebSockets: another server under the same handlers is another file like it. */
const ONLY_UWEBSOCKETS = "gateway/uws-listener.ts";

/** What only a host has. `Date` may still turn a number into a date, and `Math` may still do sums. */
const FROM_THE_AIR = new Set([
  ..."Buffer WebSocket Worker XMLHttpRequest caches clearImmediate clearInterval clearTimeout console crypto".split(
    " ",
  ),
  ..."document fetch global globalThis indexedDB localStorage location navigator performance process".split(
    " ",
  ),
  ..."require self sessionStorage setImmediate setInterval setTimeout structuredClone window".split(" "),
  ..."BroadcastChannel EventSource IDBKeyRange MessageChannel SharedWorker addEventListener".split(" "),
  ..."cancelAnimationFrame requestAnimationFrame requestIdleCallback".split(" "),
  "AbortSignal.timeout",
  "Date.now",
  "Date()",
  "new Date()",
  "Math.random",
]);

const BUILD_TIME = [
  /(^|\/)vite(st)?\.config\.ts$/,
  /\.(mjs|cjs)$/,
  /^web-client\/(console\/precache|declarations|further-entries|linked-chunks)\.ts$/,
];

/** Files that something outside of the sources starts: npm, vite, vitest, a browser, a user. */
const ENTRIES = [
  /^engine-as\/engine\.ts$/,
  /^gateway\/(rivulet\.(cjs|ts)|start\.mjs)$/,
  /^web-client\/((node\/|react\/)?index\.ts|console\/main\.tsx|examples\/[^/]+\/main\.ts)$/,
  /^bench\/run\.mjs$/,
  /^test\/((sim|fuzz|soak)\/)?run\.mjs$/,
  /^test\/(sim|fuzz|soak)\/cli\/main\.ts$/,
  /(^|\/)vite(st)?\.config\.ts$/,
];
const TEST_ENTRIES = [/\.test\.tsx?$/, /^test\/setup\/.*reporter\.ts$/];

// Most files are 50 to 300 lines; beyond this one is surely two.
const LINES_MAX = 700;
const CODE = /\.(ts|tsx|mjs|cjs)$/;
const LEFTOVERS = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`);
const ANOTHERS_MACHINE = /(?<![\w.])\/(home|root|work|Users|farm)\/[\w.]/;

/** Every breach of every rule. */
export function breaches(tree: Tree): Breach[] {
  const sources = [...tree]
    .filter(([path]) => CODE.test(path) && !path.endsWith(".d.ts"))
    .map(([path, text]) => readSource(path, text));
  return [
    ...sources.flatMap((source) => importBreaches(source, tree)),
    ...sources.flatMap(airBreaches),
    ...sources.flatMap((source) => testBreaches(source, tree.get(source.path) ?? "")),
    ...deadFiles(sources, tree),
    ...[...tree].flatMap(([path, text]) => textBreaches(path, text, tree)),
  ];
}

function roomOf(path: string): Room | undefined {
  const around = rooms.filter((room) => path.startsWith(room.at));
  return around.reduce<Room | undefined>(
    (best, room) => (room.at.length > (best?.at.length ?? 0) ? room : best),
    undefined,
  );
}

/** Path of the file that a relative specifier names, whether or not it is there. */
function targetOf(from: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(from), specifier.replace(/\?.*$/, "")));
}

/** What builds or starts a room runs on a developer's Node, wherever the room itself will run. */
function isBuildTime(path: string): boolean {
  return BUILD_TIME.some((pattern) => pattern.test(path));
}

function importBreaches(source: SourceFile, tree: Tree): Breach[] {
  const room = roomOf(source.path);
  const found: Breach[] = [];
  const breach = (rule: string): unknown => found.push({ file: source.path, rule });
  for (const specifier of source.imports) {
    if (specifier === "uWebSockets.js" && room !== undefined && source.path !== ONLY_UWEBSOCKETS) {
      breach(`only ${ONLY_UWEBSOCKETS} imports uWebSockets.js`);
      continue;
    }
    if (room === undefined || isBuildTime(source.path)) continue;
    if (specifier.startsWith(".")) {
      const target = targetOf(source.path, specifier);
      const isAllowed =
        roomOf(target) === room || room.mayImport.some((allowed) => target.startsWith(allowed));
      const hasFile = [target, `${target}.ts`].some((path) => tree.has(path)) || !CODE.test(target);
      if (!isAllowed) breach(`${room.at} may not import ${target}`);
      else if (!hasFile) breach(`imports ${target}, which is not there`);
    } else if (
      !room.packages.some((allowed) =>
        allowed instanceof RegExp ? allowed.test(specifier) : allowed === specifier,
      )
    ) {
      breach(`${room.at} may not import the package ${specifier}`);
    }
  }
  return found;
}

function airBreaches(source: SourceFile): Breach[] {
  const room = roomOf(source.path);
  if (room?.isHostFree !== true) return [];
  const taken = source.globals.filter((use) => FROM_THE_AIR.has(use) || FROM_THE_AIR.has(baseName(use)));
  return taken.map((use) => ({
    file: source.path,
    rule: `${room.at} knows no host: ${use} must be handed in`,
  }));
}

/**
 * Tests that were switched off, or that switch all others off. `describeWith` is the one that may skip for want of a
 * tool, and says why; another platform is a reason that everybody sees.
 */
function testBreaches(source: SourceFile, text: string): Breach[] {
  if (!source.path.startsWith("test/") || source.path === "test/tools/require-tool.ts") return [];
  const switches = source.uses.filter((use) =>
    /^(test|it|describe)\.(only|skip|skipIf|runIf|todo|fails)$/.test(use),
  );
  const forPlatform = /\.(skipIf|runIf)\(process\.platform\b/;
  const leftOver = switches.filter((use) => !(use.endsWith("If") && forPlatform.test(text)));
  return leftOver.map((use) => ({ file: source.path, rule: `${use} is left over` }));
}

/** Files of the product that nothing reaches from where it starts, and files of the tests that no test reaches. */
function deadFiles(sources: readonly SourceFile[], tree: Tree): Breach[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const configurations = [...tree].filter(([path]) => /\.(json|html|css)$/.test(path) || path === ".ci/run");
  const isEntry = (path: string): boolean => ENTRIES.some((entry) => entry.test(path));
  const isTestEntry = (path: string): boolean => TEST_ENTRIES.some((entry) => entry.test(path));
  const inProduct = reached(byPath, sources.map((source) => source.path).filter(isEntry));
  const inTests = reached(
    byPath,
    sources.map((source) => source.path).filter((path) => isTestEntry(path) || isEntry(path)),
  );
  return sources.flatMap(({ path }) => {
    const isProduct = roomOf(path) !== undefined;
    if ((isProduct ? inProduct : inTests).has(path)) return [];
    if (configurations.some(([, text]) => text.includes(path))) return [];
    return [
      {
        file: path,
        rule: isProduct ? "nothing in the product imports this file" : "nothing imports this file",
      },
    ];
  });
}

function reached(sources: ReadonlyMap<string, SourceFile>, from: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const open = [...from];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const source = sources.get(path);
    if (source === undefined || seen.has(path)) continue;
    seen.add(path);
    // Workers, children and pages are named by strings: relative to the file, or from the top.
    for (const name of [...source.imports, ...source.strings]) {
      const target = targetOf(path, name);
      open.push(target, `${target}.ts`, name);
    }
  }
  return seen;
}

function textBreaches(path: string, text: string, tree: Tree): Breach[] {
  const found: Breach[] = [];
  const lines = text.split("\n");
  const line = (pattern: RegExp): number => lines.findIndex((content) => pattern.test(content)) + 1;
  if (LEFTOVERS.test(text))
    found.push({ file: path, rule: `line ${line(LEFTOVERS)} leaves something to do` });
  if (ANOTHERS_MACHINE.test(text)) {
    found.push({ file: path, rule: `line ${line(ANOTHERS_MACHINE)} names a path of somebody's machine` });
  }
  if (CODE.test(path) && lines.length > LINES_MAX) {
    found.push({
      file: path,
      rule: `${lines.length} lines, more than ${LINES_MAX}: which two ideas are in it?`,
    });
  }
  if (path.endsWith(".md")) found.push(...deadLinks(path, text, tree));
  return found;
}

function deadLinks(path: string, text: string, tree: Tree): Breach[] {
  const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? "");
  const missing = links.filter((link) => !/^[a-z]+:/.test(link)).map((link) => targetOf(path, link));
  const isThere = (target: string): boolean =>
    tree.has(target) || [...tree.keys()].some((file) => file.startsWith(target.replace(/\/?$/, "/")));
  return missing
    .filter((target) => !isThere(target))
    .map((target) => ({ file: path, rule: `links to ${target}, which is not there` }));
}
