/**
 * The simulated modality and PACS: performs examinations and tells them by MPPS (N-CREATE, N-SET), sends images by C-STORE, echoes. It speaks DICOM by
 * dcmjs-dimse and asks nobody's code how the engine reads it.
 */
import dimse from "dcmjs-dimse";
import type { FaultOrder } from "../faults.ts";
import { listOf, maybeTextOf, type Order, textOf } from "../fields.ts";
import { openPremises, type PartnerOptions, type Premises, type RunningPartner } from "../partner.ts";
import { OrderRefused } from "../told.ts";
import { bytesOf, type Json, value } from "./dataset.ts";

const { Client, Dataset, constants, requests } = dimse;
dimse.log.setLevel("silent");
const EXPLICIT = constants.TransferSyntax.ExplicitVRLittleEndian;
const MPPS = constants.SopClass.ModalityPerformedProcedureStep;
const CT_IMAGE = constants.StorageClass.CtImageStorage;
const CALLED = "HUILIU";
const TRIES = 160;
const RETRY_MS = 500;
const IMAGE_BYTES = 4_096;
const TIME = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)$/;
/** Statuses after which the same request is sent again: out of resources, and no answer at all. */
const AGAIN = new Set(["0213", "A700", "none"]);

type Counters = Record<"created" | "ended" | "stored" | "echoed" | "tries", number>;

/** Starts a modality. Its orders are in README.md. */
export async function startPacs(options: PartnerOptions): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const counters: Counters = { created: 0, ended: 0, stored: 0, echoed: 0, tries: 0 };
  const control = await premises.open({ counters: () => counters, send: (order) => send(premises, counters, order) });
  return { ledger: premises.file, faults: control.faultsUrl, ledgerUrl: control.ledgerUrl, close: () => premises.close() };
}

/** One request of the modality. */
interface Telling {
  readonly kind: "mpps-create" | "mpps-set" | "store" | "echo";
  readonly key: string;
  readonly order: string | null;
  readonly callingAe: string;
  readonly raw: Buffer;
  make(raw: Buffer): InstanceType<typeof requests.CEchoRequest>;
}

/** A data set that is written as these bytes. */
function datasetOf(raw: Buffer): InstanceType<typeof Dataset> {
  const dataset = new Dataset({}, EXPLICIT);
  dataset.getDenaturalizedDataset = () => raw;
  return dataset;
}

function engineOf(premises: Premises): { readonly host: string; readonly port: number } {
  const told = premises.engine()?.dicom;
  const address = typeof told === "object" && told !== null ? (told as Readonly<Record<string, unknown>>)[premises.name] : undefined;
  if (typeof address !== "string") throw new OrderRefused("the modality was not told the engine's DICOM address");
  const { hostname, port } = new URL(address.replace(/^dicom:/, "http:"));
  return { host: hostname, port: Number(port) };
}

/** One association, one request; its status in four hex digits, or `none`. `cut`: the answer is not waited for. */
function once(engine: ReturnType<typeof engineOf>, { callingAe, raw, make }: Telling, cut: boolean): Promise<string> {
  return new Promise((resolve) => {
    const client = new Client();
    const request = make(raw);
    let status = "none";
    request.on("response", (response: { getStatus(): number }) => {
      status = cut ? "none" : response.getStatus().toString(16).toUpperCase().padStart(4, "0");
    });
    client.addRequest(request);
    client.on("associationRejected", ({ reason }: { reason: number }) => resolve(`rejected-${reason}`));
    client.on("networkError", () => resolve(status));
    client.on("closed", () => resolve(status));
    client.send(engine.host, engine.port, callingAe, CALLED, {});
  });
}

/** Tells until it is answered for good. Faults: drop-reply (the first answer is not heard), duplicate (told once more), garble (bytes of no charset), slow. */
async function tell(premises: Premises, counters: Counters, telling: Telling): Promise<string> {
  const plan = premises.faults.plan({ scope: "write-back", bill: telling.order, kind: telling.kind });
  const fault = Object.keys(plan).join("+");
  if (plan.slow !== undefined) await premises.timers.wait(plan.slow.ms ?? 0);
  const sent = plan.garble === undefined ? telling : { ...telling, raw: garbled(telling.raw, plan.garble) };
  const line = (answer: string, effect: boolean): Promise<void> =>
    premises.record({
      ...{ key: telling.key, kind: telling.kind, order: telling.order, amount: null, effect, answer },
      ...{ raw: sent.raw.toString("base64"), rawEncoding: "base64", sent: true, ...(fault === "" ? {} : { fault }) },
    });
  for (let tried = 1; ; tried += 1) {
    counters.tries += 1;
    const answer = await once(engineOf(premises), sent, plan["drop-reply"] !== undefined && tried === 1);
    const effect = answer === "0000";
    await line(answer, effect);
    if (effect && plan.duplicate !== undefined)
      await premises.record({ ...again(telling, sent.raw), answer: await once(engineOf(premises), sent, false) });
    if (effect || !AGAIN.has(answer) || tried === TRIES) return answer;
    await premises.timers.wait(RETRY_MS);
  }
}

