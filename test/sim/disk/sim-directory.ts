/** A directory: its names as processes see them, and as the disk has them. */
import type { Random } from "../kernel/random.ts";
import type { SimFile } from "./sim-file.ts";

export type Node = SimFile | SimDirectory;

/** What was done to the names and is not durable yet, in order. */
type Change =
  | { readonly kind: "creation" | "removal"; readonly name: string; readonly node: Node }
  | { readonly kind: "rename"; readonly from: string; readonly to: string; readonly node: Node };

export class SimDirectory {
  readonly kind = "directory";
  private names = new Map<string, Node>();
  private durable = new Map<string, Node>();
  private changes: Change[] = [];

  get entries(): ReadonlyMap<string, Node> {
    return this.names;
  }

  add(name: string, node: Node): void {
    this.names.set(name, node);
    this.changes.push({ kind: "creation", name, node });
  }

  remove(name: string, node: Node): void {
    this.names.delete(name);
    this.changes.push({ kind: "removal", name, node });
  }

  /** `node` has the name `to` instead of `from`. */
  rename(from: string, to: string, node: Node): void {
    this.names.delete(from);
    this.names.set(to, node);
    this.changes.push({ kind: "rename", from, to, node });
  }

  sync(): void {
    if (this.changes.length === 0) return;
    this.durable = new Map(this.names);
    this.changes = [];
  }

  /** Keeps the first so many of the changes that are not durable, or any of them. Answers what it has undone, by kind. */
  losePower(random: Random): string[] {
    if (this.changes.length === 0) return [];
    const undone: string[] = [];
    const inOrder = random.chance(0.5) ? random.between(0, this.changes.length) : undefined;
    const left = this.durable;
    for (const [at, change] of this.changes.entries()) {
      const isKept = inOrder === undefined ? random.chance(0.5) : at < inOrder;
      if (!isKept) undone.push(`${change.kind} undone`);
      else if (change.kind === "rename") {
        const { from, to, node } = change;
        left.set(to, node);
        if (left.get(from) !== node) continue;
        // The new name is there first.
        if (random.chance(0.2)) undone.push("rename half done");
        else left.delete(from);
      } else if (change.kind === "creation") left.set(change.name, change.node);
      else left.delete(change.name);
    }
    this.names = new Map(left);
    this.changes = [];
    return undone;
  }
}
