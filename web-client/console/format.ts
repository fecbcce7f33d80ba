/**
 * How the console writes down what a log holds: counts, sizes, times, and bytes that may be text, JSON or neither.
 *
 * Nothing here touches the DOM, and nothing here loses a digit: a 20-digit number in a JSON value is shown as it stands
 * in the record, which `JSON.parse` and `JSON.stringify` would not do.
 */

const countFormat = new Intl.NumberFormat("en");

/** `5012n` -> `5,012`. */
export function formatCount(count: number | bigint): string {
  return countFormat.format(count);
}

/** A count with its noun: `1 record`, `5,012 records`. */
export function plural(count: number | bigint, noun: string): string {
  return `${formatCount(count)} ${noun}${BigInt(count) === 1n ? "" : "s"}`;
}

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** Decimal units, as browsers state storage: `1234567` -> `1.2 MB`. */
export function formatBytes(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  // 999.95 would be printed as 1000.0: the next unit says it shorter.
  while (amount >= (unit === 0 ? 1000 : 999.95) && unit < BYTE_UNITS.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** A rate or a number on an axis: `0.5`, `12`, `3.4k`, `2.1M`. */
export function formatRate(value: number): string {
  if (value < 10) return String(Math.round(value * 10) / 10);
  if (value < 1000) return String(Math.round(value));
  return value < 1_000_000 ? `${(value / 1000).toFixed(1)}k` : `${(value / 1_000_000).toFixed(1)}M`;
}

const DURATIONS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
] as const;

/** `604800000` -> `7 days`; what is no whole number of anything longer is told in milliseconds. */
export function formatDuration(ms: number): string {
  for (const [unit, unitMs] of DURATIONS)
    if (ms >= unitMs && ms % unitMs === 0) return plural(ms / unitMs, unit);
  return `${formatCount(ms)} ms`;
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

/** `14:02:33.120` in the reader's time zone; a record of another day also gets its date. `-1` is Kafka's "none". */
export function formatTime(timestampMs: number, nowMs: number): string {
  if (timestampMs < 0) return "no time";
  const time = new Date(timestampMs);
  if (Number.isNaN(time.getTime())) return "no time";
  const clock =
    `${digits(time.getHours(), 2)}:${digits(time.getMinutes(), 2)}:${digits(time.getSeconds(), 2)}` +
    `.${digits(time.getMilliseconds(), 3)}`;
  if (time.toDateString() === new Date(nowMs).toDateString()) return clock;
  return `${formatDate(time)} ${clock.slice(0, 8)}`;
}

/** The whole of a record's time, with the reader's offset from UTC: `2026-11-20 14:02:33.120 +01:00`. */
export function formatTimeFull(timestampMs: number): string {
  const time = new Date(timestampMs);
  if (timestampMs < 0 || Number.isNaN(time.getTime())) return "none given by the producer";
  const behindMinutes = time.getTimezoneOffset();
  const offset = Math.abs(behindMinutes);
  const zone = `${behindMinutes > 0 ? "-" : "+"}${digits(Math.floor(offset / 60), 2)}:${digits(offset % 60, 2)}`;
  return (
    `${formatDate(time)} ${digits(time.getHours(), 2)}:${digits(time.getMinutes(), 2)}:` +
    `${digits(time.getSeconds(), 2)}.${digits(time.getMilliseconds(), 3)} ${zone}`
  );
}

function formatDate(time: Date): string {
  return `${time.getFullYear()}-${digits(time.getMonth() + 1, 2)}-${digits(time.getDate(), 2)}`;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Control characters other than tab, line feed and carriage return: no text that a person wrote has them. */
// eslint-disable-next-line no-control-regex -- finding control characters is what it is for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** The bytes as text, or `undefined` when they are not UTF-8 or hold control characters: then they are shown as hex. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(bytes);
    return CONTROL.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** One line that stands for a key or a value. `kind` tells a missing value (a tombstone) from an empty one. */
export interface Preview {
  kind: "null" | "empty" | "text" | "binary";
  text: string;
}

/** More bytes than `charsMax` characters can need are not decoded: a row of the tail costs the same for any value. */
export function preview(bytes: Uint8Array | null, charsMax: number): Preview {
  if (bytes === null) return { kind: "null", text: "null" };
  if (bytes.length === 0) return { kind: "empty", text: "empty" };
  const start = wholeCharacters(bytes, charsMax * 4);
  const text = decodeText(start);
  if (text === undefined) {
    const shown = Math.max(1, Math.floor(charsMax / 3));
    return { kind: "binary", text: hexPairs(bytes.subarray(0, shown)) + (bytes.length > shown ? " …" : "") };
  }
  const line = text.replaceAll(/\s*[\r\n]+\s*/g, " ⏎ ").replaceAll("\t", " ");
  const isCut = line.length > charsMax || start.length < bytes.length;
  return { kind: "text", text: isCut ? `${line.slice(0, charsMax)}…` : line };
}

/** The first `bytesMax` bytes, less a UTF-8 character that would be cut in two. */
function wholeCharacters(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (bytes.length <= bytesMax) return bytes;
  let end = bytesMax;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}

function hexPairs(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

const HEX_ROW_BYTES = 16;

/** The first `bytesMax` bytes as `hexdump -C` writes them: offset, sixteen bytes, and the ASCII among them. */
export function hexDump(bytes: Uint8Array, bytesMax: number): string {
  const shown = bytes.subarray(0, bytesMax);
  const lines: string[] = [];
  for (let at = 0; at < shown.length; at += HEX_ROW_BYTES) {
    const row = shown.subarray(at, at + HEX_ROW_BYTES);
    const hex = `${hexPairs(row.subarray(0, 8)).padEnd(23)}  ${hexPairs(row.subarray(8)).padEnd(23)}`;
    const ascii = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "."));
    lines.push(`${at.toString(16).padStart(8, "0")}  ${hex}  |${ascii.join("")}|`);
  }
  return lines.join("\n");
}

/** A piece of pretty-printed JSON; `kind` is what it is coloured by. */
export interface JsonToken {
  kind: "key" | "string" | "number" | "word" | "punctuation";
  text: string;
}

const JSON_TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/gs;

/**
 * JSON indented by two spaces, in pieces to be coloured; `undefined` when the text is not JSON or is a bare word or
 * number, which pretty-printing would not change. Literals are taken over as they stand.
 */
export function prettyJson(text: string): JsonToken[] | undefined {
  const first = text.trimStart()[0];
  if (first !== "{" && first !== "[") return undefined;
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  return indentJson(text.match(JSON_TOKEN) ?? []);
}

function indentJson(parts: readonly string[]): JsonToken[] {
  const tokens: JsonToken[] = [];
  let depth = 0;
  parts.forEach((part, at) => {
    const next = parts[at + 1];
    if (part === "{" || part === "[") {
      depth += 1;
      const isEmpty = next === "}" || next === "]";
      tokens.push({ kind: "punctuation", text: isEmpty ? part : part + lineBreak(depth) });
    } else if (part === "}" || part === "]") {
      depth -= 1;
      const before = parts[at - 1];
      const wasEmpty = before === "{" || before === "[";
      tokens.push({ kind: "punctuation", text: wasEmpty ? part : lineBreak(depth) + part });
    } else if (part === ",") {
      tokens.push({ kind: "punctuation", text: part + lineBreak(depth) });
    } else if (part === ":") {
      tokens.push({ kind: "punctuation", text: ": " });
    } else {
      tokens.push({ kind: literalKind(part, next), text: part });
    }
  });
  return tokens;
}

function literalKind(part: string, next: string | undefined): JsonToken["kind"] {
  if (part.startsWith('"')) return next === ":" ? "key" : "string";
  return /^[tfn]/.test(part) ? "word" : "number";
}

function lineBreak(depth: number): string {
  return `\n${"  ".repeat(depth)}`;
}
