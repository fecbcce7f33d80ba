/**
 * Where two normalised answers differ, each place by its path: `topics{orders}.partitions{0}.errorCode`. Beside an error code
 * that differs nothing else is told of the same struct: it follows from it.
 */
import type { Plain } from "./normalise.ts";

export interface Divergence {
  readonly path: string;
  readonly kafka: string;
  readonly rivulet: string;
}

/** What an element of a list goes by, where it has one of these: the order of such a list says nothing. */
const KEYS = [
  "name",
  "topic",
  "topicId",
  "partitionIndex",
  "partition",
  "index",
  "baseOffset",
  "groupId",
  "memberId",
  "apiKey",
  "resourceName",
  "producerId",
  "key",
] as const;

const NOT_THERE = "not there";

export function divergences(kafka: Plain | undefined, rivulet: Plain | undefined, path = ""): Divergence[] {
  if (isList(kafka) && isList(rivulet)) return ofElements(elements(kafka), elements(rivulet), path);
  if (isObject(kafka) && isObject(rivulet)) {
    const isAnotherError = kafka.errorCode !== rivulet.errorCode;
    const fields = isAnotherError ? ["errorCode"] : new Set([...Object.keys(kafka), ...Object.keys(rivulet)]);
    return [...fields].flatMap((field) =>
      divergences(kafka[field], rivulet[field], path === "" ? field : `${path}.${field}`),
    );
  }
  if (kafka === rivulet) return [];
  return [{ path, kafka: shown(kafka), rivulet: shown(rivulet) }];
}

function ofElements(
  kafka: ReadonlyMap<string, Plain>,
  rivulet: ReadonlyMap<string, Plain>,
  path: string,
): Divergence[] {
  const keys = new Set([...kafka.keys(), ...rivulet.keys()]);
  return [...keys].flatMap((key) => divergences(kafka.get(key), rivulet.get(key), path + key));
}

/** The elements by `{key}`, one that comes again by `{key again}`; by `[position]` where they have no key. */
function elements(list: readonly Plain[]): Map<string, Plain> {
  const found = new Map<string, Plain>();
  for (const [position, element] of list.entries()) {
    const key = keyOf(element);
    let label = key === undefined ? `[${position}]` : `{${key}}`;
    while (found.has(label)) label = label.replace(/\}$/, " again}");
    found.set(label, element);
  }
  return found;
}

function keyOf(element: Plain): string | undefined {
  if (!isObject(element)) return undefined;
  for (const field of KEYS) {
    const value = element[field];
    // A name that is left out in this version has its default, and is no name.
    if ((typeof value === "string" && value !== "") || typeof value === "number")
      return String(value).replace(/^<topic (.*)>$/, "$1");
  }
  return undefined;
}

function shown(value: Plain | undefined): string {
  if (value === undefined) return NOT_THERE;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function isList(value: Plain | undefined): value is readonly Plain[] {
  return Array.isArray(value);
}

function isObject(value: Plain | undefined): value is { readonly [field: string]: Plain } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
