/**
 * Lets the worker fetch parts of its code later, whoever bundles it. Runs on Node, at build time.
 *
 * Apps' bundlers make a worker anew, and many of them make one classic script of it, in which a dynamic `import()` cannot stand or
 * is drawn in. What is named by `new URL("./x.js", import.meta.url)` they copy as it is, under a name of its own; so a chunk
 * must not import anything by name. It is shipped as a module whose default export is a function: it is given what the worker
 * shares, and answers what the chunk exports.
 */
import type { Plugin, Rolldown } from "vite";

type Program = ReturnType<Rolldown.PluginContext["parse"]>;
type Statement = Program["body"][number];

interface ModuleGraph {
  getModuleInfo(id: string): { importedIds: string[]; dynamicallyImportedIds: string[] } | null;
}

/**
 * What belongs to the chunk of this entry, for the bundler's groups of code: all that it imports, and what more than one of its
 * parts does.
 */
export function sharedByEntry(name: string, entry: string): Rolldown.CodeSplittingGroup {
  let shared: ReadonlySet<string> | undefined;
  return {
    debugName: name,
    name: (id, graph) => {
      shared ??= sharedModules(entry, graph);
      return shared.has(id) ? name : null;
    },
  };
}

function sharedModules(entry: string, graph: ModuleGraph): ReadonlySet<string> {
  const shared = importedFrom(entry, graph);
  const later = new Set([...shared].flatMap((id) => graph.getModuleInfo(id)?.dynamicallyImportedIds ?? []));
  const seen = new Set<string>();
  for (const part of later) {
    for (const id of importedFrom(part, graph)) {
      if (seen.has(id)) shared.add(id);
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

export function linkedChunks(): Plugin {
  return {
    name: "rivulet-linked-chunks",
    renderChunk(code, chunk) {
      const program = this.parse(code);
      const edits = chunk.isEntry ? entryEdits(code, program) : chunkEdits(program, chunk.fileName);
      return applied(code, edits);
    },
  };
}

/** The worker itself: `import("./x.js")` becomes a fetch of the part, and exports what the parts may use. */
function entryEdits(code: string, program: Program): Edit[] {
  const shared: (readonly [string, string])[] = [];
  const edits: Edit[] = [];
  for (const statement of program.body) {
    const names = exportedBy(statement);
    if (names === undefined) continue;
    shared.push(...names);
    edits.push({ start: statement.start, end: statement.end, text: "" });
  }
  const mutable = program.body.flatMap(changeableIn);
  const changed = shared.find(([, local]) => mutable.includes(local));
  if (changed !== undefined)
    throw new Error(`${changed[1]} may change after the worker has given it to a part`);
  for (const { 0: found, 1: url, index } of code.matchAll(/\bimport\("(\.\/[^"]+)"\)/g)) {
    const text = `fetchPart(new URL("${url}", import.meta.url))`;
    edits.push({ start: index, end: index + found.length, text });
  }
  const { end } = program;
  const text = FETCH_PART.replace("SHARED", () => objectOf(shared));
  return [...edits, { start: end, end, text }];
}

/** What the worker does to have a part. The comments are for bundlers: the URL is not theirs to resolve. */
const FETCH_PART = `
const parts = new Map();
function fetchPart({ href }) {
  let part = parts.get(href);
  if (part?.module === undefined) {
    const tries = (part?.tries ?? -1) + 1;
    part = { tries, module: import(/* @vite-ignore */ /* webpackIgnore: true */ tries === 0 ? href : href + "#" + tries)
      .then((module) => module.default(SHARED)) };
    part.module.catch(() => (part.module = undefined));
    parts.set(href, part);
  }
  return part.module;
}
`;

/** A part: a function of what it takes from the worker. */
function chunkEdits(program: Program, fileName: string): Edit[] {
  const taken: (readonly [string, string])[] = [];
  const given: (readonly [string, string])[] = [];
  const edits: Edit[] = [];
  for (const statement of program.body) {
    if (statement.type === "ImportDeclaration") {
      if (statement.source.value !== "./worker.js")
        throw new Error(
          `${fileName} imports ${statement.source.value}: parts share code by the worker alone`,
        );
      for (const specifier of statement.specifiers) {
        if (specifier.type !== "ImportSpecifier")
          throw new Error(`${fileName} imports the worker as a whole`);
        taken.push([nameOf(specifier.imported), specifier.local.name]);
      }
      edits.push({ start: statement.start, end: statement.end, text: "" });
    }
    const names = exportedBy(statement);
    if (names === undefined) continue;
    given.push(...names);
    edits.push({ start: statement.start, end: statement.end, text: "" });
  }
  const { end } = program;
  return [
    { start: 0, end: 0, text: `export default (${objectOf(taken)}) => { ` },
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
