/** `docs/kafka-differences.md`, made of the list of known differences. */
import type { Difference, Reason } from "./judge.ts";

const INTRODUCTION = `# Where Rivulet differs from Apache Kafka

A test starts an Apache Kafka 4.3.1 (KRaft, one node) beside a gateway, sends the same requests to both over TCP, in
every version of every API that both have, the odd cases included, and compares the answers field by field
([\`test/oracle\`](../test/oracle)). What may differ without a meaning is written down in
[\`normalise.ts\`](../test/oracle/normalise.ts): ids, times, addresses, the words of an error. All else has to be equal, but
for what stands here. A difference that is not listed fails the test, and so does one that is listed and gone.

\`npm run oracle\` plays it all and prints what it found. This page is made of
[the list](../test/oracle/differences/all.ts); \`*\` stands for anything.
`;

export function pageOf(reasons: readonly Reason[]): string {
  return [INTRODUCTION, ...reasons.map(sectionOf)].join("\n");
}

function sectionOf({ what, why, differences }: Reason): string {
  const noted = differences.flatMap(({ note }) => (note === undefined ? [] : [note]));
  const rows = differences.filter(({ note }) => note === undefined);
  const apis = noted.length === 0 ? "" : `\nNot served: ${noted.join(", ")}.\n`;
  return `## ${what}\n\n${why}\n${apis}${rows.length === 0 ? "" : `\n${tableOf(rows)}`}`;
}

function tableOf(differences: readonly Difference[]): string {
  const rows = differences.map(({ api, script, step, path, kafka, rivulet }) =>
    [api, `${script}: ${step}`, path, kafka, rivulet].map(cell).join(" | "),
  );
  const lines = ["API | script: step | field | Kafka | Rivulet", "--- | --- | --- | --- | ---", ...rows];
  return `${lines.map((line) => `| ${line} |`).join("\n")}\n`;
}

/** As code, since the texts are full of signs that Markdown would take for its own. */
function cell(text: string): string {
  return `\`${text.replaceAll("|", "/").trim()}\``;
}
