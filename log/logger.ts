/** Where the log room says what an operator should know. Fields are for machines; the message stands alone. */
export interface Logger {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | bigint | boolean>>;

/** Says nothing. */
export const silent: Logger = { info: () => {}, warn: () => {}, error: () => {} };
