/** The simulated HIS as a running partner: its door, its control door, its desk, and its books as its ledger has them. */
import { join } from "node:path";
import { createListener } from "../listener.ts";
import { openPremises, type PartnerOptions, type RunningPartner } from "../partner.ts";
import { createLaterAnswers } from "./answers.ts";
import { createBook } from "./book.ts";
import { createDesk } from "./desk.ts";
import { createTellings } from "./telling.ts";

/** Starts a HIS. Its books are what its ledger says, so effects outlive a kill. */
export async function startHis(options: PartnerOptions): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const { name, ledger, clock, faults, mode } = premises;
  const book = createBook();
  for await (const line of premises.past()) book.replay(line);
  const answers = createLaterAnswers({
    partner: name,
    file: join(options.dataDir, `${name}.answers.json`),
    record: (line) => premises.record({ ...line, order: null, amount: null, effect: false }),
  });
  const desk = createDesk({ name, book, ledger, clock, faults, answers, mode });
  const listener = await createListener(options.port, faults, desk.handle);
  let sent = 0;
  const tellings = createTellings(premises, () => {
    sent += 1;
  });
  const control = await premises.open({
    setAnswers: answers.set,
    send: tellings.send,
    changed: () => listener.apply(),
    counters: () => ({ ...desk.counters(), sent }),
    listening: listener.listening,
  });
  desk.resumeDeferred();
  return {
    url: listener.url,
    ledger: premises.file,
    faults: control.faultsUrl,
    ledgerUrl: control.ledgerUrl,
    async close() {
      desk.stop();
      await tellings.close();
      await listener.close();
      await premises.close();
    },
  };
}
