/**
 * How many descriptors the system gives this process, and who may have them: files and sockets take theirs from one stock.
 * Each side keeps to its part, so that a crowd of clients never keeps the log from its files, nor the other way round.
 */
import { readFileSync } from "node:fs";
import { PASSING_MAX } from "./store/file-store.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";

/** What the process takes for itself: its pipes, its event loops, its listeners, what it is made of. About 25 were seen. */
const OWN = 32;
/** Fewer than this, and too little is left for either side. */
const LEAST = 128;
/** A quarter is for files; more than these bring nothing that was seen, and each costs the kernel memory. */
const FILES_SHARE = 4;
const FILES_MAX = 8192;
/** Connections over HTTP that come beyond the bound and are told so. */
export const TOLD_MAX = 16;

export interface DescriptorShares {
  /** Files of the log that are kept open. */
  readonly files: number;
  /** Connections of all listeners. */
  readonly connections: number;
}

/** The descriptors that this process may have (`ulimit -n`; Node has raised it to the hard limit); undefined: no bound is known. */
export function descriptorLimit(): number | undefined {
  return limitOf(linuxLimits()) ?? reportedLimit();
}

/** What Linux says of this process; empty elsewhere. Node's report says it everywhere, and takes a tenth of a start. */
function linuxLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "latin1");
  } catch {
    return "";
  }
}

/** The soft limit of open files in Linux's list of limits; undefined when it says none. */
export function limitOf(limits: string): number | undefined {
  const [, soft] = /^Max open files +([1-9]\d{0,15}) /m.exec(limits) ?? [];
  return soft === undefined ? undefined : Number(soft);
}

function reportedLimit(): number | undefined {
  // Typed as an object without members.
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === "number" && soft > 0 ? soft : undefined;
}

/** Throws KafkaError BROKER_NOT_AVAILABLE when there are too few to serve with. */
export function shareDescriptors(limit: number | undefined): DescriptorShares {
  if (limit === undefined) return { files: FILES_MAX, connections: Number.MAX_SAFE_INTEGER };
  if (limit < LEAST) {
    throw new KafkaError(
      ErrorCode.BROKER_NOT_AVAILABLE,
      `this process may have ${limit} open files, and needs ${LEAST} at least: raise the limit (ulimit -n) before it is started`,
    );
  }
  const files = Math.min(Math.floor(limit / FILES_SHARE), FILES_MAX);
  return { files, connections: limit - files - PASSING_MAX - OWN - TOLD_MAX };
}
