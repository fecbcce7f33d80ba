/** The workload of the simulator in the real world: its clocks follow the machine's, its connections are sockets. */
import { createConnection } from "node:net";
import type { OpenTransport } from "../../sync/transport.ts";
import { FrameReader, framePrefix } from "../../wire/frame-reader.ts";
import type { Process } from "../sim/kernel/process.ts";
import { World } from "../sim/kernel/world.ts";

const TICK_MS = 2;
const MESSAGE_BYTES_MAX = 2 ** 30;

/** Milliseconds on the machine's own clock, the same for all of its processes, which nobody sets. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** A world whose time is the machine's. One that was stopped goes on at the time that it is then. */
export function realWorld(seed: number): World {
  const world = new World(seed);
  const tick = async (): Promise<void> => {
    world.nowMs = machineMs();
    await world.runUntil(() => false, 0);
    setTimeout(() => void tick(), TICK_MS);
  };
  world.nowMs = machineMs();
  void tick();
  return world;
}

/** Kafka's protocol over a socket to this machine. */
export function socketTo(port: number, client: Process): OpenTransport {
  return (handler) => {
    const socket = createConnection({ port, host: "127.0.0.1", noDelay: true });
    const reader = new FrameReader({ frameBytesMax: MESSAGE_BYTES_MAX });
    let why = "the socket is closed";
    socket.on("connect", () => client.enter(() => handler.opened()));
    socket.on("data", (chunk: Uint8Array) => {
      for (const message of reader.push(chunk)) client.enter(() => handler.message(message));
    });
    socket.on("error", (error) => (why = error.message));
    socket.on("close", () => client.enter(() => handler.closed(why)));
    return {
      send: (message) => {
        socket.write(framePrefix(message.byteLength));
        socket.write(message);
      },
      close: () => socket.destroy(),
    };
  };
}
