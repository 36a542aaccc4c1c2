/** What partners and the engine tell each other at start, and orders to a partner that make no sense. */

/** Where a running partner is; what it has not got is absent. */
export interface Addresses {
  /** Where the engine reaches it: http://, mllp://, sftp://… */
  readonly url?: string;
  /** Further doors, where it has several. */
  readonly mllp?: string;
  readonly dicom?: string;
  readonly sftp?: string;
  readonly ledger: string;
  readonly faults: string;
  readonly ledgerUrl: string;
  /** What its vendor hands to the hospital on paper: they become `partners.<name>.secrets` of the development profile's credentials. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** What a partner was told of the engine: run.json, as far as it goes. */
export interface EngineTold {
  readonly gateway?: string;
  readonly amqp?: string;
  readonly partners?: Readonly<Record<string, { readonly amqp?: string; readonly key?: string }>>;
  readonly hospital?: Readonly<Record<string, Partial<Addresses>>>;
  /** Doors of a wire: `{"mllp": {"lis": "mllp://127.0.0.1:2575"}}`. */
  readonly [wire: string]: unknown;
}

/** A control order that cannot be followed; its text is the answer. */
export class OrderRefused extends Error {}
