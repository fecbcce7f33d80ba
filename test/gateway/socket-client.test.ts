import { describe, expect, it } from "vitest";
import type { Services } from "../../gateway/api/context.ts";
import { Lifetime } from "../../gateway/api/lifetime.ts";
import { PushHub } from "../../gateway/api/push-hub.ts";
import { ApiTable } from "../../gateway/api/table.ts";
import { SocketClient } from "../../gateway/clients/socket-client.ts";
import type { Clock } from "../../log/clock.ts";
import { silent } from "../../log/logger.ts";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { encodeRequest } from "../../wire/request.ts";
import { freshMemory } from "../../wire/frame-reader.ts";
import { clock, RigLog } from "./push-rig.ts";

/** A socket that breaks as the real one would: touched after it closed, or ended from inside one of its handlers. */
function rig(timing: Clock = clock) {
  const calls: string[] = [];
  let open = true;
  let buffered = 0;
  let inHandler = false;
  let left = 0;
  const alive = (what: string): void => {
    if (!open) throw new Error(`${what} on a socket that is gone`);
  };
  const ws = {
    cork: (send: () => void) => {
      alive("cork");
      send();
    },
    send: (message: Uint8Array) => {
      alive("send");
      calls.push(`send ${message.byteLength}`);
    },
    getBufferedAmount: () => {
      alive("getBufferedAmount");
      return buffered;
    },
    end: (code: number, reason: string) => {
      alive("end");
      if (inHandler) throw new Error("end from inside a handler crashes the process");
      calls.push(`end ${code} ${reason}`);
    },
  };
  const cluster = { onTopicsChanged: () => () => {}, topicById: () => undefined };
  const parts = { cluster, clock: timing, log: silent, running: new Lifetime(), messages: freshMemory };
  const services = parts as unknown as Services;
  const hub = new PushHub(services);
  const subscribers: ReturnType<PushHub["subscriber"]>[] = [];
  const client = new SocketClient(ws, {
    services,
    hub: {
      subscriber: (socket: Parameters<PushHub["subscriber"]>[0]) => {
        const subscriber = hub.subscriber(socket);
        subscribers.push(subscriber);
        return subscriber;
      },
    } as unknown as PushHub,
    apis: new ApiTable({ push: true }),
    listener: { name: "websocket", advertised: { host: "h", port: 1 }, fetchBytesMax: 1 },
    remote: "test",
    concat: (pieces) => Buffer.concat(pieces),
    gone: () => void left++,
  });
  return {
    client,
    calls,
    subscriber: () => subscribers[0],
    left: () => left,
    buffer: (bytes: number) => void (buffered = bytes),
    close: () => {
      open = false;
      client.closed();
    },
    /** As the library calls it: nothing may be done to the socket that it forbids in there. */
    handle: (handler: () => void) => {
      inHandler = true;
      try {
        handler();
      } finally {
        inHandler = false;
      }
    },
    settle: async () => {
      for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    },
  };
}

const request = (): ArrayBuffer => {
  const message = encodeRequest(apiVersions, 0, { correlationId: 1, clientId: null }, {});
  return message.slice().buffer as ArrayBuffer;
};

describe("a WebSocket", () => {
  it("keeps nothing of a message's buffer, which the library takes back", async () => {
    const { client, calls, settle } = rig();
    const message = request();
    client.received(message, true);
    new Uint8Array(message).fill(0xff);
    await settle();
    expect(calls).toEqual([expect.stringMatching(/^send /)]);
  });

  it("is ended after its handler has returned, never inside", async () => {
    const { client, calls, handle, settle } = rig();
    handle(() => client.received(request(), false));
    expect(calls).toEqual([]);
    await settle();
    expect(calls).toEqual(["end 1008 a text message; the protocol is binary"]);
  });

  it("has been told to end when its last answer is out, in whatever order calls are deferred", async () => {
    const deferred: (() => void)[] = [];
    const { client, calls, settle } = rig({ ...clock, defer: (callback) => void deferred.push(callback) });
    let isFinished = false;
    void client.finish().then(() => (isFinished = true));
    await settle();
    // The last first.
    while (deferred.length > 0 && !isFinished) {
      deferred.pop()?.();
      await settle();
    }
    expect(isFinished).toBe(true);
    expect(calls).toEqual(["end 1001 the gateway stops"]);
  });

  it("that closes before it could be ended is not touched", async () => {
    const { client, calls, close, handle, left, settle } = rig();
    handle(() => client.received(request(), false));
    close();
    client.drained();
    await settle();
    expect(calls).toEqual([]);
    expect(left()).toBe(1);
  });

  it("gets what it has missed after it drained, but not from inside the handler that says so", async () => {
    const { client, calls, subscriber, buffer, handle, settle } = rig();
    const log = new RigLog();
    log.append([1], 1000);
    subscriber()?.subscribe(log, 0n);
    await settle();
    expect(calls).toHaveLength(1);
    buffer(1);
    log.append([1], 1000);
    await settle();
    expect(calls).toHaveLength(2);
    log.append([1], 1000);
    await settle();
    buffer(0);
    handle(() => client.drained());
    expect(calls).toHaveLength(2);
    await settle();
    expect(calls).toHaveLength(3);
  });

  it("that is closed while pieces are being read for it is not touched", async () => {
    const { close, subscriber, calls, settle } = rig();
    const log = new RigLog();
    log.append([1], 1000);
    subscriber()?.subscribe(log, 0n);
    close();
    await settle();
    expect(calls).toEqual([]);
    expect(log.followed).toBe(false);
  });

  it("whose reason to close is long or not text still gets a close frame that is valid", async () => {
    const { client, calls, settle } = rig();
    // An API key that is not served, in a request of its own.
    client.received(Uint8Array.of(0x11, 0x11, 0, 0, 0, 0, 0, 1, 0xff, 0xff).buffer as ArrayBuffer, true);
    await settle();
    expect(calls[0]).toMatch(/^end 1008 API key 4369/);
    expect((calls[0] ?? "").length).toBeLessThanOrEqual("end 1008 ".length + 123);
  });
});