const again = ({ key, kind, order }: Telling, raw: Buffer) => ({
  ...{ key, kind, order, amount: null, effect: false, raw: raw.toString("base64") },
  ...{ rawEncoding: "base64", sent: true, fault: "duplicate" },
});

/** Text that is no text: the last byte of the patient's name is half a character. */
function garbled(raw: Buffer, _order: FaultOrder): Buffer {
  const at = raw.indexOf(Buffer.from("100010", "hex").subarray(1));
  const bytes = Buffer.from(raw);
  bytes[at === -1 ? bytes.length - 1 : at + 7] = 0xff;
  return bytes;
}

/** Charset and how it is declared; under the fault `gbk` texts are GB18030. */
function charsetOf(premises: Premises, order: string | null): { readonly declared: string; readonly name: string } {
  const { gbk } = premises.faults.plan({ scope: "ping", bill: order, kind: "charset" });
  return gbk === undefined ? { declared: "ISO_IR 192", name: "utf8" } : { declared: "GB18030", name: "gb18030" };
}

function dateTime(order: Order, name: string): readonly [date: string, time: string] {
  const found = TIME.exec(textOf(order, name));
  if (!found) throw new OrderRefused(`${name} is yyyy-MM-dd HH:mm:ss`);
  const [, year, month, day, hour, minute, second] = found;
  return [`${year}${month}${day}`, `${hour}${minute}${second}`];
}

async function send(premises: Premises, counters: Counters, order: Order): Promise<unknown> {
  const message = textOf(order, "message");
  if (message === "echo") return echo(premises, counters, order);
  if (message === "mpps-create") return create(premises, counters, order);
  if (message === "mpps-set") return end(premises, counters, order);
  if (message === "store") return store(premises, counters, order);
  if (message !== "exam") throw new OrderRefused("message is exam, mpps-create, mpps-set, store or echo");
  const created = await create(premises, counters, order);
  if (created.status !== "0000") return created;
  return end(premises, counters, { ...order, status: order.status ?? "COMPLETED", at: order.until ?? order.at });
}

const callingAeOf = (order: Order): string => maybeTextOf(order, "station") ?? "CT01";

async function echo(premises: Premises, counters: Counters, order: Order): Promise<unknown> {
  counters.echoed += 1;
  const make = () => new requests.CEchoRequest();
  const telling: Telling = { kind: "echo", key: "echo", order: null, callingAe: callingAeOf(order), raw: Buffer.alloc(0), make };
  return { sent: "echo", status: await once(engineOf(premises), telling, false) };
}

/** `{step, accession?, study, patient?, name?, station?, modality?, at, description?}` */
async function create(premises: Premises, counters: Counters, order: Order): Promise<{ readonly sent: string; readonly status: string }> {
  const step = textOf(order, "step");
  const accession = maybeTextOf(order, "accession");
  const [date, time] = dateTime(order, "at");
  const { declared, name } = charsetOf(premises, accession ?? null);
  const text = (vr: string, from: string | undefined) => (from === undefined ? value(vr) : value(vr, from));
  const json: Json = {
    "00080005": value("CS", declared),
    "00080060": value("CS", maybeTextOf(order, "modality") ?? "CT"),
    "00100010": text("PN", maybeTextOf(order, "name")),
    "00100020": text("LO", maybeTextOf(order, "patient")),
    "00100030": value("DA"),
    "00100040": value("CS"),
    "00081032": value("SQ"),
    "00081120": value("SQ"),
    "00200010": value("SH"),
    "00400241": value("AE", callingAeOf(order)),
    "00400242": value("SH"),
    "00400243": value("SH"),
    "00400244": value("DA", date),
    "00400245": value("TM", time),
    "00400250": value("DA"),
    "00400251": value("TM"),
    "00400252": value("CS", "IN PROGRESS"),
    "00400253": value("SH", step.slice(-16)),
    "00400254": value("LO"),
    "00400255": value("LO"),
    "00400260": value("SQ"),
    "00400270": value("SQ", {
      "00080050": text("SH", accession),
      "00081110": value("SQ"),
      "0020000D": value("UI", textOf(order, "study")),
      "00321060": text("LO", maybeTextOf(order, "description")),
      "00400009": text("SH", maybeTextOf(order, "scheduled")),
      "00401001": text("SH", maybeTextOf(order, "requested")),
    }),
    "00400340": value("SQ"),
  };
  const make = (raw: Buffer) => {
    const request = new requests.NCreateRequest(MPPS, step);
    request.setDataset(datasetOf(raw));
    return request as unknown as InstanceType<typeof requests.CEchoRequest>;
  };
  const telling: Telling = {
    kind: "mpps-create",
    key: `${step}:create`,
    order: accession ?? null,
    callingAe: callingAeOf(order),
    raw: bytesOf(json, name),
    make,
  };
  const status = await tell(premises, counters, telling);
  if (status === "0000") counters.created += 1;
  return { sent: telling.key, status };
}

