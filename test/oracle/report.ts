/** What a run came to, for people: `npm run oracle` prints it. */
import { lineOf, type Reason, type Verdict } from "./judge.ts";
import type { Played } from "./play.ts";

export function reportOf(played: Played, { unlisted, gone }: Verdict, reasons: readonly Reason[]): string {
  const versions = [...played.versions].map(([api, [first, last]]) => `  ${api} ${first} to ${last}`);
  return [
    `${played.plays} scripts were played to Kafka and to Rivulet, ${played.answers} answers of each were compared`,
    ...versions,
    `${played.observed.length} places differ, for ${reasons.length} reasons that are listed:`,
    ...reasons.map(({ what, differences }) => `  ${what} (${differences.length})`),
    `${unlisted.length} places differ that are not listed:`,
    ...unlisted.map((one) => `  ${observedLine(one)}`),
    `${gone.length} differences are listed and did not show:`,
    ...gone.map((one) => `  ${lineOf(one)}`),
    "",
  ].join("\n");
}

/** A difference that was found, with the versions that it was found in. */
export function observedLine(one: Played["observed"][number]): string {
  return lineOf(one, one.versions.toSorted((a, b) => a - b).join(","));
}
