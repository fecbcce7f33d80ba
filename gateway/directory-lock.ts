/**
 * One gateway to a data directory. Who holds it is answered by the kernel, not by a file's age or a process id: the holder
 * listens on a socket in the directory (on Windows: on a named pipe), and whoever can be connected to is alive. After
 * `kill -9` nobody listens any more, and the next start succeeds at once.
 *
 * The sockets are called `.lock.1`, `.lock.2` and so on. The one with the highest number counts. Who finds it dead takes
 * the next number, which only one can (a hard link is made or it is not); who then finds a still higher one has come too
 * late and looks again. The highest is never removed, so there is no moment at which two could hold the directory. A
 * socket gets its name when it is listening already: one that can be found and not connected to is dead for good.
 */
import { createHash, randomBytes } from "node:crypto";
import { link, mkdtemp, readdir, realpath, rm, symlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ErrorCode, KafkaError } from "../wire/errors.ts";

export interface DirectoryLock {
  release(): Promise<void>;
}

const LOCK = /^\.lock\.([1-9]\d{0,14})$/;
const ATTEMPTS_MAX = 100;

/** Takes the directory, which must be there. Throws KafkaError KAFKA_STORAGE_ERROR when another process holds it. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = await realpath(directory);
  return process.platform === "win32" ? lockByPipe(path) : lockBySocket(path);
}

/** Windows frees a pipe's name when its process ends, however it ends. */
async function lockByPipe(directory: string): Promise<DirectoryLock> {
  const name = createHash("sha256").update(directory.toLowerCase()).digest("hex");
  try {
    return releasing(await listen(`\\\\.\\pipe\\rivulet-${name}`));
  } catch (error) {
    if (codeOf(error) === "EADDRINUSE" || codeOf(error) === "EACCES") throw isHeld(directory);
    throw error;
  }
}

async function lockBySocket(directory: string): Promise<DirectoryLock> {
  const shortcut = await makeShortcut(directory);
  const own = `.lock.new.${randomBytes(8).toString("hex")}`;
  let server: Server | undefined;
  try {
    server = await listen(join(shortcut.path, own));
    await takeTurn(directory, shortcut.path, own);
    return releasing(server);
  } catch (error) {
    await closed(server);
    if (error instanceof KafkaError) throw error;
    throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `${directory} cannot be locked: ${String(error)}`, {
      cause: error,
    });
  } finally {
    await rm(join(directory, own), { force: true });
    await shortcut.remove();
  }
}

/** Gives the listening socket `own` the next free number, if the one before is dead. */
async function takeTurn(directory: string, shortcut: string, own: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const highest = Math.max(0, ...(await turnsIn(directory)));
    if (highest > 0 && (await isAlive(join(shortcut, `.lock.${highest}`)))) throw isHeld(directory);
    const mine = highest + 1;
    const path = join(directory, `.lock.${mine}`);
    try {
      await link(join(directory, own), path);
    } catch (error) {
      if (codeOf(error) === "EEXIST") continue;
      throw error;
    }
    const turns = await turnsIn(directory);
    if (Math.max(...turns) === mine) {
      for (const turn of turns) if (turn < mine) await rm(join(directory, `.lock.${turn}`), { force: true });
      return;
    }
    await rm(path, { force: true });
  }
  throw isHeld(directory);
}

async function turnsIn(directory: string): Promise<number[]> {
  return (await readdir(directory)).flatMap((name) => {
    const parts = LOCK.exec(name);
    return parts?.[1] === undefined ? [] : [Number(parts[1])];
  });
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      const code = codeOf(error);
      // A full backlog and a refused permission both mean that somebody is there.
      if (code === "EAGAIN" || code === "EACCES" || code === "EPERM") resolve(true);
      else if (code === "ECONNREFUSED" || code === "ENOENT" || code === "ENOTSOCK") resolve(false);
      else reject(error);
    });
  });
}

/** A short way to the directory: the path of a socket may have about a hundred bytes. */
async function makeShortcut(directory: string): Promise<{ path: string; remove: () => Promise<void> }> {
  const place = await mkdtemp(join(tmpdir(), "rv-"));
  const path = join(place, "d");
  await symlink(directory, path);
  return { path, remove: () => rm(place, { recursive: true, force: true }) };
}

function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      // A lock keeps nobody from ending, and an error of a stranger's connection is nothing to it.
      server.on("error", () => {});
      server.unref();
      resolve(server);
    });
  });
}

function releasing(server: Server): DirectoryLock {
  return { release: () => closed(server) };
}

function closed(server: Server | undefined): Promise<void> {
  return new Promise((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
}

function isHeld(directory: string): KafkaError {
  return new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `${directory} is in use by another gateway: stop that one, or give this one a data directory of its own`,
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
