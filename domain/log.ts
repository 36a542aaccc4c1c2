/** What rooms may say about themselves: one line an event, fields first (pino's shape). Never bodies, never personal data. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
