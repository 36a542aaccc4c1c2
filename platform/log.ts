/**
 * The engine's log: pino, one JSON line an event. Personal data that slips into a field or a text is masked before it is written. A line that names a message, a write-back or
 * a replay job leads to it: `console` is its permalink, made only for lines that are written.
 */
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

/** Where the console is reached; undefined while nobody knows. Asked for each line that is written. */
export type ConsoleAt = () => string | undefined;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const JOB = /^\d{1,18}$/;
/** What a line names, the nearest to the trouble first, with its page (console/page-paths.ts). */
const PAGES: readonly (readonly [field: string, page: string, is: RegExp])[] = [
  ["writeBackId", "write-backs", UUID],
  ["messageId", "messages", UUID],
  ["replayJob", "replays", JOB],
];

/** The permalink of what the fields name; undefined where they name nothing. The dispatcher's lines name a write-back by `id`, beside its destination. */
function permalink(at: string, fields: Readonly<Record<string, unknown>>): string | undefined {
  for (const [field, page, is] of PAGES) {
    const value = fields[field];
    if (typeof value === "string" && is.test(value)) return `${at}/${page}/${value}`;
  }
  const { id, destination } = fields;
  return typeof id === "string" && typeof destination === "string" && UUID.test(id) ? `${at}/write-backs/${id}` : undefined;
}

function wrap(logger: Logger, consoleAt: ConsoleAt, bound: object = {}): EngineLog {
  const write = (level: LogLevel, fields: object, message: string): void => {
    if (!logger.isLevelEnabled(level)) return;
    const at = consoleAt();
    const link = at === undefined ? undefined : permalink(at, { ...bound, ...fields });
    const cleaned = clean(fields);
    logger[level](link === undefined ? cleaned : { ...cleaned, console: link }, cut(maskText(message)));
  };
  return {
    debug: (fields, message) => write("debug", fields, message),
    info: (fields, message) => write("info", fields, message),
    warn: (fields, message) => write("warn", fields, message),
    error: (fields, message) => write("error", fields, message),
    child: (fields) => wrap(logger.child(clean(fields)), consoleAt, { ...bound, ...fields }),
    flush: () => logger.flush(),
  };
}

/** pino's own would join the causes' texts to the first. */
const asIs = (err: unknown): unknown => err;

/** Makes the log. `destination` is standard output when absent; without `console` no line leads anywhere. Times are ISO 8601. */
export function createLog(options: {
  readonly level: LogLevel;
  readonly destination?: DestinationStream;
  readonly console?: ConsoleAt;
}): EngineLog {
  const settings = {
    level: options.level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: asIs },
  };
  const logger = options.destination === undefined ? pino(settings) : pino(settings, options.destination);
  return wrap(logger, options.console ?? (() => undefined));
}

/** The same log as the dispatcher writes to it: text first. */
export const dispatcherLog = (log: Log): DispatcherLog => ({
  debug: (what, about) => log.debug(about, what),
  info: (what, about) => log.info(about, what),
  warn: (what, about) => log.warn(about, what),
  error: (what, about) => log.error(about, what),
});
