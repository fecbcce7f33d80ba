/** What a reader must know about the machine to judge figures, and the CPU time that a process has used. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** `packages` are looked up from the project's `root` as they are installed; those that are not there are left out. */
export function describeMachine(root: string, packages: readonly string[]): Machine {
  const processors = cpus();
  const versions: Record<string, string> = { node: process.version, v8: process.versions.v8 };
  for (const name of packages) {
    const version = installedVersion(root, name);
    if (version !== undefined) versions[name] = version;
  }
  return {
    processor: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()} ${process.arch}`,
    versions,
  };
}

function installedVersion(root: string, name: string): string | undefined {
  for (const directory of createRequire(join(root, "package.json")).resolve.paths(name) ?? []) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(join(directory, name, "package.json"), "utf8"));
      if (manifest !== null && typeof manifest === "object" && "version" in manifest)
        return String(manifest.version);
    } catch {
      continue;
    }
  }
  return undefined;
}

export function formatMachine(machine: Machine): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  return `${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}\n${versions.join(", ")}`;
}

/** User and system time of all threads of a process in milliseconds; undefined where there is no /proc. */
export function cpuTimeMs(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // proc(5): the name in parentheses may hold anything; utime and stime are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond();
}

let ticks: number | undefined;
function ticksPerSecond(): number {
  ticks ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return ticks;
}
