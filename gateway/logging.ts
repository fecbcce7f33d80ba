import { pino } from "pino";
import type { LogFields, Logger } from "../log/logger.ts";
import type { LogLevel } from "./settings.ts";

/** Lines of JSON on stderr; stdout is for the ready line alone. Written at once: a crash loses none. */
export function createLogger(level: LogLevel): Logger {
  const lines = pino({ name: "rivulet", level, base: null }, pino.destination({ dest: 2, sync: true }));
  const writer =
    (write: (fields: object, message: string) => void) =>
    (message: string, fields: LogFields = {}): void =>
      write(plain(fields), message);
  return {
    info: writer((fields, message) => lines.info(fields, message)),
    warn: writer((fields, message) => lines.warn(fields, message)),
    error: writer((fields, message) => lines.error(fields, message)),
  };
}

/** JSON knows no bigint. */
function plain(fields: LogFields): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === "bigint" ? String(value) : value]),
  );
}
