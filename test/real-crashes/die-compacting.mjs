/**
 * Loaded into the gateway's process before it (`node --import`): kills the process, as `kill -9` does, at one call of the file
 * system in the middle of a compaction.
 *
 * DIE_PHASE  "cleaned": calls to the segment that is being written
 *            "swap": calls in its partition's directory from the rename to `.swap` on, to the rename to `.log`
 *            "done": calls there after that
 * DIE_CALL   which of the phase's calls, the first being 1
 * DIE_MOMENT "before" the call, "with" it, so that nobody hears of what becomes of it, or "after" it
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { dirname } from "node:path";

const CALLS_AFTER = 12;
const { DIE_PHASE, DIE_CALL, DIE_MOMENT } = process.env;
/** By descriptor. */
const paths = new Map();
/** Directory in which a swap is under way. */
let swapping;
/** Directory in which one has ended, and how many calls there still belong to it. */
let done = { directory: undefined, left: 0 };
let calls = 0;

function phaseOf(path) {
  if (path.endsWith(".cleaned")) return "cleaned";
  if (swapping !== undefined && (dirname(path) === swapping || path === swapping)) return "swap";
  if (done.left > 0 && (dirname(path) === done.directory || path === done.directory)) {
    done.left--;
    return "done";
  }
  return undefined;
}

/** Whether the process is to die at this call. */
function isTheOne(path) {
  if (path.endsWith(".log.swap")) swapping ??= dirname(path);
  return phaseOf(path) === DIE_PHASE && ++calls === Number(DIE_CALL);
}

function renamed(from, to) {
  if (to.endsWith(".swap")) swapping = dirname(to);
  if (!from.endsWith(".swap")) return;
  swapping = undefined;
  done = { directory: dirname(from), left: CALLS_AFTER };
}

const die = () => process.kill(process.pid, "SIGKILL");

/** `pathOf` answers the path that a call is about. */
function withCallback(name, pathOf, heard = () => {}) {
  const call = fs[name];
  fs[name] = (...args) => {
    const callback = args.pop();
    const isLast = isTheOne(pathOf(args[0]));
    if (isLast && DIE_MOMENT === "before") die();
    call(...args, (error, ...answer) => {
      if (isLast) die();
      if (error === null) heard(args, ...answer);
      callback(error, ...answer);
    });
    if (isLast && DIE_MOMENT === "with") die();
  };
}

function withPromise(name, heard = () => {}) {
  const call = fs.promises[name];
  fs.promises[name] = async (path, ...rest) => {
    const isLast = isTheOne(String(path));
    if (isLast && DIE_MOMENT === "before") die();
    const calling = call(path, ...rest);
    if (isLast && DIE_MOMENT === "with") die();
    // Also where it has failed: what is not there cannot be removed.
    if (isLast) calling.then(die, die);
    const answer = await calling;
    heard(String(path), ...rest);
    return answer;
  };
}

const pathOfFd = (fd) => paths.get(fd) ?? "";
withCallback("open", String, ([path], fd) => paths.set(fd, String(path)));
withCallback("close", pathOfFd, ([fd]) => paths.delete(fd));
for (const name of ["writev", "fsync", "fdatasync", "ftruncate"]) withCallback(name, pathOfFd);
withPromise("rename", renamed);
withPromise("unlink");
syncBuiltinESMExports();
