/** What one thread offers to another, and what the other one sees of it. */

/** Functions by name. Those that give an async iterable are streams, and get a signal first that aborts when the reader leaves. */
export type Service = Readonly<Record<string, (...args: never[]) => unknown>>;

/** What the other side can see of an object without asking. */
export interface Mirror<State, Events> {
  /** Can be cloned, and is small: it is told again whenever something has changed. */
  readonly state: () => State;
  /** Whether the state has moved although nobody told of an event; asked often. */
  readonly hasMoved?: () => boolean;
  /**
   * Is handed a function that tells the other side of an event: at once where there is a detail, else soon, and several of the
   * same name as one. Its answer stops it.
   */
  readonly listen: (tell: Tell<Events>) => () => void;
}

export type Tell<Events> = <Name extends keyof Events & string>(name: Name, detail: Events[Name]) => void;

/** An object that stays where it is when a call answers with it: the other side gets a `Far`. */
export class Exposed<S extends Service, State = undefined, Events = Record<string, never>> {
  readonly service: S;
  readonly mirror: Mirror<State, Events> | undefined;
  constructor(service: S, mirror?: Mirror<State, Events>) {
    this.service = service;
    this.mirror = mirror;
  }
}

/** An item of a stream whose buffers go to the other side, and are gone here. */
export class Handed<T> {
  readonly value: T;
  readonly transfer: readonly ArrayBuffer[];
  /** What it takes of the bytes that may be under way. */
  readonly bytes: number;
  constructor(value: T, transfer: readonly ArrayBuffer[], bytes: number) {
    this.value = value;
    this.transfer = transfer;
    this.bytes = bytes;
  }
}

type Answer<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;
type Arguments<F> = F extends (...args: infer A) => unknown ? A : never;

/** Names of those that answer once. */
export type CallName<S> = {
  [Name in keyof S]: Answer<S[Name]> extends AsyncIterable<unknown> ? never : Name;
}[keyof S] &
  string;

export type StreamName<S> = Exclude<keyof S & string, CallName<S>>;

/** What a call answers on the other side. */
export type Told<F> =
  Answer<F> extends Exposed<infer S, infer State, infer Events> ? Far<S, State, Events> : Answer<F>;

export type CallArguments<F> = Arguments<F>;

export type StreamArguments<F> = Arguments<F> extends [AbortSignal, ...infer Rest] ? Rest : never;

export type Item<F> =
  Answer<F> extends AsyncIterable<infer T> ? (T extends Handed<infer Value> ? Value : T) : never;

/** An object of the other side. */
export interface Far<S, State, Events> {
  /** As last told. */
  readonly state: State;
  /** Calls `hear` with each event of this name, after `state` has followed. */
  listen<Name extends keyof Events & string>(name: Name, hear: (detail: Events[Name]) => void): void;
  /** Aborts when there is no other side any more, with what all that was under way fails with. */
  readonly ended: AbortSignal;
  /** It is not needed any more: the other side may forget it. */
  release(): void;
  /** Whether a call or a stream has failed with this only because the other side was closed; not where it was lost. */
  isOver(error: unknown): boolean;
  /**
   * Asks. Signals and functions may be arguments, or properties of one: a signal's abort is told to the other side; a function
   * is called here, its answer is not waited for, and only while the call is under way.
   */
  call<Name extends CallName<S>>(name: Name, ...args: CallArguments<S[Name]>): Promise<Told<S[Name]>>;
  /**
   * Reads. Asks nothing before the first `next`; the other side reads ahead by a bounded number of bytes. Ends without an error
   * when the signal aborts. Functions may be arguments as with `call`, and are called in order with the items.
   */
  stream<Name extends StreamName<S>>(
    name: Name,
    signal: AbortSignal | undefined,
    ...args: StreamArguments<S[Name]>
  ): AsyncGenerator<Item<S[Name]>, void, void>;
}

/** What the other side gets of an exposed object. */
export type FarOf<E> = E extends Exposed<infer S, infer State, infer Events> ? Far<S, State, Events> : never;
