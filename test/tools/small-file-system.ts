/**
 * A file system of a few MiB, in memory, for tests of a disk that gets full. It is mounted in a mount namespace of its own,
 * so it is gone with the process that holds it, and only programs that are run `inside` see it.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";

export interface SmallFileSystem {
  /** Put before a command, it runs where the file system is mounted. */
  readonly inside: readonly string[];
  unmount(): Promise<void>;
}

/** For root; for everybody else where they may be root of a namespace. */
const WAYS = [["-m"], ["-Urm"]] as const;
const MOUNT = 'mount -t tmpfs -o "size=$1" tmpfs "$0"';

/** How this machine lets us mount one; undefined when it does not. */
export function findWayToMount(): readonly string[] | undefined {
  return WAYS.find((way) => spawnSync("unshare", [...way, "sh", "-c", MOUNT, tmpdir(), "64k"]).status === 0);
}

/** Mounts one over a directory. */
export async function mountSmall(directory: string, bytes: number): Promise<SmallFileSystem> {
  const way = findWayToMount();
  if (way === undefined) throw new Error("this machine does not let us mount a file system");
  const hold = `${MOUNT} && echo mounted && exec cat`;
  const holder = spawn("unshare", [...way, "sh", "-c", hold, directory, String(bytes)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(holder, "exit");
  await Promise.race([
    once(holder.stdout, "data"),
    ended.then(() => {
      throw new Error(`no file system of ${bytes} bytes could be mounted over ${directory}`);
    }),
  ]);
  const user = way[0] === "-Urm" ? ["-U", "--preserve-credentials"] : [];
  return {
    inside: ["nsenter", "-t", String(holder.pid), ...user, "-m"],
    async unmount() {
      holder.stdin.end();
      await ended;
    },
  };
}
