/**
 * What is journaled of a DICOM command: one JSON document with the data set's values for mappings to read, and its bytes as they came (base64, in the transfer syntax
 * named) as the truth. The same command gives the same document for ever: a retry is a duplicate, byte for byte. Described in docs/transports.md.
 */
import type { Dataset, Value } from "./dataset.ts";
import { LIMITS } from "./limits.ts";

export type Command = "N-CREATE" | "N-SET" | "C-STORE";
export type Kind = "mpps-create" | "mpps-set" | "store";
export const KIND: Readonly<Record<Command, Kind>> = { "N-CREATE": "mpps-create", "N-SET": "mpps-set", "C-STORE": "store" };

const CODE = ["CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning"];
const PATIENT = ["PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"];
const REFERENCE = ["ReferencedSOPClassUID", "ReferencedSOPInstanceUID"];

/** Attributes of a performed procedure step (PS3.4 table F.7.2-1) and what stands in their items. */
const MPPS = new Set([
  ...CODE,
  ...PATIENT,
  ...REFERENCE,
  ...["ReferencedPatientSequence", "Modality", "StudyID"],
  ...["PerformedStationAETitle", "PerformedStationName", "PerformedLocation"],
  ...[
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "PerformedProcedureStepEndDate",
    "PerformedProcedureStepEndTime",
  ],
  ...["PerformedProcedureStepStatus", "PerformedProcedureStepID", "PerformedProcedureStepDescription", "PerformedProcedureTypeDescription"],
  ...["ProcedureCodeSequence", "PerformedProtocolCodeSequence", "PerformedProcedureStepDiscontinuationReasonCodeSequence"],
  ...[
    "CommentsOnThePerformedProcedureStep",
    "ScheduledStepAttributesSequence",
    "StudyInstanceUID",
    "ReferencedStudySequence",
    "AccessionNumber",
  ],
  ...["PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest", "RequestedProcedureID"],
  ...["RequestedProcedureDescription", "RequestedProcedureCodeSequence", "ScheduledProcedureStepID", "ScheduledProcedureStepDescription"],
  ...["ScheduledProtocolCodeSequence", "PerformedSeriesSequence", "SeriesInstanceUID", "SeriesDescription", "PerformingPhysicianName"],
  ...["ProtocolName", "OperatorsName", "RetrieveAETitle", "ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence"],
]);

/** What an instance says of patient, study and series. */
const STORE = new Set([
  ...CODE,
  ...PATIENT,
  ...["StudyDate", "StudyTime", "AccessionNumber", "Modality", "Manufacturer", "InstitutionName", "StationName", "StudyDescription"],
  ...[
    "SeriesDescription",
    "SeriesDate",
    "SeriesTime",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "StudyID",
    "SeriesNumber",
    "InstanceNumber",
  ],
  ...["SOPClassUID", "SOPInstanceUID", "BodyPartExamined", "ProcedureCodeSequence", "RequestAttributesSequence", "RequestedProcedureID"],
  ...["ScheduledProcedureStepID", "RequestedProcedureDescription", "ScheduledProcedureStepDescription"],
]);

export interface Projected {
  readonly dataset: Dataset;
  /** Elements that are not passed on, by keyword or tag, sorted; at most `LIMITS.further`. They are in the raw bytes. */
  readonly further: readonly string[];
}

/** The attributes that mappings read: those of the standard's tables, and `also` (the profile's `attributes`). */
export function project(command: Command, dataset: Dataset, also: readonly string[] = []): Projected {
  const wanted = command === "C-STORE" ? STORE : MPPS;
  const further = new Set<string>();
  const walk = (from: Dataset): Dataset => {
    const kept: Dataset = Object.create(null);
    for (const [keyword, value] of Object.entries(from)) {
      if (!wanted.has(keyword) && !also.includes(keyword)) further.add(keyword);
      else kept[keyword] = isList(value) ? value.map((one) => (isItem(keyword, one) ? walk(one) : one)) : value;
    }
    return kept;
  };
  const projected = walk(dataset);
  return { dataset: projected, further: [...further].sort().slice(0, LIMITS.further) };
}

const isList = (value: Dataset[string]): value is readonly (Value | Dataset)[] => Array.isArray(value);
const isItem = (keyword: string, value: Value | Dataset): value is Dataset => typeof value === "object" && !keyword.endsWith("Name");

export interface DocumentParts {
  readonly command: Command;
  readonly sopClass: string;
  readonly sopInstance: string;
  readonly callingAe: string;
  readonly transferSyntax: string;
  /** Of a step: its status from now on. */
  readonly status?: string;
  /** As sent; of an instance what stands before its pixels. */
  readonly raw: Uint8Array;
  /** Absent where the bytes could not be read. */
  readonly projected?: Projected;
  /** N-SET: what its N-CREATE said, as projected then. */
  readonly created?: string;
}

/** The document's text. */
export function documentOf({ projected, created, raw, ...head }: DocumentParts): string {
  return JSON.stringify({
    ...head,
    ...(projected === undefined ? {} : { dataset: projected.dataset }),
    ...(created === undefined ? {} : { created: JSON.parse(created) as unknown }),
    ...(projected === undefined || projected.further.length === 0 ? {} : { further: projected.further.join(" ") }),
    raw: Buffer.from(raw).toString("base64"),
  });
}

/** Statuses after which a performed procedure step takes no N-SET (PS3.4 F.7.2.2). */
export const FINAL = new Set(["COMPLETED", "DISCONTINUED"]);

/**
 * The message's identity. A step ends once: `COMPLETED` and `DISCONTINUED` share a name, so that a second ending with other content is a conflict.
 * N-SETs on the way differ by what they say.
 */
export function identityOf(command: Command, sopInstance: string, status: string | undefined, sha256: string): string {
  if (command === "C-STORE") return `${sopInstance}:store`;
  if (command === "N-CREATE") return `${sopInstance}:create`;
  return status !== undefined && FINAL.has(status) ? `${sopInstance}:end` : `${sopInstance}:set:${sha256.slice(0, 32)}`;
}