/** `{step, accession?, status: COMPLETED | DISCONTINUED | IN PROGRESS, at, series?: [{uid, images, description?}], station?}` */
async function end(premises: Premises, counters: Counters, order: Order): Promise<{ readonly sent: string; readonly status: string }> {
  const step = textOf(order, "step");
  const status = textOf(order, "status");
  const [date, time] = dateTime(order, "at");
  const accession = maybeTextOf(order, "accession") ?? null;
  const { declared, name } = charsetOf(premises, accession);
  const series = (order.series === undefined ? [] : listOf(order, "series")).map((one): Json => {
    const uid = textOf(one, "uid");
    const images = Array.from(
      { length: Number(maybeTextOf(one, "images") ?? "1") },
      (_, index): Json => ({
        "00081150": value("UI", CT_IMAGE),
        "00081155": value("UI", `${uid}.${index + 1}`),
      }),
    );
    return {
      "0008103E": value("LO", maybeTextOf(one, "description") ?? "SERIES"),
      "00081050": value("PN"),
      "00081070": value("PN"),
      "00081140": value("SQ", ...images),
      "00181030": value("LO", "ROUTINE"),
      "0020000E": value("UI", uid),
      "00400220": value("SQ"),
    };
  });
  const json: Json = {
    "00080005": value("CS", declared),
    "00400250": value("DA", date),
    "00400251": value("TM", time),
    "00400252": value("CS", status),
    "00400340": value("SQ", ...series),
    ...(status === "DISCONTINUED"
      ? {
          "00400281": value("SQ", {
            "00080100": value("SH", "110513"),
            "00080102": value("SH", "DCM"),
            "00080104": value("LO", "Discontinued for unspecified reason"),
          }),
        }
      : {}),
  };
  const make = (raw: Buffer) => {
    const request = new requests.NSetRequest(MPPS, step);
    request.setDataset(datasetOf(raw));
    return request as unknown as InstanceType<typeof requests.CEchoRequest>;
  };
  const telling: Telling = {
    kind: "mpps-set",
    key: `${step}:${status}`,
    order: accession,
    callingAe: callingAeOf(order),
    raw: bytesOf(json, name),
    make,
  };
  const answer = await tell(premises, counters, telling);
  if (answer === "0000") counters.ended += 1;
  return { sent: telling.key, status: answer };
}

/** `{study, series, image, accession?, patient?, name?, modality?, station?}`: one image with pixels that nobody needs. */
async function store(premises: Premises, counters: Counters, order: Order): Promise<{ readonly sent: string; readonly status: string }> {
  const image = textOf(order, "image");
  const accession = maybeTextOf(order, "accession");
  const { declared, name } = charsetOf(premises, accession ?? null);
  const text = (vr: string, from: string | undefined) => (from === undefined ? value(vr) : value(vr, from));
  const json: Json = {
    "00080005": value("CS", declared),
    "00080016": value("UI", CT_IMAGE),
    "00080018": value("UI", image),
    "00080050": text("SH", accession),
    "00080060": value("CS", maybeTextOf(order, "modality") ?? "CT"),
    "00100010": text("PN", maybeTextOf(order, "name")),
    "00100020": text("LO", maybeTextOf(order, "patient")),
    "0020000D": value("UI", textOf(order, "study")),
    "0020000E": value("UI", textOf(order, "series")),
    "7FE00010": value("OW", "P".repeat(IMAGE_BYTES)),
  };
  const make = (raw: Buffer) => {
    const dataset = datasetOf(raw);
    dataset.setElement("SOPClassUID", CT_IMAGE);
    dataset.setElement("SOPInstanceUID", image);
    return new requests.CStoreRequest(dataset) as unknown as InstanceType<typeof requests.CEchoRequest>;
  };
  const telling: Telling = {
    kind: "store",
    key: `${image}:store`,
    order: accession ?? null,
    callingAe: callingAeOf(order),
    raw: bytesOf(json, name),
    make,
  };
  const status = await tell(premises, counters, telling);
  if (status === "0000") counters.stored += 1;
  return { sent: telling.key, status };
}
