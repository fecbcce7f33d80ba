/** Errors on their way between two threads: structured clone forgets what they are, and what they carry. */
import { KafkaError } from "../../wire/errors.ts";
import type { RecordError } from "../../wire/errors.ts";

/** An error as a message holds it. */
export type ErrorForm =
  | {
      readonly kind: "kafka";
      readonly code: number;
      readonly message: string;
      readonly records: readonly RecordError[];
      readonly cause: ErrorForm | undefined;
    }
  | { readonly kind: "dom"; readonly name: string; readonly message: string }
  | {
      readonly kind: "error";
      readonly name: string;
      readonly message: string;
      readonly stack: string | undefined;
      readonly cause: ErrorForm | undefined;
    }
  /** Anything may be thrown. */
  | { readonly kind: "value"; readonly value: unknown };

const CAUSES_MAX = 8;

const NATIVE: Readonly<Record<string, new (message: string, options?: { cause?: unknown }) => Error>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

export function errorForm(error: unknown, depth = 0): ErrorForm {
  if (error instanceof DOMException) return { kind: "dom", name: error.name, message: error.message };
  if (!(error instanceof Error)) return { kind: "value", value: cloneable(error) };
  const { message, name, stack } = error;
  const cause =
    error.cause === undefined || depth >= CAUSES_MAX ? undefined : errorForm(error.cause, depth + 1);
  if (error instanceof KafkaError)
    return { kind: "kafka", code: error.code, message, records: error.records, cause };
  return { kind: "error", name, message, stack, cause };
}

export function errorOf(form: ErrorForm): unknown {
  if (form.kind === "value") return form.value;
  if (form.kind === "dom") return new DOMException(form.message, form.name);
  const options = form.cause === undefined ? {} : { cause: errorOf(form.cause) };
  if (form.kind === "kafka")
    return new KafkaError(form.code, form.message, { ...options, records: form.records });
  const error = new (NATIVE[form.name] ?? Error)(form.message, options);
  if (error.name !== form.name) error.name = form.name;
  // Where it was thrown says more than where it arrived.
  if (form.stack !== undefined) error.stack = form.stack;
  return error;
}

/** An app may abort with anything, a function too. */
function cloneable(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return `a ${typeof value} that cannot be told`;
  }
}
