/** How the checker names times and places, so that a person finds them in the story. */

/** As the story prints it. */
export function time(atMs: number): string {
  return `${atMs.toFixed(3)} ms`;
}

/** `3 records`, `1 record`. */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
