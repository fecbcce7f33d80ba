/** Tells what a long test is doing, a line each, on the terminal of whoever waits for it. */
import { writeSync } from "node:fs";

/** A function that prints lines with the seconds since it was made. */
export function narrator(title: string): (text: string) => void {
  const startedAt = performance.now();
  const print = (text: string): void => void writeSync(2, `${text}\n`);
  print(`\nthe walk, ${title}`);
  return (text) => print(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${text}`);
}
