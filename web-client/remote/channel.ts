/** Two threads that ask each other: calls, streams with back-pressure, and objects that are seen from afar. See README.md. */
import { Bell, deferred } from "../../sync/wait.ts";
import type { Deferred } from "../../sync/wait.ts";
import { packArguments, unpackArguments } from "./arguments.ts";
import { errorForm, errorOf } from "./errors.ts";
import { FarObject } from "./far-object.ts";
import { Inflow } from "./inflow.ts";
import type { FarForm, Message, Request } from "./messages.ts";
import { Mirrors } from "./mirrors.ts";
import { Exposed, Handed } from "./service.ts";
import type { Far, Service } from "./service.ts";

/** A `Worker`, its own side of it, or a `MessagePort`. */
export interface ChannelPort {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: "message" | "messageerror", listener: (event: MessageEvent<Message>) => void): void;
}

/** What is read ahead of a stream's reader, in bytes; a single item may be larger. */
export const READ_AHEAD_BYTES = 1024 * 1024;
/** So much of it before the reader has come back for more: who wants but one record is not sent many. */
const FIRST_BYTES = 32 * 1024;
/** What an item counts that does not say what it takes. */
const ITEM_BYTES = 1024;
/** The object that each side offers from the start. */
const ROOT = 0;

type Kept = ReturnType<typeof packArguments>["kept"];

/** A request of this side that is under way. */
interface Asked {
  readonly kept: Kept;
  readonly answer?: Deferred<unknown>;
  readonly inflow?: Inflow;
  readonly forget: () => void;
}

/** A request of the other side that is under way. */
interface Served {
  readonly controllers: ReadonlyMap<number, AbortController>;
  /** Aborts when a stream's reader leaves. */
  readonly ended: AbortController;
  /** How many bytes of a stream may still be sent. */
  room: number;
  readonly roomGrew: Bell;
}

export class Channel {
  private readonly port: ChannelPort;
  private readonly asked = new Map<number, Asked>();
  private readonly served = new Map<number, Served>();
  private readonly services = new Map<number, Service>();
  private readonly fars = new Map<number, FarObject>();
  private readonly mirrors: Mirrors;
  private readonly ids = new WeakMap<object, number>();
  private lastId = ROOT;
  private readonly end = new AbortController();
  private closed: { readonly error: unknown; readonly isOrderly: boolean } | undefined;

  /** `root` is what this side offers from the start; `onBroken` is told when a message could not be read, and what it said is lost. */
  constructor(port: ChannelPort, root: Service, onBroken?: () => void) {
    this.port = port;
    this.services.set(ROOT, root);
    this.mirrors = new Mirrors((message) => this.post(message));
    port.addEventListener("message", ({ data }) => this.hear(data));
    port.addEventListener("messageerror", () => onBroken?.());
  }

  /** What the other side offers from the start. */
  root<S extends Service>(): Far<S, undefined, Record<string, never>> {
    return this.far<S, undefined, Record<string, never>>({ object: ROOT, state: undefined });
  }

  /** Fails all that is under way and all that is asked from now on. `isOrderly`: it was to end, and whoever reads has all there is. */
  close(error: unknown, isOrderly: boolean): void {
    if (this.closed !== undefined) return;
    this.closed = { error, isOrderly };
    this.end.abort(error);
    for (const { answer, inflow, forget } of this.asked.values()) {
      forget();
      answer?.reject(error);
      inflow?.end({ error });
    }
    this.asked.clear();
    for (const { ended } of this.served.values()) ended.abort();
    this.mirrors.close();
  }

  get ended(): AbortSignal {
    return this.end.signal;
  }

  isClosedWith(error: unknown): boolean {
    return this.closed?.isOrderly === true && this.closed.error === error;
  }

  release(object: number): void {
    this.fars.delete(object);
    this.post({ kind: "release", object });
  }

  call(object: number, name: string, given: readonly unknown[]): Promise<unknown> {
    const answer = deferred<unknown>();
    try {
      this.ask("call", { object, name, given }, { answer });
    } catch (error) {
      answer.reject(error);
    }
    return answer.promise;
  }

  async *stream(
    object: number,
    name: string,
    signal: AbortSignal | undefined,
    given: readonly unknown[],
  ): AsyncGenerator<unknown, void, void> {
    if (signal?.aborted === true) return;
    let id = -1;
    let held = READ_AHEAD_BYTES - FIRST_BYTES;
    const inflow = new Inflow({
      credit: (bytes) => {
        if (this.asked.has(id)) this.post({ kind: "credit", id, bytes: bytes + held });
        held = 0;
      },
      leave: () => {
        if (this.asked.has(id)) this.post({ kind: "return", id });
        this.forget(id);
      },
    });
    id = this.ask("stream", { object, name, given }, { inflow });
    yield* inflow.read(signal);
  }

  private ask(
    kind: Request["kind"],
    { object, name, given }: { object: number; name: string; given: readonly unknown[] },
    end: Pick<Asked, "answer" | "inflow">,
  ): number {
    if (this.closed !== undefined) throw this.closed.error;
    const id = ++this.lastId;
    const { args, places, kept } = packArguments(given);
    this.post({ kind, id, object, name, args, places });
    const heard = new AbortController();
    for (const [place, each] of kept.entries()) {
      if (!(each instanceof AbortSignal)) continue;
      const tell = (): void => this.post({ kind: "abort", id, place, reason: errorForm(each.reason) });
      each.addEventListener("abort", tell, { once: true, signal: heard.signal });
    }
    this.asked.set(id, { kept, ...end, forget: () => heard.abort() });
    return id;
  }

