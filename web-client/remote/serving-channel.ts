/** The worker's end of a channel: it offers streams and objects that stay, and is told of signals and by functions. */
import { Bell } from "../../sync/wait.ts";
import { unpackArguments } from "./arguments.ts";
import { Channel, ROOT } from "./channel.ts";
import type { ChannelPort } from "./channel.ts";
import { errorForm, errorOf } from "./errors.ts";
import { FIRST_BYTES } from "./limits.ts";
import type { FarForm, Message, Request } from "./messages.ts";
import { Mirrors } from "./mirrors.ts";
import { Exposed, Handed } from "./service.ts";
import type { Service } from "./service.ts";

/** What an item counts that does not say what it takes. */
const ITEM_BYTES = 1024;

/** A request of the other side that is under way. */
interface Served {
  readonly controllers: ReadonlyMap<number, AbortController>;
  /** Aborts when a stream's reader leaves. */
  readonly ended: AbortController;
  /** How many bytes of a stream may still be sent. */
  room: number;
  readonly roomGrew: Bell;
}

export class ServingChannel extends Channel {
  private readonly served = new Map<number, Served>();
  private readonly services = new Map<number, Service>();
  private readonly mirrors: Mirrors;
  private readonly ids = new WeakMap<object, number>();
  private lastObject = ROOT;

  /** As a `Channel`. */
  constructor(port: ChannelPort, offered: Service, onBroken?: () => void) {
    super(port, offered, onBroken);
    this.services.set(ROOT, offered);
    this.mirrors = new Mirrors((message) => this.post(message));
  }

  override close(error: unknown, isOrderly: boolean): void {
    super.close(error, isOrderly);
    for (const { ended } of this.served.values()) ended.abort();
    this.mirrors.close();
  }

  protected override hear(message: Message): void {
    switch (message.kind) {
      case "call":
      case "stream":
        return void this.run(message);
      case "release":
        this.services.delete(message.object);
        return this.mirrors.forget(message.object);
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
      default:
        return super.hear(message);
    }
  }

  private async run({ kind, id, object, name, args: packed, places }: Request): Promise<void> {
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
      object = ++this.lastObject;
      this.ids.set(exposed, object);
      this.services.set(object, exposed.service);
      if (exposed.mirror !== undefined) this.mirrors.watch(object, exposed.mirror);
    }
    return { object, state: exposed.mirror?.state() };
  }
}
