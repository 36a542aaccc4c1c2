/** The DICOM door on a real socket, with dcmjs-dimse as the modality, and a journal in memory. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, test } from "node:test";
import dimse from "dcmjs-dimse";
import type { Intake } from "../../../domain/journal/intake.ts";
import { type Inbound, JournalBusy, type Journaled } from "../../../domain/journal/ports.ts";
import { type DicomDoor, openDicomDoor } from "./door.ts";
import type { StepInstances } from "./instances.ts";

const { Client, Dataset, requests, constants } = dimse;
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const MPPS = constants.SopClass.ModalityPerformedProcedureStep;
const STEP = "2.25.990000000000000000000000000000001";

const CREATED = {
  SpecificCharacterSet: "ISO_IR 192",
  Modality: "CT",
  PatientName: "测试患者甲",
  PatientID: "P0000001",
  PerformedProcedureStepStatus: "IN PROGRESS",
  PerformedProcedureStepID: "PPS0001",
  PerformedProcedureStepStartDate: "20261120",
  PerformedProcedureStepStartTime: "094000",
  PerformedStationAETitle: "CT01",
  ScheduledStepAttributesSequence: [{ AccessionNumber: "ACC0001", StudyInstanceUID: "2.25.1" }],
  InstitutionName: "H001",
};
const COMPLETED = {
  PerformedProcedureStepStatus: "COMPLETED",
  PerformedProcedureStepEndDate: "20261120",
  PerformedProcedureStepEndTime: "095200",
  PerformedSeriesSequence: [{ SeriesInstanceUID: "2.25.2", ReferencedImageSequence: [] }],
};

interface World {
  readonly door: DicomDoor;
  readonly port: number;
  readonly journal: Inbound[];
  busy: boolean;
}
let open: World | undefined;

function instancesInMemory(): StepInstances {
  const all = new Map<string, { created: string; ended?: string }>();
  return {
    get: async (_, uid) => all.get(uid),
    created: async (_, uid, created) => void (all.has(uid) || all.set(uid, { created })),
    ended: async (_, uid, ended) => void Object.assign(all.get(uid) ?? {}, { ended }),
  };
}

async function world(options: { readonly from?: readonly string[]; readonly charset?: string } = {}): Promise<World> {
  const journal: Inbound[] = [];
  const made = { journal, busy: false };
  const accept = async (inbound: Inbound): Promise<Journaled> => {
    if (made.busy) throw new JournalBusy("full");
    const same = journal.find((one) => one.identity === inbound.identity && one.refusal === undefined);
    if (same && inbound.refusal === undefined) {
      if (Buffer.from(same.raw).equals(inbound.raw)) return { kind: "duplicate", messageId: "1", state: "received" };
      return { kind: "conflict", messageId: "2", with: "1" };
    }
    journal.push(inbound);
    return inbound.refusal ? { kind: "parked", messageId: "1", reason: inbound.refusal } : ({ kind: "accepted", message: {} } as Journaled);
  };
  const policy = {
    partner: "pacs",
    vendor: "pacs",
    bytesMax: 4_194_304,
    perSecond: 100,
    charset: "utf-8",
    kinds: new Set(["mpps-create", "mpps-set", "store"]),
    exchanges: new Set<string>(),
  };
  const intake: Intake = {
    policy: () => policy,
    partners: () => [policy],
    accept,
    verdict: () => Promise.reject(new Error("nobody asks for one")),
  };
  const door = await openDicomDoor({
    ...{ partner: "pacs", host: "127.0.0.1", port: 0, from: ["127.0.0.0/8"], calledAe: "HUILIU", callingAe: ["CT01"] },
    ...options,
    ...{ intake, instances: instancesInMemory(), log: SILENT },
  });
  open = Object.assign(made, { door, port: Number(new URL(door.address.replace("dicom:", "http:")).port) });
  return open;
}
afterEach(async () => {
  await open?.door.close();
  open = undefined;
});

type Outcome = { readonly status?: number; readonly rejected?: number; readonly error?: string };

/** Sends one request on an association of its own. */
function send(port: number, request: InstanceType<typeof requests.CEchoRequest>, calling = "CT01", called = "HUILIU"): Promise<Outcome> {
  return new Promise((resolve) => {
    const client = new Client();
    let outcome: Outcome = {};
    request.on("response", (response: { getStatus(): number }) => {
      outcome = { status: response.getStatus() };
    });
    client.addRequest(request);
    client.on("associationRejected", (result: { reason: number }) => resolve({ rejected: result.reason }));
    client.on("networkError", (error: Error) => resolve({ error: error.message }));
    client.on("closed", () => resolve(outcome));
    client.send("127.0.0.1", port, calling, called, {});
  });
}
const asEcho = (request: unknown) => request as InstanceType<typeof requests.CEchoRequest>;
function create(elements: Record<string, unknown> = CREATED, uid = STEP) {
  const request = new requests.NCreateRequest(MPPS, uid);
  request.setDataset(new Dataset(elements));
  return asEcho(request);
}
function set(elements: Record<string, unknown> = COMPLETED, uid = STEP) {
  const request = new requests.NSetRequest(MPPS, uid);
  request.setDataset(new Dataset(elements));
  return asEcho(request);
}
const documentOf = (inbound: Inbound | undefined) =>
  JSON.parse(Buffer.from(inbound?.raw ?? []).toString()) as Record<string, string> & { readonly dataset: Readonly<Record<string, string>> };

