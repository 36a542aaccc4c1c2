/** The editor's workbench, put together: its rules are in domain/flows. */
import { createWorkbench, type Workbench } from "../../domain/flows/workbench.ts";
import type { Operations } from "../../domain/operations/ports.ts";
import { replyExamples } from "../../platform/catalogue/examples.ts";
import type { Config } from "../../platform/config.ts";
import { createFinder } from "../../platform/postgres/find.ts";
import type { Postgres } from "../../platform/postgres/index.ts";
import { createOrderFacts } from "../../platform/postgres/order-facts.ts";
import { createStoredMessages } from "../../platform/postgres/stored-message.ts";
import type { Catalogued } from "./catalogue.ts";
import { createSenderAnswers } from "./sender-answers.ts";
import { waitsForFlow } from "./waits.ts";
import type { Work } from "./work.ts";

export function workbenchOf(built: {
  readonly config: Config;
  readonly catalogue: Catalogued;
  readonly postgres: Postgres;
  readonly work: Work;
  readonly operations: Operations;
  /** Where the console listens. */
  readonly console: () => string;
}): Workbench {
  const { config, catalogue, postgres, work, operations } = built;
  const { dialects, partners } = catalogue;
  return createWorkbench({
    catalogue: dialects.catalogue,
    profile: config.profile,
    stored: createStoredMessages(postgres.reads),
    translate: dialects.translateBy,
    translateByDefault: dialects.translateByDefault,
    encodeWriteBack: dialects.encodeWriteBack,
    orderFacts: createOrderFacts(postgres.reads),
    question: dialects.question,
    interpret: dialects.outboundDialect.interpret,
    replies: (mapping) => replyExamples(config.root, mapping),
    answer: createSenderAnswers({
      dialect: dialects.gatewayDialect,
      waits: waitsForFlow({ partner: (name) => partners.get(name), waitMs: dialects.gatewayDialect.waitMs }),
      charsetOf: (name) => dialects.policies().get(name)?.charset,
      nowMs: Date.now,
    }),
    find: createFinder(postgres.reads),
    operations,
    traffic: work.traffic,
    console: built.console,
  });
}
