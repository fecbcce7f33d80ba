/** A mistake that somebody could make in the product: the simulator must find it, or it would not find the real ones. */
import { readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { Plugin } from "vite";

export interface Mistake {
  /** A few words, with dashes: names the variant's bundle, too. */
  readonly name: string;
  /** The promise that it breaks, in one sentence. */
  readonly breaks: string;
  /** From the top of the clone. */
  readonly file: string;
  /** Text that stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** `code` with the mistake in it. Throws when what it replaces is not there exactly once: the list has to follow the product. */
export function planted(code: string, { name, file, find, replace }: Mistake): string {
  const found = code.split(find).length - 1;
  if (found !== 1) {
    throw new Error(
      `the planted mistake ${name}: ${file} holds the text that it replaces ${found} times, not once; ` +
        `write it anew after the product:\n${find}`,
    );
  }
  return code.replace(find, () => replace);
}

/** Throws for a mistake that the sources no longer have a place for. */
export function checkPlace(root: string, mistake: Mistake): void {
  planted(readFileSync(join(root, mistake.file), "utf8"), mistake);
}

/** Makes the mistake while the product is bundled. */
export function planting(root: string, mistake: Mistake): Plugin {
  let isPlanted = false;
  return {
    name: `mistake ${mistake.name}`,
    enforce: "pre",
    transform(code, id) {
      if (relative(root, id).split(sep).join("/") !== mistake.file) return null;
      isPlanted = true;
      // The map of the whole file would cost more than the few lines that it is off by.
      return { code: planted(code, mistake), map: null };
    },
    buildEnd(error) {
      if (error === undefined && !isPlanted)
        throw new Error(`the planted mistake ${mistake.name}: ${mistake.file} is no part of the simulation`);
    },
  };
}
