/** `docs/api.md`: what the SDK's indexes make public, with the signatures and docstrings that stand in the sources. */
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { parseSync } from "vite";
import { sections } from "./api-sections.ts";

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** A source file, as far as it matters here. */
interface Source {
  readonly path: string;
  readonly text: string;
  /** What it exports, by name: the whole `export` statements. */
  readonly exported: ReadonlyMap<string, Node>;
  /** Docstrings by the offset of what follows them. */
  readonly docs: ReadonlyMap<number, string>;
}

/** One public name. */
interface Entry {
  readonly name: string;
  readonly source: Source;
  readonly statement: Node;
}

/** What an app can import from; of a name that means another thing further down, that one is marked. */
const INDEXES = [
  { index: "web-client/index.ts", mark: "" },
  { index: "web-client/node/index.ts", mark: "InNode" },
  { index: "web-client/react/index.ts", mark: "InReact" },
] as const;

/**
 * The reference as Markdown, not formatted yet. Throws when a public name stands in no section of `api-sections.ts`, or a
 * section names what is not public.
 */
export function apiReference(root: string): string {
  const entries = publicEntries(root);
  const placed = new Map(sections.flatMap(({ title, names }) => names.map((name) => [name, title])));
  for (const name of entries.keys()) {
    if (!placed.has(name))
      throw new Error(`${name} is public, and test/docs/api-sections.ts has no place for it`);
  }
  for (const [name, title] of placed) {
    if (!entries.has(name))
      throw new Error(`test/docs/api-sections.ts has ${name} in "${title}", and it is not public`);
  }
  const contents = sections.map(
    ({ title, names }) => `- [${title}](#${anchor(title)}): ${names.map(linkTo).join(", ")}`,
  );
  const body = sections.flatMap(({ title, about, names }) => [
    `## ${title}`,
    about,
    ...names.flatMap((name) => entryText(name, entries.get(name)!, entries)),
  ]);
  return [PREAMBLE, contents.join("\n"), ...body].join("\n\n") + "\n";
}

const PREAMBLE = `# The SDK's API

<!-- Written by \`npm run docs:api\` from the docstrings in web-client/: change those. -->

Everything that \`@rivulet/client\` exports; at the end \`@rivulet/client/node\` and \`@rivulet/client/react\`. Offsets are \`bigint\`, times are milliseconds since the epoch, bytes are
\`Uint8Array\`. Begin with the [tutorial](tutorial.md).`;

/** Follows the re-exports of the indexes to the statements that declare what they name. */
function publicEntries(root: string): Map<string, Entry> {
  const sources = new Map<string, Source>();
  const sourceAt = (path: string): Source => {
    const source = sources.get(path) ?? readSource(root, path);
    sources.set(path, source);
    return source;
  };
  const entries = new Map<string, Entry>();
  for (const { index, mark } of INDEXES) {
    for (const { name, from } of namesOf(root, index)) {
      const source = sourceAt(from);
      const statement = source.exported.get(name);
      if (statement === undefined) throw new Error(`${from} declares no ${name}`);
      const isAnother = entries.has(name) && entries.get(name)?.statement !== statement;
      entries.set(isAnother ? name + mark : name, { name, source, statement });
    }
  }
  return entries;
}

/** What an index makes public, and from which file. */
function namesOf(root: string, index: string): { name: string; from: string }[] {
  return parse(root, index).statements.flatMap((statement) => {
    if (!isNode(statement.source)) throw new Error(`${index} only names what is public elsewhere`);
    const from = posix.join(posix.dirname(index), String(statement.source.value));
    return nodes(statement.specifiers).map(({ exported }) => ({ name: nameOf(exported), from }));
  });
}

function readSource(root: string, path: string): Source {
  const { text, statements, docs } = parse(root, path);
  const exported = new Map<string, Node>();
  for (const statement of statements) {
    if (!isNode(statement.declaration)) continue;
    const { declaration } = statement;
    const declared =
      declaration.type === "VariableDeclaration" ? nodes(declaration.declarations) : [declaration];
    // Of a constant and a type of the same name the constant, which comes first, says it all.
    for (const { id } of declared) if (!exported.has(nameOf(id))) exported.set(nameOf(id), statement);
  }
  return { path, text, exported, docs };
}

function parse(root: string, path: string): { text: string; statements: Node[]; docs: Map<number, string> } {
  const text = readFileSync(posix.join(root, path), "utf8");
  const { program, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);
  const docs = new Map<number, string>();
  for (const { type, value, end } of comments) {
    if (type !== "Block" || !value.startsWith("*")) continue;
    docs.set(end + (/^\s*/.exec(text.slice(end))?.[0].length ?? 0), docText(value));
  }
  return { text, statements: nodes((program as unknown as Node).body), docs };
}

/** A docstring without its stars: paragraphs, each on one line. */
function docText(comment: string): string {
  const lines = comment
    .slice(1)
    .split("\n")
    .map((line) => line.replace(/^\s*\*? ?/, "").trimEnd());
  return lines
    .join("\n")
    .trim()
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.replaceAll("\n", " "))
    .join("\n\n");
}

type Entries = ReadonlyMap<string, Entry>;

