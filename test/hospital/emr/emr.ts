/** The simulated electronic medical record: doctors prescribe and withdraw, by JSON over HTTP (mappings/emr/README.md). It is asked nothing by the engine. */
import { chinaTime } from "../clock.ts";
import { fenOf, listOf, maybeTextOf, objectOf, type Order, textOf } from "../fields.ts";
import { tellByGateway } from "../gateway.ts";
import { openPremises, type PartnerOptions, type Premises, type RunningPartner } from "../partner.ts";
import { OrderRefused } from "../told.ts";

const HOSPITAL = "H001";

/** Starts an EMR. Its orders (`send`) are in README.md. */
export async function startEmr(options: PartnerOptions): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const counters = { prescriptions: 0, voids: 0 };
  const control = await premises.open({
    counters: () => counters,
    async send(order) {
      const message = textOf(order, "message");
      if (message === "prescription") {
        counters.prescriptions += 1;
        return prescribe(premises, order);
      }
      if (message === "prescription-void") {
        counters.voids += 1;
        return withdraw(premises, order);
      }
      throw new OrderRefused("message is prescription or prescription-void");
    },
  });
  return { ledger: premises.file, faults: control.faultsUrl, ledgerUrl: control.ledgerUrl, close: () => premises.close() };
}

/** Patient, visit and bill as every message of the EMR names them. */
function about(order: Order): Record<string, unknown> {
  const patient = objectOf(order, "patient");
  const name = maybeTextOf(patient, "name");
  return {
    hospital: HOSPITAL,
    patient: { no: textOf(patient, "no"), ...(name === undefined ? {} : { name }) },
    visit: { no: textOf(order, "visit"), kind: "O" },
    bill: textOf(order, "bill"),
  };
}

async function tell(
  premises: Premises,
  kind: string,
  id: string,
  body: Record<string, unknown>,
  order: Order,
  fen: bigint,
): Promise<unknown> {
  const text = JSON.stringify({ msgId: id, kind, sentAt: chinaTime(premises.clock.now()), ...body });
  const told = await tellByGateway(premises, {
    message: kind,
    id,
    body: text,
    contentType: "application/json; charset=UTF-8",
    order: textOf(order, "bill"),
    amount: fen,
    serial: textOf(order, "prescription"),
  });
  return { id, status: told.status, answer: told.text };
}

/** Items are texts: `{no,code,nhsa?,name,spec?,unit?,quantity,price,fen,usage?}`; the sum is made here. */
function prescribe(premises: Premises, order: Order): Promise<unknown> {
  const items = listOf(order, "items");
  const total = items.reduce((sum, item) => sum + fenOf(item, "fen"), 0n);
  const prescription = textOf(order, "prescription");
  const doctor = objectOf(order, "doctor");
  const diagnosis = maybeTextOf(order, "diagnosis");
  const body = {
    ...about(order),
    prescription,
    issuedAt: maybeTextOf(order, "at") ?? chinaTime(premises.clock.now()),
    payer: textOf(order, "payer"),
    doctor: { no: textOf(doctor, "no"), name: textOf(doctor, "name"), dept: textOf(doctor, "dept") },
    counter: "门诊药房",
    ...(diagnosis === undefined ? {} : { diagnosis }),
    items,
    totalFen: total.toString(),
  };
  return tell(premises, "prescription", `EMR${prescription}`, body, order, total);
}

function withdraw(premises: Premises, order: Order): Promise<unknown> {
  const prescription = textOf(order, "prescription");
  const doctor = objectOf(order, "doctor");
  const fen = fenOf(order, "fen");
  const no = `ZF${prescription}`;
  const body = {
    ...about(order),
    no,
    prescription,
    voidedAt: maybeTextOf(order, "at") ?? chinaTime(premises.clock.now()),
    doctor: { no: textOf(doctor, "no"), name: textOf(doctor, "name") },
    reason: maybeTextOf(order, "reason") ?? "医生撤回",
    totalFen: fen.toString(),
  };
  return tell(premises, "prescription-void", `EMR${no}`, body, order, fen);
}
