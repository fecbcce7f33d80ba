/** The table of clients and what they can do against the gateway: filled by tests, and by nothing else. */
import type { ClientKind } from "./client.ts";

/** The columns. */
export const CAPABILITIES = {
  codecs: "every codec",
  seek: "seek by time",
  group: "group, one is killed",
  idempotence: "idempotent producer",
  topics: "topics",
  configs: "settings",
  "delete-records": "delete records",
} as const;

export type Capability = keyof typeof CAPABILITIES;

const columns = Object.keys(CAPABILITIES) as Capability[];
const LACKING = "–";

interface Row {
  version: string;
  readonly cells: Map<Capability, string>;
  readonly notes: string[];
}

export class Matrix {
  private readonly rows: Map<string, Row>;

  constructor(private readonly kinds: readonly ClientKind[]) {
    this.rows = new Map(kinds.map(({ name }) => [name, { version: "", cells: new Map(), notes: [] }]));
  }

  installed({ name, note }: ClientKind, version: string): void {
    const row = this.row(name);
    row.version = version;
    if (note !== undefined) row.notes.push(note());
  }

  /** A test has shown it; with `text`, a part of it. */
  shown({ name }: ClientKind, capability: Capability, text = "yes"): void {
    this.row(name).cells.set(capability, text);
  }

  /** The client does not have it, which a test has shown too. */
  lacking({ name }: ClientKind, capability: Capability, why: string): void {
    const { cells, notes } = this.row(name);
    if (!cells.has(capability)) cells.set(capability, LACKING);
    if (!notes.includes(why)) notes.push(why);
  }

  /** What no test has shown, as `client: capability`. */
  missing(): string[] {
    return this.kinds.flatMap(({ name }) =>
      columns
        .filter((capability) => !this.row(name).cells.has(capability))
        .map((capability) => `${name}: ${capability}`),
    );
  }

  toJson(): string {
    const clients = this.kinds.map(({ name }) => {
      const { version, cells, notes } = this.row(name);
      const shown = columns.map((capability) => [capability, cells.get(capability) ?? "not shown"]);
      return { name, version, cells: Object.fromEntries(shown) as object, notes };
    });
    return `${JSON.stringify({ clients }, null, 2)}\n`;
  }

  /** A table with the notes below it. */
  toMarkdown(): string {
    const header = ["client", ...columns.map((capability) => CAPABILITIES[capability])];
    const numbered = this.kinds.filter(({ name }) => this.row(name).notes.length > 0);
    const rows = this.kinds.map((kind) => {
      const { version, cells } = this.row(kind.name);
      const number = numbered.indexOf(kind) + 1;
      const mark = number === 0 ? "" : ` (${number})`;
      const title = `${kind.name} ${version}`.trim() + mark;
      return [title, ...columns.map((capability) => cells.get(capability) ?? "**fails**")];
    });
    const notes = numbered.map(
      ({ name }, index) => `${index + 1}. ${name}: ${this.row(name).notes.join("; ")}.`,
    );
    const table = [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
    return [...table, "", ...notes].join("\n");
  }

  private row(name: string): Row {
    const row = this.rows.get(name);
    if (row === undefined) throw new Error(`the matrix has no row ${name}`);
    return row;
  }
}
