/** An object of a worker that another worker stands in for when the first has ended: what is asked meanwhile waits for that one. */
import { aborted, deferred, onAbort } from "../../sync/wait.ts";
import type { Deferred } from "../../sync/wait.ts";
import { packArguments } from "./arguments.ts";
import type {
  CallArguments,
  CallName,
  Far,
  Item,
  Service,
  StreamArguments,
  StreamName,
  Told,
} from "./service.ts";

/** An object that another one has answered with, and how it is had again. */
interface Part<S, State, Events> {
  far: Far<S, State, Events>;
  again: () => Promise<Far<S, State, Events>>;
  readonly lasting: LastingFar<S, State, Events>;
}

type AnyPart = Part<Service, unknown, unknown>;

export class LastingFar<S, State, Events> implements Far<S, State, Events> {
  private far!: Far<S, State, Events>;
  /** For who waits for another worker, until all have that waited. */
  private next: Deferred<Far<S, State, Events>> | undefined;
  private isWaiting = false;
  private readonly over = new AbortController();
  private readonly listening: ((far: Far<S, State, Events>) => void)[] = [];
  private readonly parts = new Set<AnyPart>();
  private closedWith: unknown;
  /** What fails when a worker ends: one for each that there was. */
  private readonly losses = new Set<unknown>();

  constructor(far: Far<S, State, Events>) {
    this.turnTo(far);
  }

  /** Of the worker that has ended, until there is another one. */
  get state(): State {
    return this.far.state;
  }

  /** Aborts when there will be no other worker. */
  get ended(): AbortSignal {
    return this.over.signal;
  }

  listen<Name extends keyof Events & string>(name: Name, hear: (detail: Events[Name]) => void): void {
    const listen = (far: Far<S, State, Events>): void => far.listen(name, hear);
    this.listening.push(listen);
    listen(this.far);
  }

  release(): void {
    this.far.release();
  }

  isOver(error: unknown): boolean {
    return this.far.isOver(error) || (this.closedWith !== undefined && this.closedWith === error);
  }

  /** Whether a call or a stream has failed with this only because a worker has ended in whose place there is, or will be, another. */
  isLost(error: unknown): boolean {
    return this.losses.has(error) && !this.over.signal.aborted;
  }

  call<Name extends CallName<S>>(name: Name, ...args: CallArguments<S[Name]>): Promise<Told<S[Name]>> {
    const { next, far } = this;
    if (next === undefined) return far.call(name, ...args);
    const signal = packArguments(args).kept.find((each) => each instanceof AbortSignal);
    return new Promise((resolve, reject) => {
      // Until there is another one nobody else hears of it.
      const forget = signal && onAbort(signal, () => reject(signal.reason));
      next.promise.then((later) => {
        forget?.();
        if (signal?.aborted !== true) resolve(later.call(name, ...args));
      }, reject);
    });
  }

  async *stream<Name extends StreamName<S>>(
    name: Name,
    signal: AbortSignal | undefined,
    ...args: StreamArguments<S[Name]>
  ): AsyncGenerator<Item<S[Name]>, void, void> {
    const { next } = this;
    // Not by a race where none is needed: it would come a moment later than what is asked then, and be overtaken.
    if (next !== undefined)
      await (signal === undefined ? next.promise : Promise.race([next.promise, aborted(signal)]));
    yield* this.far.stream(name, signal, ...args);
  }

  /** What it has answered with. `again` asks for it anew, the last one that was given. */
  part<S2, State2, Events2>(
    far: Far<S2, State2, Events2>,
    again: () => Promise<Far<S2, State2, Events2>>,
  ): LastingFar<S2, State2, Events2> {
    let part = [...this.parts].find((each) => each.far === far) as Part<S2, State2, Events2> | undefined;
    if (part === undefined) {
      part = { far, again, lasting: new LastingFar(far) };
      this.parts.add(part as unknown as AnyPart);
    }
    part.again = again;
    return part.lasting;
  }

  /** Nobody needs this part any more. */
  leave(lasting: unknown): void {
    for (const part of this.parts) if (part.lasting === lasting) this.parts.delete(part);
  }

  /** Where there is no worker that has it, this part ends, and is not asked for again. Answers whether that is so. */
  drop(lasting: unknown): boolean {
    if (this.isWaiting)
      for (const part of this.parts)
        if (part.lasting === lasting) {
          this.parts.delete(part);
          part.lasting.end(new Error("it is closed"), true);
        }
    return this.isWaiting;
  }

  /** The worker has ended, and all that is asked waits for another one. */
  get isPaused(): boolean {
    return this.isWaiting;
  }

  /** There is another one, which may have ended, too: then the next one is waited for. */
  resume(far: Far<S, State, Events>): void {
    if (far.ended.aborted) return;
    const { next } = this;
    this.turnTo(far);
    for (const listen of this.listening) listen(far);
    this.isWaiting = false;
    next?.resolve(far);
    // After all that has waited, so that nothing overtakes it.
    void next?.promise.then(() => {
      if (this.next === next) this.next = undefined;
    });
    for (const part of this.parts) void this.haveAgain(part);
  }

  /** There will be none any more. `isOrderly`: it was to end, and whoever reads has all there is. */
  end(error: unknown, isOrderly: boolean): void {
    this.pause();
    if (isOrderly) this.closedWith = error;
    this.next?.reject(error);
    this.over.abort();
    for (const { lasting } of this.parts) lasting.end(error, isOrderly);
  }

  private turnTo(far: Far<S, State, Events>): void {
    this.far = far;
    // Before anybody hears of it, and may ask again.
    onAbort(far.ended, () => this.lose(far.ended.reason));
  }

  private lose(error: unknown): void {
    this.losses.add(error);
    this.pause();
  }

  private pause(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    this.next = deferred();
    this.next.promise.catch(() => undefined);
  }

  private async haveAgain(part: AnyPart): Promise<void> {
    const { far } = this;
    try {
      part.far = await part.again();
      part.lasting.resume(part.far);
    } catch (error) {
      // Where this worker has ended, too, the next one is asked.
      if (far.ended.aborted) return;
      this.parts.delete(part);
      part.lasting.end(error, false);
    }
  }
}
