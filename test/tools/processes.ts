/** The processes that a test has started, directly or not, as Linux knows them. */
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessBelow {
  readonly id: number;
  /** What it calls itself: 15 letters at most. */
  readonly name: string;
  readonly commandLine: readonly string[];
}

/** Everything below this process. */
export function processesBelow(ancestor = process.pid): ProcessBelow[] {
  const children = new Map<number, ProcessBelow[]>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const found = processAt(Number(entry));
    if (found !== undefined) children.set(found.parent, [...(children.get(found.parent) ?? []), found]);
  }
  const below: ProcessBelow[] = [];
  for (const from = [ancestor]; from.length > 0;) {
    const next = children.get(from.pop() ?? ancestor) ?? [];
    below.push(...next);
    from.push(...next.map(({ id }) => id));
  }
  return below;
}

function processAt(id: number): (ProcessBelow & { readonly parent: number }) | undefined {
  try {
    // `<id> (<name>) <state> <parent> ...`, and the name may have anything in it.
    const [, name = "", rest = ""] =
      /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${id}/stat`, "utf8")) ?? [];
    const [state, parent] = rest.split(" ");
    if (state === "Z") return undefined;
    const commandLine = readFileSync(`/proc/${id}/cmdline`, "utf8").split("\0");
    return { id, name, commandLine, parent: Number(parent) };
  } catch {
    // It has ended since it was listed.
    return undefined;
  }
}