/** Heading, signature, docstring and members of one public name. */
function entryText(key: string, { name, source, statement }: Entry, entries: Entries): string[] {
  const declaration = statement.declaration as Node;
  const doc = linked(source.docs.get(statement.start) ?? "", name, entries);
  const body = isNode(declaration.body) ? declaration.body : undefined;
  const head = source.text.slice(declaration.start, body?.start ?? declaration.end).trim();
  const parts = [`### ${headingOf(key)}`];
  switch (declaration.type) {
    case "FunctionDeclaration":
      parts.push(code(head.replace(/^(async )?function /, "")), doc, mentioned(head, name, entries));
      break;
    case "TSInterfaceDeclaration":
    case "ClassDeclaration":
      // A bare `interface Name` would only say the heading again.
      if (/\bextends\b|</.test(head)) parts.push(code(head), doc, mentioned(head, name, entries));
      else parts.push(doc);
      parts.push(...membersText(name, source, nodes(body?.body), entries));
      break;
    case "VariableDeclaration":
      parts.push(doc, code(head));
      break;
    default:
      parts.push(code(head), doc, mentioned(head, name, entries));
  }
  return parts.filter((part) => part !== "");
}

/** First the properties, as a list; then the methods, each under a heading of its own. */
function membersText(owner: string, source: Source, members: readonly Node[], entries: Entries): string[] {
  const properties: string[] = [];
  const methods = new Map<string, { signatures: string[]; docs: string[] }>();
  for (const member of members) {
    if (member.kind === "constructor" || member.type === "MethodDefinition") continue;
    const name = nameOf(member.key);
    const doc = linked(source.docs.get(member.start) ?? "", owner, entries);
    const text = dedent(source, member).replace(/;$/, "");
    if (member.type === "TSMethodSignature") {
      const { signatures, docs } = methods.get(name) ?? { signatures: [], docs: [] };
      methods.set(name, { signatures: [...signatures, text], docs: doc === "" ? docs : [...docs, doc] });
    } else {
      const type = typeOf(member);
      const written = source.text.slice(type.start, type.end);
      const optional = member.optional === true ? "?" : "";
      // What has docstrings within is shown as it is written.
      const hasDocs = written.includes("/*");
      const typed = hasDocs
        ? `\n\n${code(dedent(source, type))}\n`
        : linkedType(oneLine(written), owner, entries);
      const item = `- **\`${name}${optional}\`**: ${typed}${doc && !hasDocs ? "\\" : ""}\n${doc}`.trimEnd();
      properties.push(item.replaceAll(/\n(?=.)/g, "\n  "));
    }
  }
  const methodTexts = [...methods].flatMap(([name, { signatures, docs }]) => [
    `#### ${owner}: ${name}`,
    code(signatures.map((signature) => `${signature};`).join("\n")),
    ...docs,
    mentioned(signatures.join("\n"), owner, entries),
  ]);
  return [properties.join("\n"), ...methodTexts];
}

/** What stands after the colon of a property. */
function typeOf(member: Node): Node {
  const annotation = member.typeAnnotation;
  if (!isNode(annotation) || !isNode(annotation.typeAnnotation)) {
    throw new Error(`the public property ${nameOf(member.key)} has no type`);
  }
  return annotation.typeAnnotation;
}

function dedent({ text }: Source, { start, end }: Node): string {
  const line = text.slice(text.lastIndexOf("\n", start) + 1, start);
  const indent = /^ */.exec(line)?.[0] ?? "";
  return text.slice(start, end).replaceAll("\n" + indent, "\n");
}

const code = (text: string): string => "```ts\n" + text + "\n```";
const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").replace(/^\| /, "");
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, "")
    .replaceAll(" ", "-");
const headingOf = (key: string): string => key.replace(/In(Node|React)$/, " in $1");
const linkTo = (key: string): string => `[\`${headingOf(key)}\`](#${anchor(headingOf(key))})`;

/** A type with a link at each public name; `self` is where the reader is already. */
function linkedType(type: string, self: string, entries: Entries): string {
  return type
    .split(/(\b[A-Za-z]\w*\b)/)
    .reduce<string[]>(
      (parts, piece, at) => {
        const isLink = at % 2 === 1 && piece !== self && isType(piece) && entries.has(piece);
        if (isLink) return [...parts, linkTo(piece), ""];
        return [...parts.slice(0, -1), (parts.at(-1) ?? "") + piece];
      },
      [""],
    )
    .map((part) => (part.startsWith("[`") ? part : part.replace(/\S(.*\S)?/, (text) => `\`${text}\``)))
    .join("");
}

/** "See" and a link for each public type in a signature. */
function mentioned(signature: string, self: string, entries: Entries): string {
  const names = new Set(signature.match(/\b[A-Za-z]\w*\b/g) ?? []);
  const links = [...names].filter((name) => name !== self && isType(name) && entries.has(name)).map(linkTo);
  return links.length === 0 ? "" : `See ${links.join(", ")}.`;
}

const isType = (name: string): boolean => /^[A-Z]/.test(name);

/** A docstring with links where it names something public: in backticks, or as no other word is written (`KafkaError`). */
function linked(doc: string, self: string, entries: Entries): string {
  return doc
    .split(/(`[^`]*`)/)
    .map((piece, at) => {
      const linkedName = (name: string): string => (name !== self && entries.has(name) ? linkTo(name) : name);
      if (at % 2 === 0) return piece.replaceAll(/\b[A-Z][a-z]+[A-Z]\w*\b/g, linkedName);
      const name = piece.slice(1, -1);
      return isType(name) && name !== self && entries.has(name) ? linkTo(name) : piece;
    })
    .join("");
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

function nodes(value: unknown): Node[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** Of an identifier; text of any other key. */
function nameOf(value: unknown): string {
  if (!isNode(value)) throw new Error("a public name is no identifier");
  return String(value.name ?? value.value);
}
