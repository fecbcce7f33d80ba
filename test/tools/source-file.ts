/** What one source file takes from elsewhere: the modules it imports, the globals it uses, the strings it holds. */
import { parseSync } from "vite";

export interface SourceFile {
  /** Path from the top of the repository, with `/`. */
  readonly path: string;
  /** Specifiers as written, of imports, re-exports, `import()` and `import("…").Type`. */
  readonly imports: readonly string[];
  /**
   * Names that the file uses but does not declare, as it uses them: `setTimeout`, `Math.random`, `new Date()`, `Date()`
   * (calls without an argument), each once.
   */
  readonly globals: readonly string[];
  /** The same for every name, declared or not. */
  readonly uses: readonly string[];
  /** String literals: how workers, pages and configurations name files. */
  readonly strings: readonly string[];
}

interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Reads one file; throws with its path when it does not parse. */
export function readSource(path: string, text: string): SourceFile {
  // AssemblyScript's decorators on functions are no syntax of TypeScript; blanks keep every position.
  const parsed = path.startsWith("engine-as/") ? text.replace(/@(inline|unsafe|external)\b/g, blanks) : text;
  const { program, errors } = parseSync(path, parsed);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);

  const declared = new Set<string>();
  const used = new Set<string>();
  const imports = new Set<string>();
  const strings = new Set<string>();
  visit(program as unknown as Node, [], "", (node, ancestors, field) => {
    const parent = ancestors.at(-1);
    if (MODULE_NODES.has(node.type)) {
      const specifier = literalOf(node.source) ?? literalOf(node.argument);
      if (specifier !== undefined) imports.add(specifier);
    }
    const literal = literalOf(node);
    if (literal !== undefined) strings.add(literal);
    if (node.type !== "Identifier") return;
    if (declares(ancestors, field)) declared.add(String(node.name));
    else if (isReference(parent, field)) used.add(asUsed(node, parent));
  });
  const globals = [...used].filter((use) => !declared.has(baseName(use)));
  return { path, imports: [...imports], globals, uses: [...used], strings: [...strings] };
}

/** The variable in a use: `Math` in `Math.random`, `Date` in `new Date()`. */
export function baseName(use: string): string {
  return use.replace(/^new /, "").replace(/[.(].*$/, "");
}

function blanks(text: string): string {
  return " ".repeat(text.length);
}

const MODULE_NODES = new Set([
  "ImportDeclaration",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "ImportExpression",
  "TSImportType",
  "TSExternalModuleReference",
]);

/** Called for every node with the nodes around it, outermost first, and the field of its parent that it stands in. */
type Visitor = (node: Node, ancestors: readonly Node[], field: string) => void;

function visit(node: Node, ancestors: readonly Node[], field: string, visitor: Visitor): void {
  visitor(node, ancestors, field);
  const around = [...ancestors, node];
  for (const [name, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) visit(child, around, name, visitor);
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function literalOf(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.type === "TSLiteralType") return literalOf(value.literal);
  return value.type === "Literal" && typeof value.value === "string" ? value.value : undefined;
}

const FUNCTIONS = new Set([
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
  "TSDeclareFunction",
  "TSEmptyBodyFunctionExpression",
]);

/** Whether an identifier in this place gives a name to something in the file. */
function declares(ancestors: readonly Node[], field: string): boolean {
  const parent = ancestors.at(-1);
  if (parent === undefined) return false;
  if (FUNCTIONS.has(parent.type)) return field === "id" || field === "params";
  switch (parent.type) {
    case "VariableDeclarator":
    case "ClassDeclaration":
    case "ClassExpression":
      return field === "id";
    case "ImportSpecifier":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
      return field === "local";
    case "CatchClause":
      return field === "param";
    case "AssignmentPattern":
      return field === "left";
    case "RestElement":
    case "ArrayPattern":
    case "TSParameterProperty":
      return true;
    case "Property":
      return field === "value" && ancestors.at(-2)?.type === "ObjectPattern";
    default:
      return false;
  }
}

/** Whether an identifier in this place reads a variable, rather than naming a member, a key, a label or a type. */
function isReference(parent: Node | undefined, field: string): boolean {
  if (parent === undefined) return false;
  if (parent.type.startsWith("TS")) return field === "expression";
  switch (parent.type) {
    case "MemberExpression":
      return field === "object" || parent.computed === true;
    case "Property":
    case "MethodDefinition":
    case "PropertyDefinition":
    case "AccessorProperty":
      return field === "value" || parent.computed === true;
    case "ImportSpecifier":
    case "ExportSpecifier":
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
    case "MetaProperty":
      return false;
    default:
      return true;
  }
}

function asUsed(node: Node, parent: Node | undefined): string {
  const name = String(node.name);
  if (parent?.type === "MemberExpression" && parent.computed !== true && isNode(parent.property)) {
    return parent.object === node ? `${name}.${String(parent.property.name)}` : name;
  }
  const isBare = Array.isArray(parent?.arguments) && parent.arguments.length === 0 && parent.callee === node;
  if (!isBare) return name;
  return parent.type === "NewExpression" ? `new ${name}()` : `${name}()`;
}
