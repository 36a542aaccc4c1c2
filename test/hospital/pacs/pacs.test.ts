/** The simulated modality against a DICOM server of dcmjs-dimse's own, which nobody of the engine wrote. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import dimse from "dcmjs-dimse";
import { ledgerLines } from "../ledger.ts";
import type { RunningPartner } from "../partner.ts";
import { startPacs } from "./pacs.ts";

const { Scp, Server, constants, responses } = dimse;
const seen: { readonly command: string; readonly elements: Readonly<Record<string, unknown>> }[] = [];
let answers: number[] = [];

class Listening extends Scp {
  override associationRequested(association: InstanceType<typeof dimse.association.Association>): void {
    for (const { context } of association.getPresentationContexts())
      context.setResult(constants.PresentationContextResult.Accept, constants.TransferSyntax.ExplicitVRLittleEndian);
    this.sendAssociationAccept();
  }
  override associationReleaseRequested(): void {
    this.sendAssociationReleaseResponse();
  }
  override nCreateRequest(request: InstanceType<typeof dimse.requests.NCreateRequest>, callback: (response: never) => void): void {
    seen.push({ command: "create", elements: request.getDataset()?.getElements() ?? {} });
    const response = responses.NCreateResponse.fromRequest(request);
    response.setStatus(answers.shift() ?? 0);
    callback(response as never);
  }
  override nSetRequest(request: InstanceType<typeof dimse.requests.NSetRequest>, callback: (response: never) => void): void {
    seen.push({ command: "set", elements: request.getDataset()?.getElements() ?? {} });
    const response = responses.NSetResponse.fromRequest(request);
    response.setStatus(0);
    callback(response as never);
  }
}

/** A port that is free now: the library's server does not tell which it got. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

const EXAM = {
  message: "exam",
  step: "2.25.1",
  accession: "ACC1",
  study: "2.25.2",
  patient: "P1",
  name: "测试患者甲",
  at: "2026-11-20 09:40:00",
  until: "2026-11-20 09:52:00",
};

describe("simulated modality", () => {
  const server = new Server(Listening as never);
  let folder = "";
  let pacs: RunningPartner | undefined;
  const control = async (body: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(pacs?.faults ?? "", { method: "POST", body: JSON.stringify(body) });
    return (await answer.json()) as Record<string, unknown>;
  };
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "huiliu-pacs-"));
    const port = await freePort();
    server.listen(port);
    pacs = await startPacs({ name: "pacs", dataDir: folder, mode: "strict", port: 0, controlPort: 0 });
    await control({ engine: { dicom: { pacs: `dicom://127.0.0.1:${port}` } } });
  });
  after(async () => {
    await pacs?.close();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("an exam is created, and ended with its series", async () => {
    const series = [{ uid: "2.25.3", images: "2" }];
    assert.deepEqual((await control({ send: { ...EXAM, series } })).sent, { sent: "2.25.1:COMPLETED", status: "0000" });
    const [created, ended] = seen;
    assert.deepEqual([created?.command, ended?.command], ["create", "set"]);
    assert.equal(String(created?.elements.PatientName), "测试患者甲");
    assert.equal(created?.elements.PerformedProcedureStepStatus, "IN PROGRESS");
    assert.equal(ended?.elements.PerformedProcedureStepStatus, "COMPLETED");
    const told = ended?.elements.PerformedSeriesSequence as { ReferencedImageSequence: unknown[] }[] | undefined;
    assert.deepEqual(
      told?.map((one) => one.ReferencedImageSequence.length),
      [2],
    );
  });

  test("told busy it says it again; the ledger counts what was taken once", async () => {
    answers = [0x0213];
    const step = "2.25.11";
    assert.deepEqual((await control({ send: { ...EXAM, message: "mpps-create", step } })).sent, { sent: `${step}:create`, status: "0000" });
    const lines = [];
    for await (const line of ledgerLines(pacs?.ledger ?? "")) if (line.key === `${step}:create`) lines.push([line.answer, line.effect]);
    assert.deepEqual(lines, [
      ["0213", false],
      ["0000", true],
    ]);
  });

  test("an order without sense is told so", async () => {
    assert.match(String((await control({ send: { message: "mpps-set", step: "2.25.1" } })).error), /status is missing/);
  });
});
