/**
 * The DICOM door: an SCP for performed procedure steps, echo, and instances' metadata. Who speaks is proved by address and AE titles; the answer leaves once
 * the journal has the bytes. docs/transports.md tells it to integrators.
 */
import { createHash } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { failpoint } from "../../../domain/failpoint.ts";
import type { Intake } from "../../../domain/journal/intake.ts";
import { JournalBusy, JournalGone } from "../../../domain/journal/ports.ts";
import { inboundOf } from "../../../domain/journal/sender.ts";
import type { Log } from "../../../domain/log.ts";
import { type RefusalCode, refusal } from "../../../domain/refusals.ts";
import { allowedFrom } from "../addresses.ts";
import { type Answer, answer, answerOf, busy, refusedAs, STATUS } from "./answers.ts";
import { createChannel } from "./channel.ts";
import { charsetNamed } from "./charset.ts";
import { documentOf, FINAL, identityOf, KIND, type Projected, project } from "./document.ts";
import type { StepInstances } from "./instances.ts";
import { LIMITS } from "./limits.ts";
import type { Asked } from "./session.ts";

export interface DicomDoorOptions {
  readonly partner: string;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Other workers of this machine listen on the same port. */
  readonly shared?: boolean;
  /** Addresses and CIDR ranges that may connect. */
  readonly from: readonly string[];
  readonly calledAe: string;
  readonly callingAe: readonly string[];
  /** Read as this where a device names no charset. */
  readonly charset?: string;
  /** Keywords or tags that mappings are given beside the standard's. */
  readonly attributes?: readonly string[];
  readonly intake: Intake;
  readonly instances: StepInstances;
  readonly log: Log;
}

export interface DicomDoor {
  /** `dicom://host:port`. */
  readonly address: string;
  /** Associations are rejected for now, requests answered busy; what is being journaled ends. */
  pause(): Promise<void>;
  close(): Promise<void>;
}

/** Speaks DICOM. */
const LIBRARY = "dcmjs-dimse";
/** It brings 20 MB with it, and is there with the first association; an engine whose modalities are silent goes without. */
const speech = async () => {
  const [{ openSession }, { readDataset }] = await Promise.all([import("./session.ts"), import("./dataset.ts")]);
  return { openSession, readDataset };
};

const IN_PROGRESS = "IN PROGRESS";
const IMPLICIT = "1.2.840.10008.1.2";

const textAt = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** Opens the door. Rejects when the port is not to be had or the profile names what is not. */
export async function openDicomDoor(options: DicomDoorOptions): Promise<DicomDoor> {
  import.meta.resolve(LIBRARY); // throws where it is not installed
  const { partner, log } = options;
  const allowed = allowedFrom(options.from);
  const sockets = new Set<Socket>();
  const working = new Set<Promise<unknown>>();
  let paused = false;

  const handle = async (asked: Asked): Promise<Answer> => {
    const work = journaledAs(options, asked);
    working.add(work);
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof JournalBusy) && !(error instanceof JournalGone))
        log.error({ partner, error: error instanceof Error ? error.message : String(error) }, "a DICOM request failed");
      return busy(asked.command);
    } finally {
      working.delete(work);
    }
  };
  const server = createServer((socket) => {
    const peer = socket.remoteAddress ?? "";
    const told = (why: string): void => log.info({ partner, peer, why }, "a DICOM association ended");
    if (sockets.size >= LIMITS.associations || !allowed.has(socket.remoteAddress)) {
      log.warn({ partner, peer }, sockets.size >= LIMITS.associations ? "too many DICOM associations" : "not an address of this partner");
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    const lost = (error: Error): void => told(error.message); // until the channel listens; nothing is read before
    socket.on("error", lost);
    speech().then(
      ({ openSession }) => {
        if (socket.destroyed) return;
        const channel = createChannel({ socket, refused: told });
        socket.off("error", lost);
        openSession({ channel, calledAe: options.calledAe, callingAe: options.callingAe, paused: () => paused, handle, log: told });
      },
      (error: unknown) => {
        log.error({ partner, error: String(error) }, "what speaks DICOM could not be loaded");
        socket.destroy();
      },
    );
  });
  await listen(server, options);
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : options.port;
  log.info({ partner, port }, "DICOM door open");
  return {
    address: `dicom://${options.host}:${port}`,
    pause: async () => {
      paused = true;
      await ended(working);
    },
    close: async () => {
      paused = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await ended(working);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function ended(working: ReadonlySet<Promise<unknown>>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, LIMITS.closeMs);
  });
  await Promise.race([Promise.allSettled([...working]), late]);
  clearTimeout(timer);
}

const listen = (server: Server, { host, port, shared }: DicomDoorOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, ...(shared === true && port !== 0 ? { reusePort: true } : {}) }, () => {
      server.off("error", reject);
      resolve();
    });
  });

