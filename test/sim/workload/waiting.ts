/** Waiting on the world's time, inside something that can die meanwhile: then it waits for ever. */
import type { Process } from "../kernel/process.ts";

export function sleep(process: Process, delayMs: number): Promise<void> {
  return new Promise((resolve) => process.later(delayMs, resolve));
}
