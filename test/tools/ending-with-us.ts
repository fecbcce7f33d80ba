/** Long-lived children that must not outlive this process, however it ends. */
import { spawnSync } from "node:child_process";

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

let isPossible: boolean | undefined;

/**
 * The same command, so that Linux kills its process as soon as this one is gone: whoever is killed has no time to end
 * what it has started. `setpriv` becomes the command, so the process id is the command's. Elsewhere the command as it is.
 */
export function endingWithUs(command: string, args: readonly string[]): Command {
  isPossible ??=
    process.platform === "linux" && spawnSync("setpriv", ["--pdeathsig", "KILL", "true"]).status === 0;
  if (!isPossible) return { command, args };
  return { command: "setpriv", args: ["--pdeathsig", "KILL", "--", command, ...args] };
}
