/** What was noted of the records that a judgement names: where to look when something is wrong. */
import type { Notes } from "./notes.ts";

const RECORD = /[\w./-]+:\d+/g;
const RECORDS_MAX = 5;

export function storyOf({ events }: Pick<Notes, "events">, wrong: readonly string[]): string[] {
  const named = new Set(wrong.flatMap((words) => words.match(RECORD) ?? []));
  const begunMs = events[0]?.atMs ?? 0;
  return [...named].slice(0, RECORDS_MAX).map((id) => {
    const told = events
      .filter((event) => !("id" in event) || event.id === id)
      .map((event) => {
        const { kind, atMs, ...rest } = event;
        const more = Object.entries(rest).filter(([name]) => name !== "id");
        return `${(atMs - begunMs).toFixed(0)} ms ${kind} ${more.map(([name, value]) => `${name}=${value}`).join(" ")}`;
      });
    return `story of ${id}:\n  ${told.join("\n  ")}`;
  });
}