describe("DICOM door", () => {
  test("echo is answered and leaves nothing", async () => {
    const { port, journal } = await world();
    assert.deepEqual(await send(port, asEcho(new requests.CEchoRequest())), { status: 0 });
    assert.equal(journal.length, 0);
  });

  test("a step is created, ended, and both are journaled with values and bytes", async () => {
    const { port, journal } = await world();
    assert.deepEqual(await send(port, create()), { status: 0 });
    assert.deepEqual(await send(port, set()), { status: 0 });
    assert.deepEqual(
      journal.map(({ kind, identity, door }) => [kind, identity, door]),
      [
        ["mpps-create", `${STEP}:create`, "dicom"],
        ["mpps-set", `${STEP}:end`, "dicom"],
      ],
    );
    const [first, second] = journal.map(documentOf);
    assert.deepEqual(first?.dataset, {
      ...Object.fromEntries(Object.entries(CREATED).filter(([name]) => name !== "InstitutionName" && name !== "SpecificCharacterSet")),
      PatientName: { Alphabetic: "测试患者甲" },
    });
    assert.equal(first?.further, "InstitutionName");
    assert.ok(Buffer.from(first?.raw ?? "", "base64").includes("测试患者甲"));
    assert.deepEqual(second?.created, first?.dataset);
    assert.equal(second?.status, "COMPLETED");
  });

  test("a retry is a duplicate and is answered as at first; another ending is refused", async () => {
    const { port, journal } = await world();
    for (let round = 0; round < 2; round += 1) assert.equal((await send(port, create())).status, 0);
    for (let round = 0; round < 2; round += 1) assert.equal((await send(port, set())).status, 0);
    assert.equal(journal.length, 2);
    assert.equal((await send(port, set({ ...COMPLETED, PerformedProcedureStepStatus: "DISCONTINUED" }))).status, 0x0110);
    assert.equal((await send(port, set({ PerformedProcedureStepStatus: "IN PROGRESS" }))).status, 0x0110);
    assert.equal((await send(port, create({ ...CREATED, PatientID: "P2" }))).status, 0x0111);
  });

  test("an N-SET without its N-CREATE is refused and kept", async () => {
    const { port, journal } = await world();
    assert.equal((await send(port, set())).status, 0x0112);
    assert.equal(journal[0]?.refusal?.code, "ORIGINAL_UNKNOWN");
  });

  test("a full journal is busy, in the word of the service; nothing is kept of it", async () => {
    const made = await world();
    made.busy = true;
    assert.equal((await send(made.port, create())).status, 0x0213);
    made.busy = false;
    assert.equal((await send(made.port, create())).status, 0);
  });

  test("an instance leaves its metadata, never its pixels", async () => {
    const { port, journal } = await world();
    const pixels = Buffer.alloc(3_000_000, 0xab);
    const instance = new Dataset({
      ...{ SOPClassUID: constants.StorageClass.CtImageStorage, SOPInstanceUID: "2.25.77", StudyInstanceUID: "2.25.1", Modality: "CT" },
      ...{ PatientName: "TEST^ONE", AccessionNumber: "ACC0001", Rows: 1000, Columns: 1500, BitsAllocated: 16, PixelRepresentation: 0 },
      ...{ PixelData: [pixels.buffer.slice(pixels.byteOffset, pixels.byteOffset + pixels.length)], _vrMap: { PixelData: "OW" } },
    });
    assert.deepEqual(await send(port, asEcho(new requests.CStoreRequest(instance))), { status: 0 });
    const document = documentOf(journal[0]);
    assert.equal(document.dataset.AccessionNumber, "ACC0001");
    assert.ok((journal[0]?.raw.length ?? 0) < 2_000, `${journal[0]?.raw.length} bytes`);
    assert.ok(!Buffer.from(document.raw ?? "", "base64").includes(Buffer.alloc(16, 0xab)));
  });

  test("who it is decides: called AE, calling AE, address", async () => {
    const { port } = await world();
    assert.deepEqual(await send(port, asEcho(new requests.CEchoRequest()), "CT02"), { rejected: 3 });
    assert.deepEqual(await send(port, asEcho(new requests.CEchoRequest()), "CT01", "OTHER"), { rejected: 7 });
    await open?.door.close();
    const far = await world({ from: ["10.0.0.0/8"] });
    const socket = connect(far.port, "127.0.0.1");
    await once(socket, "close");
    assert.equal(socket.bytesRead, 0);
  });

  test("paused: no association; a name in bytes that are not of its charset is refused and kept", async () => {
    const { port, door, journal } = await world();
    const gbk = { ...CREATED, SpecificCharacterSet: "ISO_IR 6", PatientName: "Müller" };
    assert.equal((await send(port, create(gbk))).status, 0x0110);
    assert.equal(journal[0]?.refusal?.code, "BAD_CHARSET");
    await door.pause();
    assert.deepEqual(await send(port, create()), { rejected: 2 });
  });
});
