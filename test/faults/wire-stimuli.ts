/** Messages over the wires that the load does not use: HL7 both ways, DICOM, SOAP, files. Each partner of the simulated hospital sends one as itself. */
import { innerOf, requestOf } from "../hospital/jkt/envelope.ts";
import { KEYS } from "../hospital/jkt/jkt.ts";
import type { Row } from "../journeys/harness.ts";
import type { Stage } from "./registry.ts";

/** Longest wait for a partner that sends until it is answered. */
const SENT_MS = 8_000;
const HOW_MANY = 3;
let ordinal = 0;

const stamp = (): string => {
  ordinal += 1;
  return `${String(Date.now()).slice(-8)}${String(ordinal).padStart(3, "0")}`;
};
const AT = "2026-11-20 09:30:00";

/** Asks a partner to send. That nobody answers, because the engine has just been killed, is what this is for. */
async function send(stage: Stage, partner: string, order: Row): Promise<void> {
  const { faults } = stage.world.huiliu.run().hospital[partner] ?? {};
  if (faults === undefined) throw new Error(`the simulated hospital has no ${partner}`);
  const signal = AbortSignal.timeout(SENT_MS);
  const answer = await fetch(faults, { method: "POST", body: JSON.stringify({ send: order }), signal }).catch((error: unknown) => error);
  if (answer instanceof Response && answer.status === 400) throw new Error(`${partner}: ${await answer.text()}`);
}

const several = async (work: () => Promise<void>): Promise<void> => {
  await Promise.all(Array.from({ length: HOW_MANY }, work));
};

/** A charge of the LIS (told on to the HIS), an order of the HIS (told on to the RIS). */
export async function hl7(stage: Stage): Promise<void> {
  await several(async () => {
    const no = stamp();
    const who = { visit: `MZ${no}`, patient: { no: `P${no}`, name: "测试患者庚" }, at: AT };
    const lines = [{ no: "1", code: "J0002", name: "血常规", quantity: "1", price: "67.5000", fen: "6750" }];
    await send(stage, "lis", { ...who, message: "charge", bill: `DJ${no}`, order: `JY${no}`, lines });
  });
}

export async function dicom(stage: Stage): Promise<void> {
  await several(async () => {
    const no = stamp();
    const exam = {
      message: "exam",
      step: `2.25.${no}`,
      study: `2.25.9${no}`,
      accession: `A${no}`,
      patient: `P${no}`,
      name: "测试^患者",
      at: AT,
    };
    await send(stage, "pacs", exam);
  });
}

export async function files(stage: Stage): Promise<void> {
  const no = stamp();
  const rows = [{ order: `O${no}`, refund: `R${no}`, account: "6222020200001234567", name: "测试", fen: "100" }];
  await send(stage, "bank", { message: "refund-return", batch: `B${no.padStart(12, "2")}`.slice(0, 13), rows });
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"); // `]]>` may not stand in text

/** A payment of the 12320 platform, enveloped, as the parameter of a SOAP call. */
export async function soap(stage: Stage): Promise<void> {
  const { gateway, partners } = stage.world.huiliu.run();
  await several(async () => {
    const no = stamp();
    const inner = innerOf("REQ", { HOS_ID: "H001", ORDER_ID: `JK${no}`, HOSP_SEQUENCE: `DJ${no}` });
    const call = `<FunctionCall xmlns="http://huiliu.hospital/jkt/"><xmltxt>${escaped(requestOf("3003", inner, KEYS))}</xmltxt></FunctionCall>`;
    await fetch(`${gateway}/partners/jkt-platform/soap`, {
      method: "POST",
      headers: { "content-type": "text/xml; charset=utf-8", "x-api-key": partners["jkt-platform"]?.key ?? "", soapaction: '""' },
      body: `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>${call}</soap:Body></soap:Envelope>`,
      signal: AbortSignal.timeout(SENT_MS),
    }).catch(() => undefined); // the engine may die under it: that is what it is for
  });
}
