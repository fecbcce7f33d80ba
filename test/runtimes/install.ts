/** Gets the other hosts that the engine runs on: what package.json beside this file pins. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { run } from "../tools/run-process.ts";

export const here = dirname(fileURLToPath(import.meta.url));
export const root = dirname(dirname(here));

const INSTALL_MS = 150_000;

/**
 * Runs `npm ci` here when nothing is installed or the lockfile has changed since. Two test files may ask at the same time: one
 * of them installs, the other waits for it.
 */
export async function installRuntimes(): Promise<void> {
  const turn = join(here, "installing");
  for (const deadline = Date.now() + INSTALL_MS; !isInstalled();) {
    if (await mkdir(turn).then(() => true, isThere)) {
      try {
        const npm = process.platform === "win32" ? "npm.cmd" : "npm";
        const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        if (!isInstalled()) await run(npm, args, { cwd: here, timeoutMs: INSTALL_MS });
      } finally {
        await rm(turn, { recursive: true, force: true });
      }
    } else if (Date.now() > deadline)
      throw new Error(`remove ${turn}, which a killed run has left, and try again`);
    else await setTimeout(500);
  }
}

function isInstalled(): boolean {
  const installed = join(here, "node_modules", ".package-lock.json");
  return (
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(here, "package-lock.json")).mtimeMs
  );
}

function isThere(error: unknown): false {
  if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
  throw error;
}

/** The program of a package that comes as a package for each platform, of which npm installs those that fit. */
export function programOf(scope: "@deno" | "@oven", path: string): string {
  const scoped = join(here, "node_modules", scope);
  const names = existsSync(scoped) ? readdirSync(scoped) : [];
  const found = names
    .flatMap((name) => [join(scoped, name, path), join(scoped, name, `${path}.exe`)])
    .find(existsSync);
  if (found === undefined) throw new Error(`npm has no ${scope} for ${process.platform} ${process.arch}`);
  return found;
}
