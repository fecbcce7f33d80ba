/** Which Node the gateway needs: uWebSockets is a binary, built for some. Node's built-ins only. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "./build-if-stale.mjs";

/** The Node that is taken from npm's `node` package when this one has no uWebSockets binary. */
const FALLBACK_NODE = "22";

/** Set for a process that was started under another Node already: there is no third. */
export const RERUN = "RIVULET_RERUN";

/**
 * Path of another Node, when the uWebSockets binary has no build for this one; undefined when this one will do. Says so,
 * and throws when the other has none either.
 */
export function neededNode({ log }) {
  const { platform, arch, versions } = process;
  const binary = `node_modules/uWebSockets.js/dist/bin/uws_${platform}_${arch}_${versions.modules}.node`;
  if (existsSync(join(root, binary))) return undefined;
  if (process.env[RERUN] !== undefined) {
    throw new Error(
      `uWebSockets has no build for Node ${process.version} on ${platform} ${arch}; run Node 20 or 22 on Linux, macOS or Windows`,
    );
  }
  log(
    `uWebSockets has no build for Node ${process.version}: running under Node ${FALLBACK_NODE} from npm's node package`,
  );
  const args = ["--yes", "--package", `node@${FALLBACK_NODE}`, "--", "node", "-p", "process.execPath"];
  const shell = process.platform === "win32";
  return execFileSync("npx", args, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", 2],
    shell,
  }).trim();
}
