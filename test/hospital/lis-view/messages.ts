/** PostgreSQL's wire, version 3, as far as a reader of one view needs it: messages in, messages out. Written from the protocol's documentation; shares no code with any driver. */

/** What a client asks before it says who it is. */
const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;
const PROTOCOL_3 = 196_608;
/** A client that sends more than this in one message is cut. */
const MESSAGE_MAX = 1_048_576;

export type Startup =
  | { readonly kind: "refuse-tls" }
  | { readonly kind: "cancel" }
  | { readonly kind: "unknown" }
  | { readonly kind: "start"; readonly parameters: ReadonlyMap<string, string> };

/** One message of a client: its letter and what follows its length. */
export interface Sent {
  readonly type: string;
  readonly body: Buffer;
}

/** Takes the first whole message off the bytes that came. Undefined: not whole yet; "broken": no client of ours. */
export function takeMessage(
  bytes: Buffer,
  typed: boolean,
): { readonly type: string; readonly body: Buffer; readonly rest: Buffer } | "broken" | undefined {
  const head = typed ? 5 : 4;
  if (bytes.length < head) return undefined;
  const length = bytes.readInt32BE(head - 4);
  if (length < 4 || length > MESSAGE_MAX) return "broken";
  const end = head + length - 4;
  if (bytes.length < end) return undefined;
  return { type: typed ? bytes.toString("latin1", 0, 1) : "", body: bytes.subarray(head, end), rest: bytes.subarray(end) };
}

/** What a message without a letter wants. */
export function startupOf(body: Buffer): Startup {
  if (body.length < 4) return { kind: "unknown" };
  const code = body.readInt32BE(0);
  if (code === SSL_REQUEST || code === GSS_REQUEST) return { kind: "refuse-tls" };
  if (code === CANCEL_REQUEST) return { kind: "cancel" };
  if (code !== PROTOCOL_3) return { kind: "unknown" };
  const texts = body.toString("utf8", 4).split("\0");
  const parameters = new Map<string, string>();
  for (let index = 0; index + 1 < texts.length && texts[index] !== ""; index += 2)
    parameters.set(texts[index] ?? "", texts[index + 1] ?? "");
  return { kind: "start", parameters };
}

/** A text up to its NUL, and where the next begins. */
export function textAt(body: Buffer, from: number): { readonly text: string; readonly next: number } {
  const end = body.indexOf(0, from);
  const stop = end === -1 ? body.length : end;
  return { text: body.toString("utf8", from, stop), next: stop + 1 };
}

/** The values of a Bind message, as texts; null is NULL. Throws RangeError on a message that is cut. */
export function boundValues(body: Buffer): readonly (string | null)[] {
  let at = textAt(body, textAt(body, 0).next).next;
  at += 2 + 2 * body.readInt16BE(at);
  const count = body.readInt16BE(at);
  at += 2;
  const values: (string | null)[] = [];
  for (let index = 0; index < count; index += 1) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.toString("utf8", at, at + length));
    at += Math.max(length, 0);
  }
  return values;
}

/** A message of the server. */
export function message(type: string, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const text = (value: string): Buffer => Buffer.from(`${value}\0`);

export const parameter = (name: string, value: string): Buffer => message("S", Buffer.concat([text(name), text(value)]));
export const ready = (): Buffer => message("Z", Buffer.from("I"));
export const complete = (tag: string): Buffer => message("C", text(tag));

export interface Column {
  readonly name: string;
  /** The type's number in pg_type. */
  readonly type: number;
}

export const rowDescription = (columns: readonly Column[]): Buffer =>
  message(
    "T",
    Buffer.concat([
      int16(columns.length),
      ...columns.map(({ name, type }) => Buffer.concat([text(name), int32(0), int16(0), int32(type), int16(-1), int32(-1), int16(0)])),
    ]),
  );

export const dataRow = (cells: readonly (string | null)[]): Buffer =>
  message(
    "D",
    Buffer.concat([
      int16(cells.length),
      ...cells.map((cell) => {
        if (cell === null) return int32(-1);
        const bytes = Buffer.from(cell);
        return Buffer.concat([int32(bytes.length), bytes]);
      }),
    ]),
  );

/** SQLSTATE and words. */
export const errorResponse = (code: string, words: string, severity: "ERROR" | "FATAL" = "ERROR"): Buffer =>
  message("E", Buffer.concat([text(`S${severity}`), text(`V${severity}`), text(`C${code}`), text(`M${words}`), Buffer.from([0])]));
