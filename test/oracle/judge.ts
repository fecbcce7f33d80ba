/** Holds what was observed against the list of known differences: neither may have more than the other. */
import type { Observed } from "./play.ts";

/** A difference that is meant to stay. `*` stands for anything in all but `why`. */
export interface Difference {
  readonly api: string;
  /** The script in which it shows, and its steps. */
  readonly script: string;
  readonly step: string;
  /** Where in the answer: `topics{orders}.errorCode`. */
  readonly path: string;
  readonly kafka: string;
  readonly rivulet: string;
  /** Versions in which it shows; without it any. */
  readonly versions?: readonly [first: number, last: number];
  /** What stands at the place, where its path does not say. */
  readonly note?: string;
}

/** Differences that have one reason. */
export interface Reason {
  /** What differs, in a few words. */
  readonly what: string;
  /** Why it stays. Markdown. */
  readonly why: string;
  readonly differences: readonly Difference[];
}

export interface Verdict {
  /** Differences that nobody has listed. */
  readonly unlisted: readonly Observed[];
  /** Listed ones that did not show. */
  readonly gone: readonly Difference[];
}

export function judge(observed: readonly Observed[], reasons: readonly Reason[]): Verdict {
  const listed = reasons.flatMap(({ differences }) => differences);
  const seen = new Set<Difference>();
  const unlisted = observed.filter((one) => {
    const covering = listed.filter((difference) => covers(difference, one));
    for (const difference of covering) seen.add(difference);
    return covering.length === 0;
  });
  return { unlisted, gone: listed.filter((difference) => !seen.has(difference)) };
}

function covers(difference: Difference, observed: Observed): boolean {
  const { versions } = difference;
  return (
    observed.versions.every(
      (version) => versions === undefined || (version >= versions[0] && version <= versions[1]),
    ) &&
    (["api", "script", "step", "path", "kafka", "rivulet"] as const).every((part) =>
      matches(difference[part], observed[part]),
    )
  );
}

function matches(pattern: string, text: string): boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join("[^]*")}$`).test(text);
}

/** One line for people, and for the list of differences. */
export function lineOf(
  { api, script, step, path, kafka, rivulet }: Omit<Difference, "versions">,
  versions = "",
): string {
  const place = `${api}${versions === "" ? "" : ` v${versions}`} "${script}" / "${step}" at ${path || "all of it"}`;
  return `${place}: Kafka ${cutShort(kafka)}, Rivulet ${cutShort(rivulet)}`;
}

function cutShort(text: string): string {
  return text.length > 160 ? `${text.slice(0, 160)}...` : text;
}
