/** Kafka prints its own protocol, version by version; our tables must say the same of every field. */
import { expect, test } from "vitest";
import type { Api } from "../../wire/api.ts";
import { apis } from "../../wire/apis.ts";
import { isPresent } from "../../wire/codec.ts";
import type { Field, FieldType } from "../../wire/schema.ts";
import { runKafkaTool } from "../tools/kafka-tools.ts";
import { describeWith } from "../tools/require-tool.ts";

/** From here on keys are our own. */
const OWN_KEYS_FROM = 20_000;

/** One message as lines of `path: type`, in the order of the wire, tagged fields last. */
type Lines = readonly string[];

const SCALARS: Readonly<Record<string, string>> = {
  int8: "INT8",
  int16: "INT16",
  int32: "INT32",
  int64: "INT64",
  bool: "BOOLEAN",
  uuid: "UUID",
};

/** The grammar that Kafka prints, made from a table. */
function grammarOf(name: string, field: Field, version: number, flexible: boolean): Lines {
  const lines: string[] = [];
  walk(name, field, 0);
  return lines;

  function walk(label: string, { type, nullableFrom }: Field, depth: number): void {
    const indent = "  ".repeat(depth);
    const element = type.kind === "array" ? type.element.type : type;
    const nullable = version >= nullableFrom;
    if (element.kind !== "struct") {
      lines.push(`${indent}${label} => ${scalarName(element, nullable && type.kind !== "array", flexible)}`);
      return;
    }
    const present = Object.entries(element.fields).filter(([, each]) => isPresent(each, version));
    const plain = present.filter(([, each]) => each.tag === undefined);
    const tagged = present
      .filter(([, each]) => each.tag !== undefined)
      .toSorted(([, one], [, other]) => (one.tag ?? 0) - (other.tag ?? 0));
    const all = [...plain, ...tagged].map(([key, each]) => [labelOf(key, each), each] as const);
    const names = all.map(([text, each]) => mention(text, each));
    const open = nullable && type.kind === "struct" ? "?{" : "{";
    lines.push(`${indent}${label} => ${open} ${names.join(" ")}${names.length > 0 ? " " : ""}}`);
    for (const [text, each] of all) walk(text, each, depth + 1);
  }

  /** Kafka prints the brackets of an array where it is named, but not those of a tagged one. */
  function mention(text: string, { type, nullableFrom, tag }: Field): string {
    if (type.kind !== "array" || tag !== undefined) return text;
    const inBrackets = flexible ? `(${text})` : `[${text}]`;
    return version >= nullableFrom ? `?${inBrackets}` : inBrackets;
  }
}

function labelOf(key: string, { tag }: Field): string {
  const snake = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return tag === undefined ? snake : `${snake}<tag: ${tag}>`;
}

function scalarName(type: FieldType, nullable: boolean, flexible: boolean): string {
  const fixed = SCALARS[type.kind];
  if (fixed !== undefined) return fixed;
  // Kafka's records may always be null.
  const mayBeNull = nullable || type.kind === "records";
  return `${flexible ? "COMPACT_" : ""}${mayBeNull ? "NULLABLE_" : ""}${type.kind.toUpperCase()}`;
}

/** What Kafka printed, by `<name> <Request|Response> <version>`. */
function parse(html: string): Map<string, Lines> {
  const messages = new Map<string, Lines>();
  for (const [, block = ""] of html.matchAll(/<pre>([^]*?)<\/pre>/g)) {
    const lines = block
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .split("\n")
      .map((line) => line.trimEnd())
      .filter((line) => line !== "");
    const title = /^(\w+ (?:Request|Response)) \(Version: (\d+)\) => /.exec(lines[0] ?? "");
    if (title === null) continue;
    const [whole, name, version] = title;
    messages.set(`${name} ${version}`, [`body => ${lines[0]?.slice(whole.length)}`, ...lines.slice(1)]);
  }
  return messages;
}

describeWith(["kafka-tools"], "our tables and the protocol that Kafka prints", () => {
  test("say the same of every field of every version", async () => {
    const { code, stdout, stderr } = await runKafkaTool("org.apache.kafka.common.protocol.Protocol", []);
    expect(code, stderr).toBe(0);
    const messages = parse(stdout.toString());
    const kafkas = apis.filter(({ key }) => key < OWN_KEYS_FROM);
    let compared = 0;
    for (const api of kafkas) {
      for (let version = api.minVersion; version <= api.maxVersion; version++) {
        for (const [side, schema] of sides(api)) {
          const title = `${api.name} ${side} ${version}`;
          const ours = grammarOf("body", schema, version, version >= api.flexibleFrom);
          expect.soft(ours, title).toEqual(messages.get(title));
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(2 * kafkas.length);
  });
});

function sides(api: Api): [side: string, schema: Field][] {
  return [
    ["Request", api.request],
    ["Response", api.response],
  ];
}