/** What is wrong with a request whose bytes are kept all the same. */
interface Wrong {
  readonly code: RefusalCode;
  readonly status: number;
  readonly zh: string;
  readonly en: string;
}

/** Journals the request and says what to answer. Rejects with JournalBusy, JournalGone, or what the database says. */
async function journaledAs(options: DicomDoorOptions, asked: Asked): Promise<Answer> {
  const { partner, intake, instances } = options;
  const { command, dataset, sopInstance } = asked;
  if (command !== "C-STORE" && dataset.cut)
    return answer(STATUS.resourceLimitation, `a data set of more than ${LIMITS.datasetBytes} bytes`);
  const { readDataset } = await speech();
  const undeclared = options.charset === undefined ? undefined : charsetNamed(options.charset);
  const read = readDataset(dataset.bytes, {
    explicit: asked.transferSyntax !== IMPLICIT,
    cut: dataset.cut,
    ...(undeclared === undefined ? {} : { undeclared }),
  });
  const raw = read.ok ? dataset.bytes.subarray(0, read.pixelsAt) : dataset.bytes;
  const projected: Projected | undefined = read.ok ? project(command, read.dataset, options.attributes) : undefined;
  // An N-SET that says nothing of it leaves the step in progress (PS3.4 F.7.2.2).
  const status = textAt(projected?.dataset.PerformedProcedureStepStatus) ?? (command === "N-SET" ? IN_PROGRESS : undefined);
  const known = command === "N-SET" ? await instances.get(partner, sopInstance) : undefined;
  const wrong = read.ok ? wrongWith(command, status, known) : unreadable(read.problem);
  const text = documentOf({
    command,
    sopClass: asked.sopClass,
    sopInstance,
    callingAe: asked.callingAe,
    transferSyntax: asked.transferSyntax,
    raw,
    ...(status === undefined || projected === undefined ? {} : { status }),
    ...(projected === undefined ? {} : { projected }),
    ...(known === undefined ? {} : { created: known.created }),
  });
  const sha256 = createHash("sha256").update(raw).digest("hex");
  const inbound = inboundOf(
    {
      door: "dicom",
      partner,
      kind: KIND[command],
      identity: identityOf(command, sopInstance, status, sha256),
      contentType: "application/json; charset=utf-8",
      headers: { "dicom-command": command, "dicom-calling-ae": asked.callingAe, "dicom-transfer-syntax": asked.transferSyntax },
      body: Buffer.from(text),
    },
    intake.policy(partner),
    wrong && refusal(wrong.code, { zh: wrong.zh, en: wrong.en }),
  );
  failpoint("dicom-door.before-journal");
  const journaled = await intake.accept(inbound);
  failpoint("dicom-door.after-journal");
  if (inbound.refusal !== undefined) return refusedAs(command, inbound.refusal, wrong?.status);
  if (journaled.kind === "accepted" || journaled.kind === "duplicate") {
    if (command === "N-CREATE" && projected) await instances.created(partner, sopInstance, JSON.stringify(projected.dataset));
    if (command === "N-SET" && status !== undefined && FINAL.has(status)) await instances.ended(partner, sopInstance, status);
  }
  failpoint("dicom-door.before-answer");
  return answerOf(command, journaled);
}

const unreadable = ({
  code,
  place,
  zh,
  en,
}: {
  readonly code: string;
  readonly place: string;
  readonly zh: string;
  readonly en: string;
}): Wrong => ({
  code: code === "charset" ? "BAD_CHARSET" : "NOT_TRANSLATABLE",
  status: STATUS.processingFailure,
  zh: `${place} ${zh}`,
  en: `${place} ${en}`,
});

/** The life of a step: created in progress, set while it is, ended once (PS3.4 F.7.2). */
function wrongWith(command: string, status: string | undefined, known: { readonly ended?: string } | undefined): Wrong | undefined {
  if (command === "N-CREATE" && status !== IN_PROGRESS)
    return {
      code: "NOT_TRANSLATABLE",
      status: STATUS.invalidValue,
      zh: "新建检查步骤的状态应为 IN PROGRESS",
      en: "a new step must be IN PROGRESS",
    };
  if (command !== "N-SET") return undefined;
  if (known === undefined)
    return {
      code: "ORIGINAL_UNKNOWN",
      status: STATUS.noSuchInstance,
      zh: "没有收到该检查步骤的 N-CREATE",
      en: "no N-CREATE came for this step",
    };
  if (known.ended !== undefined && (status === undefined || !FINAL.has(status)))
    return { code: "BUSINESS_CONFLICT", status: STATUS.processingFailure, zh: "该检查步骤已经结束", en: "the step has ended already" };
  return undefined;
}
