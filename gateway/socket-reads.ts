/**
 * Sockets that read into one piece of memory for all of them. Node gives each read 64 KiB of fresh memory, and its garbage
 * collector marks the whole heap for every 64 MiB of those: a fifth of the time of a gateway that is written to. A read
 * is handed on before the next one of any socket begins, so one buffer is enough; what is kept of it has to be copied out.
 *
 * `onread` is how `net` offers that, but only to sockets that somebody makes: a server makes its own. So the socket that the
 * server has made gives its handle to another one. Where a Node has no such handle, reads are as ever.
 */
import { Socket, type ConnectOpts, type SocketConstructorOpts } from "node:net";
import { SOCKET_READ_BYTES } from "./clients/limits.ts";

/** Not larger, for fewer calls: each of thousands of clients could bring as much before it is read from no longer. */
const shared = new Uint8Array(SOCKET_READ_BYTES);

/**
 * Takes a connection over that a server with `pauseOnConnect` has accepted, and reads from it: `arrived` gets
 * bytes that last until it returns. Answers the socket to use from now on, which has no "data" events.
 */
export function readShared(accepted: Socket, arrived: (bytes: Uint8Array) => void): Socket {
  const handle: unknown = Reflect.get(accepted, "_handle");
  if (typeof handle !== "object" || handle === null || !("useUserBuffer" in handle)) {
    accepted.on("data", arrived);
    accepted.resume();
    return accepted;
  }
  const callback = (count: number): boolean => {
    arrived(shared.subarray(0, count));
    return true;
  };
  const options: SocketConstructorOpts & ConnectOpts & { handle: object } = {
    handle,
    allowHalfOpen: true,
    onread: { buffer: shared, callback },
  };
  Reflect.set(accepted, "_handle", null);
  const socket = new Socket(options);
  // The server counts it as a connection until then.
  socket.once("close", () => accepted.destroy());
  return socket;
}
