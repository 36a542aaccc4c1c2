/** The engine's log: pino, one JSON line an event. Personal data that slips into a field or a text is masked before it is written. */
import { type DestinationStream, type Logger, pino } from "pino";
import type { Log } from "../domain/log.ts";
import { maskText, maskValue } from "../domain/operations/masking.ts";
import type { DispatcherLog } from "../domain/writeback/watch.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
/** Longest text of one field: a log is no place for bodies. */
export const LOG_TEXT_MAX = 2_000;
const ERROR_CAUSES_MAX = 5;

export interface EngineLog extends Log {
  /** A log whose lines all carry `fields`. */
  child(fields: object): EngineLog;
  /** Writes what is buffered; call before the process ends. */
  flush(): void;
}

const cut = (text: string): string => (text.length <= LOG_TEXT_MAX ? text : `${text.slice(0, LOG_TEXT_MAX)}…`);

/** An error as fields: its texts masked like any other. */
function errorFields(error: Error, depth = 0): Readonly<Record<string, unknown>> {
  const { cause } = error;
  return {
    type: error.name,
    message: cut(maskText(error.message)),
    ...("code" in error && typeof error.code === "string" ? { code: error.code } : {}),
    ...(error.stack === undefined ? {} : { stack: cut(maskText(error.stack)) }),
    ...(cause instanceof Error && depth < ERROR_CAUSES_MAX ? { cause: errorFields(cause, depth + 1) } : {}),
  };
}

const clean = (fields: object): object =>
  fields instanceof Error
    ? { err: errorFields(fields) }
    : (maskValue(fields, (value) =>
        value instanceof Error ? errorFields(value) : typeof value === "string" ? cut(value) : value,
      ) as object);

function wrap(logger: Logger): EngineLog {
  const write = (level: LogLevel, fields: object, message: string): void => {
    if (logger.isLevelEnabled(level)) logger[level](clean(fields), cut(maskText(message)));
  };
  return {
    debug: (fields, message) => write("debug", fields, message),
    info: (fields, message) => write("info", fields, message),
    warn: (fields, message) => write("warn", fields, message),
    error: (fields, message) => write("error", fields, message),
    child: (fields) => wrap(logger.child(clean(fields))),
    flush: () => logger.flush(),
  };
}

/** pino's own would join the causes' texts to the first. */
const asIs = (err: unknown): unknown => err;

/** Makes the log. `destination` is standard output when absent. Times are ISO 8601. */
export function createLog(options: { readonly level: LogLevel; readonly destination?: DestinationStream }): EngineLog {
  const settings = {
    level: options.level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: asIs },
  };
  return wrap(options.destination === undefined ? pino(settings) : pino(settings, options.destination));
}

/** The same log as the dispatcher writes to it: text first. */
export const dispatcherLog = (log: Log): DispatcherLog => ({
  debug: (what, about) => log.debug(about, what),
  info: (what, about) => log.info(about, what),
  warn: (what, about) => log.warn(about, what),
  error: (what, about) => log.error(about, what),
});
