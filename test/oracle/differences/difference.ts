import type { Difference } from "../judge.ts";

/** What a difference is called where one of the two has nothing. */
export const NOT_THERE = "not there";

/** Differences of one API, each as [script, step, path, what Kafka says, what Rivulet says]. */
export function of(
  api: string,
  ...rows: readonly (readonly [script: string, step: string, path: string, kafka: string, rivulet: string])[]
): Difference[] {
  return rows.map(([script, step, path, kafka, rivulet]) => ({ api, script, step, path, kafka, rivulet }));
}
