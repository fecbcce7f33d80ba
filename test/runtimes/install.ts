/** Gets the other hosts that the engine runs on: what package.json beside this file pins. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../tools/run-process.ts";

export const here = dirname(fileURLToPath(import.meta.url));
export const root = dirname(dirname(here));

const INSTALL_MS = 150_000;

/** Runs `npm ci` here when nothing is installed or the lockfile has changed since. */
export async function installRuntimes(): Promise<void> {
  const installed = join(here, "node_modules", ".package-lock.json");
  const lockfile = join(here, "package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs) return;
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  await run(npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: here, timeoutMs: INSTALL_MS });
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
