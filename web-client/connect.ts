import type { ConnectOptions, Rivulet } from "./api.ts";

/** Opens a client; resolves offline too. */
export declare function connect(options: ConnectOptions): Promise<Rivulet>;
