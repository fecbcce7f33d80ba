/** A mistake that somebody could make in the product: the simulator must find it, or it would not find the real ones. */
import { readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { Plugin } from "vite";
import { ruleThatTells, type Rule } from "./rules.ts";

export interface Mistake {
  /** A few words, with dashes: names the variant's bundle, too. */
  readonly name: string;
  /** The promise that it breaks, in one sentence. */
  readonly breaks: string;
  /** The rules that hold that promise: what others find, or that a run throws or hangs, is no proof that it is seen. */
  readonly caughtBy: readonly Rule[];
  /** The first seed that they caught it in, when it was last hunted: the first to be tried. */
  readonly seed: number;
  /** Mostly one. More where the product keeps a promise twice: then nobody would see that one of the two is gone. */
  readonly edits: readonly Edit[];
}

export interface Edit {
  /** From the top of the clone. */
  readonly file: string;
  /** Text that stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** `code` of a file with the mistake in it. Throws when what it replaces is not there exactly once: the list follows the product. */
export function planted(code: string, { name, edits }: Mistake, file: string): string {
  let changed = code;
  for (const { find, replace } of edits.filter((edit) => edit.file === file)) {
    const found = changed.split(find).length - 1;
    if (found !== 1) {
      throw new Error(
        `the planted mistake ${name}: ${file} holds the text that it replaces ${found} times, not once; ` +
          `write it anew after the product:\n${find}`,
      );
    }
    changed = changed.replace(find, () => replace);
  }
  return changed;
}

/** The first violation that one of the rules tells that are to catch this mistake. */
export function proofOf({ caughtBy }: Mistake, violations: readonly string[]): string | undefined {
  return violations.find((violation) => {
    const rule = ruleThatTells(violation);
    return rule !== undefined && caughtBy.includes(rule);
  });
}

/** Throws for a mistake that the sources no longer have a place for. */
export function checkPlaces(root: string, mistake: Mistake): void {
  for (const { file } of mistake.edits) planted(readFileSync(join(root, file), "utf8"), mistake, file);
}

/** Makes the mistake while the product is bundled. */
export function planting(root: string, mistake: Mistake): Plugin {
  const missing = new Set(mistake.edits.map(({ file }) => file));
  const files = new Set(missing);
  return {
    name: `mistake ${mistake.name}`,
    enforce: "pre",
    transform(code, id) {
      const file = relative(root, id).split(sep).join("/");
      if (!files.has(file)) return null;
      missing.delete(file);
      // The map of the whole file would cost more than the few lines that it is off by.
      return { code: planted(code, mistake, file), map: null };
    },
    buildEnd(error) {
      if (error !== undefined || missing.size === 0) return;
      throw new Error(
        `the planted mistake ${mistake.name}: no part of the simulation is ${[...missing].join(", ")}`,
      );
    },
  };
}
