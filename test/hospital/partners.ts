/** Every partner of the hospital, one line each. Started by name, together in one process or each as a program of its own (main.ts). */
import { startAdt } from "./adt/adt.ts";
import { startDhcc } from "./dhcc/dhcc.ts";
import { startEmr } from "./emr/emr.ts";
import { startBank } from "./files/bank.ts";
import { startFrontMachine } from "./frontmachine/frontmachine.ts";
import { startHis } from "./his/his.ts";
import { startChongqing, startNeusoft } from "./insurer/insurer.ts";
import { startJkt } from "./jkt/jkt.ts";
import { startMobilePlatform } from "./mobile-insurance/mobile.ts";
import { startPacs } from "./pacs/pacs.ts";
import { startLis } from "./lis/lis.ts";
import { startLisView } from "./lis-view/lis-view.ts";
import type { PartnerProgram } from "./partner.ts";
import { startPharmacy } from "./pharmacy/pharmacy.ts";
import { startRis } from "./ris/ris.ts";
import { startServiceForXml } from "./serviceforxml/serviceforxml.ts";

export const PARTNERS: readonly PartnerProgram[] = [
  { name: "his", start: startHis },
  { name: "emr", start: startEmr },
  { name: "pharmacy", start: startPharmacy },
  { name: "lis", start: startLis },
  { name: "ris", start: startRis },
  { name: "adt", start: startAdt },
  { name: "jkt-platform", start: startJkt },
  { name: "pacs", start: startPacs },
  { name: "bank", start: startBank },
  { name: "nhsa", start: startFrontMachine },
  { name: "nhsa-mobile", start: startMobilePlatform },
  { name: "neusoft", start: startNeusoft },
  { name: "chongqing", start: startChongqing },
  { name: "serviceforxml", start: startServiceForXml },
  { name: "dhcc", start: startDhcc },
  { name: "lis-view", start: startLisView },
];
