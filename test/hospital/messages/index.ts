/** Every message that the sender can make, by partner and message; a new one is one line here. */
import type { Case, Payer } from "./cases.ts";
import * as chongqing from "./chongqing.ts";
import * as his from "./his.ts";
import * as jkt from "./jkt.ts";
import type { Made } from "./made.ts";
import * as neusoft from "./neusoft.ts";

export interface Generator {
  /** The charset that this partner really sends. */
  readonly charset: "UTF-8" | "GBK";
  readonly payer: Payer;
  make(one: Case, charset: string): Made;
}

export const GENERATORS: Readonly<Record<string, Generator>> = {
  "his.charge": { charset: "UTF-8", payer: "self", make: his.charge },
  "his.charge-cancel": { charset: "UTF-8", payer: "self", make: his.chargeCancel },
  "his.payment": { charset: "UTF-8", payer: "self", make: his.payment },
  "his.refund": { charset: "UTF-8", payer: "self", make: his.refund },
  "his.insurance-request": { charset: "UTF-8", payer: "insured", make: his.insuranceRequest },
  "his.insurance-dll": { charset: "UTF-8", payer: "insured", make: his.insuranceDll },
  "neusoft.settle": { charset: "GBK", payer: "insured", make: neusoft.settle },
  "neusoft.cancel": { charset: "GBK", payer: "insured", make: neusoft.cancel },
  "neusoft.reverse": { charset: "GBK", payer: "insured", make: neusoft.reverse },
  "chongqing.settle": { charset: "GBK", payer: "insured", make: chongqing.settle },
  "chongqing.reverse": { charset: "GBK", payer: "insured", make: chongqing.reverse },
  "jkt.pay-order": { charset: "UTF-8", payer: "self", make: jkt.payOrder },
};
