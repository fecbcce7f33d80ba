/**
 * Lets the worker fetch parts of its code later, whoever bundles it. Runs on Node, at build time.
 *
 * Apps' bundlers make a worker anew, and many of them make one classic script of it, in which a dynamic `import()` cannot stand or
 * is drawn in. What is named by `new URL("./x.js", import.meta.url)` they copy as it is, under a name of its own; so a chunk
 * must not import anything by name. It is shipped as a module whose default export is a function: it is given what the worker
 * shares, and answers what the chunk exports. What only parts share is a part, too, and is fetched beside the first that needs it.
 *
 * What they share has short names, which mean something else in each build: all files of one build carry its stamp, and the worker
 * takes no part that has another.
 */
import { createHash } from "node:crypto";
import type { Plugin, Rolldown } from "vite";

type Program = ReturnType<Rolldown.PluginContext["parse"]>;
type Statement = Program["body"][number];

interface ModuleGraph {
  getModuleInfo(id: string): { importedIds: string[]; dynamicallyImportedIds: string[] } | null;
}

/**
 * What does not belong to one part alone, for the bundler's groups of code: all that this entry imports is its own chunk, and what
 * more than one of its parts imports besides is another one.
 */
export function sharedByEntry(name: string, entry: string): Rolldown.CodeSplittingGroup[] {
  let own: ReadonlySet<string> | undefined;
  let shared: ReadonlySet<string> | undefined;
  return [
    {
      name: (id, graph) => {
        own ??= importedFrom(entry, graph);
        return own.has(id) ? name : null;
      },
      debugName: name,
      // What a group has taken, those below it do not take, also where they depend on it.
      priority: 1,
    },
    {
      name: (id, graph) => {
        shared ??= sharedByParts(entry, graph);
        return shared.has(id) ? "shared" : null;
      },
      debugName: `${name}-shared`,
    },
  ];
}

function sharedByParts(entry: string, graph: ModuleGraph): ReadonlySet<string> {
  const own = importedFrom(entry, graph);
  const later = new Set([...own].flatMap((id) => graph.getModuleInfo(id)?.dynamicallyImportedIds ?? []));
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const part of later) {
    for (const id of importedFrom(part, graph)) {
      if (seen.has(id) && !own.has(id)) shared.add(id);
      seen.add(id);
    }
  }
  return shared;
}

function importedFrom(entry: string, graph: ModuleGraph): Set<string> {
  const found = new Set([entry]);
  for (const id of found)
    for (const imported of graph.getModuleInfo(id)?.importedIds ?? []) found.add(imported);
  return found;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Names of what an export or an import gives another name: the inner one by the outer one. */
type Names = readonly (readonly [outer: string, inner: string])[];

type Chunks = Readonly<Record<string, { readonly fileName: string; readonly imports: readonly string[] }>>;

/** Stands for the build's stamp until all of its code is there, and is as long. */
const STAMP = "__RIVULET_BUILD__";

export function linkedChunks(): Plugin {
  return {
    name: "rivulet-linked-chunks",
    renderChunk(code, chunk, _options, { chunks }) {
      const program = this.parse(code);
      const edits = chunk.isEntry
        ? entryEdits(code, program, chunk.fileName, chunks)
        : chunkEdits(program, chunk.fileName);
      return applied(code, edits);
    },
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
      const hash = createHash("sha256");
      for (const { fileName, code } of chunks.toSorted((one, other) =>
        one.fileName < other.fileName ? -1 : 1,
      ))
        hash.update(fileName).update(code);
      const stamp = hash.digest("base64url").slice(0, STAMP.length);
      for (const chunk of chunks) {
        if (!chunk.code.includes(STAMP))
          throw new Error(`${chunk.fileName} has no place for the build's stamp`);
        chunk.code = chunk.code.replaceAll(STAMP, stamp);
      }
    },
  };
}

