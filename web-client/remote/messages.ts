/** What two threads tell each other about requests; either side may ask the other. */
import type { ErrorForm } from "./errors.ts";

/** A signal or a function among the arguments of a request: neither can be cloned. */
export interface Place {
  /** Which argument it is, or (with `key`) is a property of. */
  readonly argument: number;
  readonly key: string | undefined;
  readonly what: "function" | "signal";
  /** Why the signal has aborted already. */
  readonly aborted?: ErrorForm;
}

export interface Request {
  readonly kind: "call" | "stream";
  readonly id: number;
  /** Whom it is for. */
  readonly object: number;
  readonly name: string;
  readonly args: readonly unknown[];
  readonly places: readonly Place[];
}

/** What an answer or an item is, if it is not what it looks like: an object that stays where it is. */
export interface FarForm {
  readonly object: number;
  readonly state: unknown;
}

export type Message =
  | Request
  /** A call has ended. `far`: its answer is an object of the other side. */
  | { readonly kind: "answer"; readonly id: number; readonly value?: unknown; readonly far?: FarForm }
  /** A call or a stream has failed. `aborted`: with the reason of the signal at this place, which its owner has. */
  | {
      readonly kind: "failure";
      readonly id: number;
      readonly error: ErrorForm;
      readonly aborted: number | undefined;
    }
  /** The next of a stream; `bytes` is what it takes of what may be under way. */
  | { readonly kind: "item"; readonly id: number; readonly value: unknown; readonly bytes: number }
  | { readonly kind: "end"; readonly id: number }
  /** The reader has used so many bytes. */
  | { readonly kind: "credit"; readonly id: number; readonly bytes: number }
  /** The reader has left. */
  | { readonly kind: "return"; readonly id: number }
  | { readonly kind: "abort"; readonly id: number; readonly place: number; readonly reason: ErrorForm }
  /** A function among the arguments is called; for a stream, in order with its items. */
  | {
      readonly kind: "callback";
      readonly id: number;
      readonly place: number;
      readonly args: readonly unknown[];
    }
  /** Nobody will ask this object any more. */
  | { readonly kind: "release"; readonly object: number }
  /** An object has changed: what can be seen of it, and then the events that it fires. */
  | {
      readonly kind: "mirror";
      readonly object: number;
      readonly state: unknown;
      readonly events: readonly MirroredEvent[];
    };

export interface MirroredEvent {
  readonly name: string;
  readonly detail: unknown;
}
