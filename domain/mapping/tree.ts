/**
 * What XML and JSON have in common once read: named nodes whose every leaf is a text. Attributes are children named `@name`.
 */
export interface Tree {
  readonly name: string;
  /** The node's own characters; "" when it has none but white space beside its children. */
  text: string;
  readonly children: Tree[];
  /** The element's namespace, where namespaces are read. */
  readonly uri?: string;
  /** Of a JSON object: its text as it was written, for what is handed on whole (`as: "json"`). */
  json?: string;
}

/** A document, or why it is none. `at` says where, in the document's own terms (line and column, or a path). */
export type Read =
  | { readonly ok: true; readonly root: Tree }
  | {
      readonly ok: false;
      readonly code: "malformed" | "forbidden" | "too-deep" | "too-many" | "too-large";
      readonly zh: string;
      readonly en: string;
    };

/** Leaves an event-driven reader at the first thing wrong; caught by the reader that threw it. */
export class ReadStop extends Error {
  readonly failure: Extract<Read, { ok: false }>;
  constructor(code: Extract<Read, { ok: false }>["code"], zh: string, en: string) {
    super(en);
    this.failure = { ok: false, code, zh, en };
  }
}