/** The worker itself: `import("./x.js")` becomes a fetch of the part, and exports what the parts may use. */
function entryEdits(code: string, program: Program, fileName: string, chunks: Chunks): Edit[] {
  const shared: (readonly [string, string])[] = [];
  const edits: Edit[] = [];
  for (const statement of program.body) {
    if (statement.type === "ImportDeclaration")
      throw new Error(`${fileName} imports ${statement.source.value}: nobody resolves that for it`);
    const names = exportedBy(statement);
    if (names === undefined) continue;
    shared.push(...names);
    edits.push({ start: statement.start, end: statement.end, text: "" });
  }
  const mutable = program.body.flatMap(changeableIn);
  const changed = shared.find(([, local]) => mutable.includes(local));
  if (changed !== undefined)
    throw new Error(`${changed[1]} may change after the worker has given it to a part`);
  /** What parts need besides the worker, each named once. */
  const needed = new Map<string, string>();
  for (const { 0: found, 1: url = "", index } of code.matchAll(/\bimport\("(\.\/[^"]+)"\)/g)) {
    const part = Object.values(chunks).find((chunk) => `./${chunk.fileName}` === url);
    if (part === undefined) throw new Error(`${fileName} imports ${url}, which is none of its parts`);
    const names = [urlOf(url)];
    for (const other of part.imports.filter((imported) => imported !== fileName)) {
      needed.set(other, needed.get(other) ?? `neededPart${needed.size}`);
      names.push(needed.get(other) ?? "");
    }
    edits.push({ start: index, end: index + found.length, text: `fetchPart(${names.join(", ")})` });
  }
  const { end } = program;
  const named = Array.from(needed, ([other, name]) => `\nconst ${name} = ${urlOf(`./${other}`)};`);
  const text = FETCH_PART.replace("SHARED", () => objectOf(shared));
  return [...edits, { start: end, end, text: named.join("") + text }];
}

/** In the form that bundlers look for. */
function urlOf(file: string): string {
  return `new URL("${file}", import.meta.url)`;
}

/** What the worker does to have a part, and those that it needs. The comments are for bundlers: the URL is not theirs to resolve. */
const FETCH_PART = `
const parts = new Map();
function fetchPart({ href }, ...others) {
  let part = parts.get(href);
  if (part?.module === undefined) {
    const tries = (part?.tries ?? -1) + 1;
    const loading = import(/* @vite-ignore */ /* webpackIgnore: true */ tries === 0 ? href : href + "#" + tries);
    const needed = others.map((other) => fetchPart(other));
    part = { tries, module: Promise.all([loading, ...needed]).then(([module, ...given]) => {
      if (module.build !== "${STAMP}")
        throw new Error(href + " is of another build than the worker: reload the page");
      return module.default(SHARED, ...given);
    }) };
    part.module.catch(() => (part.module = undefined));
    parts.set(href, part);
  }
  return part.module;
}
`;

/** A part: a function of what it takes from the worker, and from what the parts share. */
function chunkEdits(program: Program, fileName: string): Edit[] {
  const taken = new Map<string, (readonly [string, string])[]>([["./worker.js", []]]);
  const given: (readonly [string, string])[] = [];
  const edits: Edit[] = [];
  for (const statement of program.body) {
    if (statement.type === "ImportDeclaration") {
      const names = taken.get(statement.source.value) ?? [];
      taken.set(statement.source.value, names);
      for (const specifier of statement.specifiers) {
        if (specifier.type !== "ImportSpecifier")
          throw new Error(`${fileName} imports ${statement.source.value} as a whole`);
        names.push([nameOf(specifier.imported), specifier.local.name]);
      }
      edits.push({ start: statement.start, end: statement.end, text: "" });
    }
    const names = exportedBy(statement);
    if (names === undefined) continue;
    given.push(...names);
    edits.push({ start: statement.start, end: statement.end, text: "" });
  }
  const { end } = program;
  const parameters = Array.from(taken.values(), objectOf).join(", ");
  return [
    { start: 0, end: 0, text: `export const build = "${STAMP}"; export default (${parameters}) => { ` },
    ...edits,
    { start: end, end, text: `\nreturn ${objectOf(given)}; };\n` },
  ];
}

function exportedBy(statement: Statement): Names | undefined {
  if (!statement.type.startsWith("Export")) return undefined;
  if (
    statement.type !== "ExportNamedDeclaration" ||
    statement.declaration !== null ||
    statement.source !== null
  )
    throw new Error(`a chunk has an ${statement.type} that is not a list of names`);
  return statement.specifiers.map(({ exported, local }) => [nameOf(exported), nameOf(local)] as const);
}

function nameOf(name: { readonly type: string }): string {
  const { name: identifier, value } = name as { name?: string; value?: string };
  return identifier ?? value ?? "";
}

/** As a literal, and as a pattern. */
function objectOf(names: Names): string {
  return `{ ${names.map(([outer, inner]) => `${outer}: ${inner}`).join(", ")} }`;
}

/** Variables of the module that may be given another value. What is declared by `var` and a value is a class. */
function changeableIn(statement: Statement): string[] {
  if (statement.type !== "VariableDeclaration" || statement.kind === "const") return [];
  return statement.declarations
    .filter(({ init }) => statement.kind !== "var" || init === null)
    .flatMap(({ id }) => (id.type === "Identifier" ? [id.name] : []));
}

function applied(code: string, edits: readonly Edit[]): string {
  let text = "";
  let at = 0;
  for (const edit of edits.toSorted((one, other) => one.start - other.start)) {
    text += code.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return text + code.slice(at);
}
