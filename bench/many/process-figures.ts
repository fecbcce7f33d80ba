/** What a process takes of its machine, as Linux tells it under /proc. */
import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { cpuTimeMs } from "../machine.ts";

export interface OpenFiles {
  /** Files of the file system: logs, and what the process itself is made of. */
  readonly files: number;
  readonly sockets: number;
}

export async function openFiles(pid: number): Promise<OpenFiles> {
  const directory = `/proc/${pid}/fd`;
  let [files, sockets] = [0, 0];
  for (const fd of await readdir(directory)) {
    // One that was closed meanwhile is no longer open.
    const target = await readlink(`${directory}/${fd}`).catch(() => "");
    if (target.startsWith("/")) files++;
    else if (target.startsWith("socket:")) sockets++;
  }
  return { files, sockets };
}

/** Memory of the process that is in RAM, in bytes. */
export function residentBytes(pid: number): Promise<number> {
  return statusBytes(pid, /^VmRSS:\s+(\d+) kB$/m);
}

/** The most of its memory that was ever in RAM, in bytes. */
export function peakResidentBytes(pid: number): Promise<number> {
  return statusBytes(pid, /^VmHWM:\s+(\d+) kB$/m);
}

async function statusBytes(pid: number, line: RegExp): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(line.exec(status)?.[1] ?? 0) * 1024;
}

/** Seconds of CPU that a process takes in a minute, measured over `seconds`. */
export async function cpuSecondsPerMinute(pid: number, seconds: number): Promise<number> {
  const [before, begin] = [cpuTimeMs(pid) ?? 0, performance.now()];
  await setTimeout(seconds * 1000);
  return (((cpuTimeMs(pid) ?? 0) - before) / (performance.now() - begin)) * 60;
}
