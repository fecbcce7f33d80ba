/** The package as it would be published: one file, from what is built. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureBuilt } from "../../gateway/build-if-stale.mjs";

export const repository = join(import.meta.dirname, "../..");

const run = promisify(execFile);

/** What npm writes of itself to a terminal, tests do not. */
const QUIET = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];

/** Packs the SDK into a directory; answers the file. */
export async function packSdk(directory: string): Promise<string> {
  await ensureBuilt({ log: (text) => console.error(text), wanted: ["client"] });
  const args = ["pack", "--workspace", "web-client", "--ignore-scripts", "--json"];
  const { stdout } = await run("npm", [...args, "--pack-destination", directory, ...QUIET], {
    cwd: repository,
    maxBuffer: 2 ** 24,
  });
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  return join(directory, packed?.filename ?? "");
}

/** Installs the file in a directory that has nothing but a `package.json`. */
export async function installSdk(file: string, directory: string): Promise<void> {
  await run("npm", ["install", file, "--prefer-offline", "--omit=peer", ...QUIET], { cwd: directory });
}