  private forget(id: number): Asked | undefined {
    const asked = this.asked.get(id);
    this.asked.delete(id);
    asked?.forget();
    return asked;
  }

  private hear(message: Message): void {
    if (this.closed !== undefined) return;
    switch (message.kind) {
      case "call":
      case "stream":
        return void this.serve(message);
      case "mirror":
        return this.fars.get(message.object)?.follow(message.state, message.events);
      case "release":
        this.services.delete(message.object);
        return this.mirrors.forget(message.object);
      case "answer":
        return this.forget(message.id)?.answer?.resolve(
          message.far === undefined ? message.value : this.far(message.far),
        );
      case "failure": {
        const asked = this.forget(message.id);
        const reason = message.aborted === undefined ? undefined : asked?.kept[message.aborted];
        const error = reason instanceof AbortSignal ? (reason.reason as unknown) : errorOf(message.error);
        asked?.answer?.reject(error);
        return asked?.inflow?.end({ error });
      }
      case "item":
        return this.asked.get(message.id)?.inflow?.push(message.value, message.bytes);
      case "end":
        return this.forget(message.id)?.inflow?.end({});
      case "callback":
        return this.callBack(message);
      case "credit": {
        const served = this.served.get(message.id);
        if (served === undefined) return;
        served.room += message.bytes;
        return served.roomGrew.ring();
      }
      case "return":
        return this.served.get(message.id)?.ended.abort();
      case "abort":
        return this.served.get(message.id)?.controllers.get(message.place)?.abort(errorOf(message.reason));
    }
  }

  private callBack({ id, place, args }: Extract<Message, { kind: "callback" }>): void {
    const asked = this.asked.get(id);
    const callback = asked?.kept[place] as ((...args: readonly unknown[]) => unknown) | undefined;
    if (typeof callback !== "function") return;
    if (asked?.inflow === undefined) callback(...args);
    else asked.inflow.callBack(() => callback(...args));
  }

  private async serve({ kind, id, object, name, args: packed, places }: Request): Promise<void> {
    const { args, controllers } = unpackArguments(packed, places, (place, values) =>
      this.post({ kind: "callback", id, place, args: values }),
    );
    const served: Served = {
      controllers,
      ended: new AbortController(),
      room: FIRST_BYTES,
      roomGrew: new Bell(),
    };
    this.served.set(id, served);
    try {
      const service = this.services.get(object);
      const method = service !== undefined && Object.hasOwn(service, name) ? service[name] : undefined;
      if (service === undefined || method === undefined)
        throw new TypeError(`there is no ${name} (any more)`);
      const run = method as (...args: readonly unknown[]) => unknown;
      if (kind === "stream") {
        await this.pump(id, served, run(served.ended.signal, ...args) as AsyncIterable<unknown>);
        this.post({ kind: "end", id });
      } else {
        const value = await run(...args);
        this.mirrors.flush();
        if (value instanceof Exposed) this.post({ kind: "answer", id, far: this.expose(value) });
        else this.post({ kind: "answer", id, value });
      }
    } catch (error) {
      const aborted = [...controllers].find(([, { signal }]) => signal.aborted && signal.reason === error);
      this.mirrors.flush();
      this.post({ kind: "failure", id, error: errorForm(error), aborted: aborted?.[0] });
    } finally {
      this.served.delete(id);
    }
  }

  /** Sends what there is, and waits for the reader when too much is under way. */
  private async pump(id: number, served: Served, source: AsyncIterable<unknown>): Promise<void> {
    const { signal } = served.ended;
    const wake = (): void => served.roomGrew.ring();
    signal.addEventListener("abort", wake, { once: true });
    for await (const item of source) {
      if (signal.aborted) return;
      const { value, transfer, bytes } =
        item instanceof Handed ? item : { value: item, transfer: [], bytes: ITEM_BYTES };
      this.mirrors.flush();
      this.post({ kind: "item", id, value, bytes }, transfer);
      served.room -= bytes;
      for (;;) {
        const grew = served.roomGrew.next();
        if (served.room > 0 || signal.aborted) break;
        await grew;
      }
      if (signal.aborted) return;
    }
  }

  /** Shows an object to the other side, for as long as it is watched. */
  private expose(exposed: Exposed<Service, unknown, Record<string, unknown>>): FarForm {
    let object = this.ids.get(exposed);
    if (object === undefined || !this.services.has(object)) {
      object = ++this.lastId;
      this.ids.set(exposed, object);
      this.services.set(object, exposed.service);
      if (exposed.mirror !== undefined) this.mirrors.watch(object, exposed.mirror);
    }
    return { object, state: exposed.mirror?.state() };
  }

  /** An object of the other side; the same one for the same object. */
  private far<S, State, Events>({ object, state }: FarForm): Far<S, State, Events> {
    let far = this.fars.get(object);
    if (far === undefined) {
      far = new FarObject(this, object, state);
      this.fars.set(object, far);
    } else far.follow(state, []);
    return far as unknown as Far<S, State, Events>;
  }

  private post(message: Message, transfer: readonly ArrayBuffer[] = []): void {
    if (this.closed === undefined) this.port.postMessage(message, [...transfer]);
  }
}
