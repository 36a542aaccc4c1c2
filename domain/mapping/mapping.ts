/**
 * The mapping engine's face: a document and its vendor compiled once, then `translate`, `encode` and `interpretReply` as pure, total functions.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { VendorChecks } from "../checks/checks.ts";
import { type Problem, problem } from "../problem.ts";
import { InboundDocument } from "./document.ts";
import { compileInbound, type InboundMapping, type MappingDeps, type TranslateInput, type Translated } from "./inbound.ts";
import { compileOutbound, type Encoded, type EncodeInput, type OutboundMapping } from "./outbound.ts";
import { OutboundDocument } from "./outbound-document.ts";
import type { Interpreted, Reply } from "./reply.ts";
import { VendorDocument } from "./vendor.ts";

export type Mapping = InboundMapping | OutboundMapping;
export type Compiled = { readonly ok: true; readonly mapping: Mapping } | { readonly ok: false; readonly problems: readonly Problem[] };

const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true, strictTypes: false, strictRequired: false });
const acceptsInbound: ValidateFunction = ajv.compile(InboundDocument);
const acceptsOutbound: ValidateFunction = ajv.compile(OutboundDocument);
const acceptsVendor: ValidateFunction = ajv.compile(VendorDocument);

const said = (error: ErrorObject): Problem => {
  const extra = error.keyword === "additionalProperties" ? ` "${String(error.params.additionalProperty)}"` : "";
  const allowed =
    error.keyword === "enum" || error.keyword === "const"
      ? ` ${JSON.stringify(error.params.allowedValues ?? error.params.allowedValue)}`
      : "";
  const text = `${error.message ?? error.keyword}${extra}${allowed}`;
  return problem("document", error.instancePath, { zh: `不符合文档规范：${text}`, en: `does not satisfy the document's schema: ${text}` });
};

const schemaProblems = (accepts: ValidateFunction, document: unknown): readonly Problem[] =>
  accepts(document) ? [] : (accepts.errors ?? []).map(said);

/** Checks a vendor document. All problems at once. */
export function checkVendor(
  document: unknown,
): { readonly ok: true; readonly vendor: VendorDocument } | { readonly ok: false; readonly problems: readonly Problem[] } {
  const problems = schemaProblems(acceptsVendor, document);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, vendor: document as VendorDocument };
}

/** Compiles a mapping document of either direction. All problems at once, each with a JSON pointer into the document. Never throws on any JSON. */
export function compileMapping(document: unknown, vendor: VendorDocument, deps: MappingDeps, checks?: VendorChecks): Compiled {
  const outbound = typeof document === "object" && document !== null && (document as { direction?: unknown }).direction === "outbound";
  const wrong = schemaProblems(outbound ? acceptsOutbound : acceptsInbound, document);
  if (wrong.length > 0) return { ok: false, problems: wrong };
  const problems = new Map<string, Problem>();
  const fault = (at: string, zh: string, en: string): void => {
    if (!problems.has(`${at} ${zh}`)) problems.set(`${at} ${zh}`, problem("document", at, { zh, en }));
  };
  const mapping = outbound
    ? compileOutbound(document as OutboundDocument, vendor, fault, checks)
    : compileInbound(document as InboundDocument, vendor, deps, fault);
  return problems.size > 0 ? { ok: false, problems: [...problems.values()] } : { ok: true, mapping };
}

/** Bytes → draft events, or everything that is wrong. Pure; never throws on any bytes. */
export const translate = (mapping: InboundMapping, input: TranslateInput): Translated => mapping.translate(input);

/** Event → bytes of a write-back or inquiry, or everything that is wrong. Pure. */
export const encode = (mapping: OutboundMapping, input: EncodeInput): Encoded => mapping.encode(input);

/** A partner's reply → what it told us. Total: any status and any bytes have an outcome, and only a listed code acknowledges. */
export const interpretReply = (mapping: OutboundMapping, reply: Reply): Interpreted => mapping.interpret(reply);

export type { DraftEvent, InboundMapping, MappingDeps, TranslateInput, Translated } from "./inbound.ts";
export type { Encoded, EncodeInput, OutboundMapping } from "./outbound.ts";
export type { Interpreted, Reply } from "./reply.ts";
